"""Exported networks, each made once: an export takes seconds."""

import pytest

from tests.made_runs import make_run
from vsda.evaluation.trained import open_run
from vsda.export.run import ExportOptions, export


class ExportedRun:
    """A run of a small network and its ONNX file."""

    def __init__(self, folder, network, **settings):
        make_run(folder / "run", network, averaged=True, **settings)
        self.trained = open_run(folder / "run")
        self.path = folder / f"{network}.onnx"
        self.done = export(folder / "run", self.path, ExportOptions())


@pytest.fixture(scope="session")
def swin(tmp_path_factory):
    """A Swin, which has windows that are rolled, filled up, and pools of 4 cells into 3 and 6."""
    return ExportedRun(tmp_path_factory.mktemp("swin"), "swin_upernet")
