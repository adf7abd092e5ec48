"""`vsda evaluate` as a user meets it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.made_runs import make_run
from tests.made_sets import make_images, make_videos
from vsda.cli.evaluate import evaluate
from vsda.errors import RunError, UnknownNameError, UsageError

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two runs, a set of images and a set of videos, as words of a command line."""
    folder = tmp_path_factory.mktemp("evaluate")
    for name, step in (("first", 3), ("second", 5)):
        make_run(folder / name, step=step)
    images, videos = make_images(folder, 5), make_videos(folder, 4)
    places = [f"{each.folder}/{each.index.name}" for each in (images, videos)]
    return [str(folder / "first"), str(folder / "second")], places


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_several_runs_and_sets_are_shown_side_by_side_with_the_gap(world):
    runs, places = world
    shown = invoke(*runs, *places).stdout
    for run in ("first", "second"):
        assert f"{run} on images, step" in shown
        assert f"{run}: " in shown
    assert shown.count("domain gap") == 2
    (header,) = [line for line in shown.splitlines() if line.startswith("run  ")]
    assert " ".join(header.split()) == "run set mean IoU 95 % difference 95 % of it"


def test_one_score_is_an_object_and_several_are_a_list(world):
    runs, places = world
    one = json.loads(invoke(runs[0], places[0], "--json").stdout)
    assert {"mean_iou", "iou", "interval", "davis", "stability"} <= one.keys()
    several = json.loads(invoke(*runs, *places, "--json", "--metrics", "iou").stdout)
    assert [(each["run"], each["set"]) for each in several] == [
        (run, name) for run in ("first", "second") for name in ("images", "videos")
    ]
    assert "davis" not in several[0]
    assert [each["difference"]["to"] for each in several[2:]] == ["first", "first"]


def test_views_are_said_in_the_table_and_kept(world):
    runs, places = world
    options = ("--scales", "0.5,1", "--flip", "--slide", "--metrics", "iou")
    shown = invoke(runs[0], places[1], *options).stdout
    assert "scales 0.5, 1, mirrored, too, in windows" in shown
    found = json.loads(invoke(runs[0], places[1], *options, "--json").stdout)
    assert found["views"] == {"scales": [0.5, 1.0], "flip": True, "slide": True}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--metrics", "jf,stabilty"], UnknownNameError, "Did you mean 'stability'"),
        (["--scales", "big"], UsageError, "expected numbers with commas"),
        (["--scales", "0"], UsageError, "expected different numbers above 0"),
        (["--checkpoint", "best"], RunError, "no best checkpoint"),
    ],
)
def test_options_without_sense_are_told(world, options, error, message):
    runs, places = world
    found = invoke(runs[0], places[0], *options).exception
    assert isinstance(found, error)
    assert message in str(found)


def test_what_is_missing_or_given_twice_is_told(world, tmp_path):
    runs, places = world
    for words, message in (
        (runs, "expected run folders and then labelled sets"),
        ([runs[0], runs[0], places[0]], "name each once"),
        ([runs[0], places[0], places[0]], "name each once"),
    ):
        found = invoke(*words).exception
        assert isinstance(found, UsageError)
        assert message in str(found)
    make_run(tmp_path / "first")
    same = invoke(runs[0], tmp_path / "first", places[0], "--save-masks", tmp_path / "masks")
    assert "two of the run folders have the same name" in str(same.exception)
