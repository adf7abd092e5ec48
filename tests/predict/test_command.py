"""`vsda predict` as a user meets it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.predict.made import pictures, write_jpegs
from vsda.cli.predict import predict
from vsda.errors import UnknownNameError, UsageError

app = typer.Typer()
app.command()(predict)


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def clip(tmp_path):
    write_jpegs(tmp_path / "clip", pictures(3))
    return tmp_path / "clip"


def test_what_was_written_is_told(pictures_run, clip, tmp_path):
    out = tmp_path / "out"
    lines = run(pictures_run, clip, "--out", out, "--device", "cpu").stdout.splitlines()
    assert lines[1].split() == ["clip", "3", f"{out}/overlay/clip.mp4", f"{out}/Annotations/clip"]


def test_json_and_exit_codes(pictures_run, clip, tmp_path):
    arguments = ("--out", tmp_path / "out", "--as", "masks", "--json", "--device", "cpu")
    told = json.loads(run(pictures_run, clip, tmp_path / "no.mp4", *arguments, code=3).stdout)
    assert [one["name"] for one in told["videos"]] == ["clip"]
    assert told["failures"][0]["source"] == str(tmp_path / "no.mp4")
    run(pictures_run, tmp_path / "no.mp4", *arguments, code=1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--as", "overlays"), UnknownNameError),
        (("--as", ","), UsageError),
        (("--fps", "quick"), UsageError),
        (("--start", "3", "--stop", "2"), UsageError),
        (("--size", "3"), UsageError),
        (("--device", "abacus"), UsageError),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, error, pictures_run, clip, tmp_path):
    words = [str(word) for word in (pictures_run, clip, "--out", tmp_path / "out", *arguments)]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, error)
    assert arguments[0] in str(result.exception)
    assert not (tmp_path / "out").exists()
