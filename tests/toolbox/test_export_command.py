"""`vsda shards export` as a command."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.shards.frames import make_set
from tests.toolbox.export_frames import clip
from vsda.cli.shards_export import export
from vsda.errors import UnknownNameError


@pytest.fixture
def run(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 2)])
    app = typer.Typer()
    app.command()(export)

    def run(*arguments):
        done = CliRunner().invoke(app, [f"{tmp_path}/sets", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_command_says_what_it_wrote(run, tmp_path):
    done = run("--as", "coco-instances", "--out", f"{tmp_path}/out")
    assert done.exit_code == 0
    assert done.stdout == (
        f"{tmp_path}/out: 2 frames of 1 sequences, 2 segments, 3 files (coco-instances)\n"
    )
    assert "note: 2 frames have void regions" in done.stderr


def test_command_has_json(run, tmp_path):
    done = run("--as", "folder", "--out", f"{tmp_path}/out", "--sequence", "bear", "--json")
    found = json.loads(done.stdout)
    assert (found["files"], found["frames"], found["sequences"]) == (9, 2, 1)
    assert found["segments"] == 0


def test_command_refuses_an_unknown_layout_as_a_mistake_of_use(run, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown --as 'yolo'") as refused:
        run("--as", "yolo", "--out", f"{tmp_path}/out")
    assert refused.value.exit_code == 2


def test_command_needs_out_and_as(run):
    assert run("--as", "folder").exit_code == 2
    assert run("--out", "somewhere").exit_code == 2
