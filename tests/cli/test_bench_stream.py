"""`vsda bench stream`, as a user runs it."""

import gc
import json
import warnings

import pytest
from typer.testing import CliRunner

from tests.made_sets import make_videos
from vsda.cli.app import app

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True, scope="module")
def left_open():
    """The bare library leaves tars open: they are closed here, not in the midst of other tests."""
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


@pytest.fixture
def bench(tmp_path):
    make_videos(tmp_path, 9)

    def run(*options):
        small = ["--pictures", "8", "--size-px", "16", "--batch", "4", "--repeats", "1"]
        command = ["bench", "stream", "--shards", f"{tmp_path}/videos", *small, *options]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_the_table_says_what_was_measured_and_how(bench):
    said = bench()
    assert "videos, labelled: 8 pictures of 32x32 pixels and" in said
    assert "videos, unlabelled: 8 pictures of 32x32 pixels and" in said
    for words in ("vsda ", "webdataset ", "folder ", "decoding alone ", "1.00"):
        assert words in said
    assert "batches of 4 squares of 16 pixels, one thread, 1 rounds in turns" in said


def test_json_has_every_figure(bench):
    found = json.loads(bench("--json"))
    assert found["batch"] == 4
    assert found["results"][0]["rows"][0]["name"] == "vsda"
    assert all(row["per_core"] > 0 for row in found["results"][1]["rows"])
