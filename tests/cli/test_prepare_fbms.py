import json

import pytest
import typer
from typer.testing import CliRunner

from tests.fake_fbms import small_fbms, write
from vsda.cli.prepare_fbms import fbms
from vsda.errors import RecipeError, UnknownNameError
from vsda.shards.index import open_set


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setenv("VSDA_DATA", str(tmp_path))
    return small_fbms(tmp_path / "fbms")


def run(*arguments, code=0):
    app = typer.Typer()
    app.command()(fbms)
    result = CliRunner().invoke(app, [str(word) for word in arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_users_own_words_work_as_they_stand(tree, tmp_path):
    lines = run("--remap", "coco").stdout.splitlines()
    assert lines[0].startswith("fbms-train: 6 frames, 2 sequences, 2 classes, 1 shards, ")
    assert lines[1].startswith("fbms-test: 2 frames, 1 sequences, 1 classes, 1 shards, ")
    index = open_set(str(tmp_path / "shards" / "fbms-train")).index
    assert index.command == "vsda prepare fbms --split train --remap coco"


def test_notes_go_to_stderr(tree):
    assert "fbms-train: note: left out, all regions less certain" in run("--split", "train").stderr


def test_the_options_of_fbms_arrive(tree):
    found = run("--frames", "all", "--certainty", "unsure", "--split", "train", "--json")
    (report,) = json.loads(found.stdout)
    assert report["class_frames"] == {"car": 2, "cat": 4, "person": 2}
    assert report["samples"] == 12


def test_a_dry_run_writes_nothing(tree, tmp_path):
    assert "fbms-test: would write 2 frames" in run("--dry-run").stdout
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [("--frames", "labelled"), ("--certainty", "seen")],
)
def test_a_wrong_word_is_answered_with_the_known_ones(tree, option, message):
    result = CliRunner().invoke(_app(), [option, "nonsense"])
    assert isinstance(result.exception, UnknownNameError | RecipeError)
    assert f"unknown {option} 'nonsense'" in str(result.exception)
    assert message in str(result.exception)


def test_review_writes_a_page_and_no_shards(tree, tmp_path):
    result = run("--review", tmp_path / "regions.html")
    assert result.stdout == (
        f"9 regions, 7 that nobody has looked at  {tmp_path / 'regions.html'}\n"
    )
    text = (tmp_path / "regions.html").read_text()
    assert "marple1" in text
    assert "rabbits01" in text
    assert not (tmp_path / "shards").exists()


def test_review_tells_what_it_cannot_show(tree, tmp_path):
    write(tree.definition("train", "cars2"), b"nonsense")
    result = run("--review", tmp_path / "regions.html", "--json", code=3)
    facts = json.loads(result.stdout)
    assert (facts["regions"], facts["unsettled"], facts["failed"]) == (7, 5, 1)
    assert "unreadable: Trainingset/cars2/GroundTruth/cars2Def.dat:1: expected" in result.stderr


def _app():
    app = typer.Typer()
    app.command()(fbms)
    return app
