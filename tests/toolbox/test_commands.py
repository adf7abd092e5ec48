"""`vsda shards resize`, `merge` and `split` as a user types them."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.shards.frames import frame, make_set
from tests.toolbox.scenes import make_scenes, scene
from vsda.cli import shards_rework
from vsda.errors import UnknownNameError, UsageError
from vsda.shards.index import open_set


@pytest.fixture
def run(tmp_path):
    """Run a command in this process; returns its result."""
    app = typer.Typer()
    for command in (shards_rework.resize, shards_rework.merge, shards_rework.split):
        app.command(command.__name__)(command)

    def call(*words, code=0, raises=None):
        result = CliRunner().invoke(app, [*map(str, words), "--workers", "1"])
        if raises is not None:
            assert isinstance(result.exception, raises[0]), result.exception
            assert raises[1] in str(result.exception)
        else:
            assert result.exit_code == code, result.output
        return result

    return call


def test_resize_says_how_much_less_is_to_be_read(run, tmp_path):
    make_scenes(tmp_path / "in")
    result = run("resize", tmp_path / "in", "--out", tmp_path / "out", "--short-side", "16")
    index = open_set(str(tmp_path / "out")).index
    size, source = (
        sum(path.stat().st_size for path in (tmp_path / folder).glob("*.tar"))
        for folder in ("out", "in")
    )
    assert index.num_samples == 12
    assert result.stdout == (
        f"davis-train: 12 frames, 6 sequences, 3 shards, {size / 1e6:.1f} of {source / 1e6:.1f} "
        f"MB, {source / size:.1f} times less to read  {tmp_path}/out/davis-train.index.json\n"
    )
    again = run("resize", tmp_path / "in", "--out", tmp_path / "out", "--short-side", "16")
    assert "times less to read (up to date)  " in again.stdout


def test_resize_prints_json(run, tmp_path):
    make_scenes(tmp_path / "in", num_shards=1)
    words = ("--out", tmp_path / "out", "--size", "20x10", "--quality", "80", "--json")
    (found,) = json.loads(run("resize", tmp_path / "in", *words).stdout)
    assert found["settings"]["resize"]["size_px"] == [20, 10]
    assert found["settings"]["resize"]["quality"] == 80
    assert found["class_frames"] == {"person": 4}
    assert (found["samples"], found["shards"], found["up_to_date"]) == (4, 1, False)


def test_resize_tells_frames_that_failed_by_its_exit_code(run, tmp_path):
    make_set(tmp_path / "in", [[scene(0), scene(1, jpg=b"x")]])
    words = ("--out", tmp_path / "out", "--short-side", "16")
    assert ", 1 failed  " in run("resize", tmp_path / "in", *words, code=3).stdout


def test_what_a_user_should_know_goes_to_stderr(run, tmp_path):
    make_scenes(tmp_path / "in", num_shards=1, notes=("a note",))
    words = ("--out", tmp_path / "out", "--short-side", "64")
    result = run("resize", tmp_path / "in", *words)
    assert result.stderr.splitlines() == [
        "davis-train: note: a note",
        "davis-train: note: 4 frames are small enough already and keep their bytes",
    ]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("--size", "320"), UsageError, "--size '320': expected WIDTHxHEIGHT, such as 320x240"),
        ((), UsageError, "give either --short-side PIXELS or --size WIDTHxHEIGHT"),
        (("--size", "8x8", "--short-side", "8"), UsageError, "give either --short-side"),
        (("--short-side", "8", "--engine", "rya"), UnknownNameError, "Did you mean 'ray'?"),
        (("--short-side", "8", "--address", "auto"), UsageError, "is for --engine ray"),
        (("--short-side", "8", "--out", "s3:/x/y"), UsageError, "neither a folder nor a URL"),
    ],
)
def test_a_wrong_option_is_told(run, tmp_path, words, error, message):
    make_scenes(tmp_path / "in", num_shards=1)
    run("resize", tmp_path / "in", "--out", tmp_path / "out", *words, raises=(error, message))
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_told(run, tmp_path):
    make_scenes(tmp_path / "in", num_shards=1)
    (tmp_path / "out").write_text("")
    words = ("resize", tmp_path / "in", "--out", tmp_path / "out", "--short-side", "8")
    run(*words, raises=(UsageError, "a file is in the way; give a folder"))


def test_merge_says_what_it_made(run, tmp_path):
    make_set(tmp_path / "a", [[frame(0)]])
    make_set(tmp_path / "b", [[frame(0, "cows")]], name="more")
    words = ("merge", tmp_path / "a", tmp_path / "b", "--name", "all", "--out", tmp_path / "out")
    line = run(*words).stdout
    assert line.startswith("all: 2 frames, 2 sequences, 2 shards, 0.0 MB  ")
    assert json.loads(run(*words, "--json").stdout)["up_to_date"]


def test_split_shows_the_balance_of_the_classes(run, tmp_path):
    make_set(tmp_path / "in", [[frame(0, "a"), frame(1, "a"), frame(0, "b")]])
    (tmp_path / "list").write_text("a\ttrain\nb\tval\n")
    words = ("split", tmp_path / "in", "--list", tmp_path / "list", "--out", tmp_path / "out")
    lines = run(*words).stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["davis-train", "davis-val"]
    assert [line.split() for line in lines[2:]] == [
        ["frames", "with", "davis-train", "davis-val"],
        ["person", "2", "1"],
    ]
    found = json.loads(run(*words, "--json").stdout)
    assert [one["class_frames"] for one in found] == [{"person": 2}, {"person": 1}]


def test_split_takes_shares_a_seed_and_a_name(run, tmp_path):
    make_set(tmp_path / "in", [[frame(0, f"s{number}") for number in range(20)]])
    words = ("--parts", "x=0.5,y=0.5", "--seed", "4", "--name", "mini", "--out", tmp_path / "out")
    found = json.loads(run("split", tmp_path / "in", *words, "--json").stdout)
    assert [one["name"] for one in found] == ["mini-x", "mini-y"]
    assert found[0]["settings"]["split"]["seed"] == 4


@pytest.mark.parametrize("command", ["resize", "merge", "split"])
def test_every_option_is_explained(command):
    import inspect

    function = getattr(shards_rework, command)
    assert "Example: vsda shards " in function.__doc__
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        assert parameter.annotation.__metadata__[0].help, name
