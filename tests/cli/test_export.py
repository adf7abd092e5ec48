"""`vsda export` as a user meets it."""

import json
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.made_runs import make_run
from vsda.cli.export import export_network
from vsda.errors import RunError
from vsda.export.facts import ExportError
from vsda.models.weights import read_weights

app = typer.Typer()
app.command()(export_network)


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def run_dir(tmp_path):
    make_run(tmp_path / "run", step=5, score=0.5)
    make_run(tmp_path / "run", step=10, averaged=True)
    return tmp_path / "run"


def test_what_was_written_is_told(run_dir, tmp_path):
    out = tmp_path / "net.safetensors"
    (line,) = run(run_dir, "--out", out).stdout.splitlines()
    assert line.startswith(f"{out}: ")
    assert line.endswith(" kB, step 10, averaged weights")
    assert read_weights(out).network == "swin_upernet"


def test_the_best_checkpoint_is_taken_if_asked_for(run_dir, tmp_path):
    found = json.loads(
        run(run_dir, "--out", tmp_path / "x.safetensors", "--checkpoint=best", "--json").stdout
    )
    assert (found["step"], found["is_average"], found["parity"]) == (5, False, [])


def test_a_folder_that_is_no_run_is_told(tmp_path):
    result = run(tmp_path, "--out", tmp_path / "net.onnx", code=1)
    assert isinstance(result.exception, RunError)


def test_a_missing_package_is_told_with_what_brings_it(run_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = run(run_dir, "--out", tmp_path / "net.onnx", code=1)
    assert isinstance(result.exception, ExportError)
    assert str(result.exception) == (
        ".onnx needs onnxruntime, which this installation lacks; pip install 'vsda[export]'"
    )
    assert not (tmp_path / "net.onnx").exists()
