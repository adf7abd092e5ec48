"""The command `vsda prepare folder`."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.fake_worlds import jpeg, mask_png, values, write
from vsda.cli.prepare_folder import folder
from vsda.errors import UsageError
from vsda.shards.index import open_set

app = typer.Typer()
app.command()(folder)


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(word) for word in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of two labelled frames and an unlabelled one; VSDA_DATA is above it."""
    monkeypatch.setenv("VSDA_DATA", str(tmp_path))
    root = tmp_path / "my films"
    for number in (1, 2, 3):
        write(root / f"images/s/{number}.jpg", jpeg())
    for number in (1, 2):
        write(root / f"masks/s/{number}.png", mask_png(values(0, 7, 9)))
    write(root / "classes.csv", b"value,class\n7,zebra\n9,person\n")
    return root


def test_the_set_is_called_after_the_folder_and_has_all_classes(data, tmp_path):
    result = run("--root", data, "--class-map", data / "classes.csv")
    assert result.stdout.startswith("my-films-train: 3 frames, 1 sequences, 2 classes, 1 shards, ")
    assert "note: 1 of 3 images have no mask and are not labelled" in result.stderr
    index = open_set(str(tmp_path / "shards" / "my-films-train")).index
    assert index.class_frames == {0: 2, 1: 2, 24: 2}
    assert index.command == (
        "vsda prepare folder --split train --remap coco --classes all --class-map classes.csv"
    )


def test_name_split_and_classes_can_be_chosen(data, tmp_path):
    run("--root", data, "--name", "zoo", "--split", "night_2", "--classes", "person", "--class-map",
        data / "classes.csv", "--outside", "ignore")  # fmt: skip
    index = open_set(str(tmp_path / "shards" / "zoo-night_2")).index
    assert (index.dataset, index.split, index.class_frames) == (
        "zoo",
        "night_2",
        {0: 2, 1: 2, 255: 2},
    )


def test_masks_without_a_class_map_are_a_mistake_in_the_use(data):
    result = CliRunner().invoke(app, ["--root", str(data)])
    assert isinstance(result.exception, UsageError)
    assert "or keep the values as they are with --remap none" in str(result.exception)
    run("--root", data, "--remap", "none")


def test_a_dry_run_as_json(data, tmp_path):
    (planned,) = json.loads(
        run("--root", data, "--class-map", data / "classes.csv", "--dry-run", "--json").stdout
    )
    assert planned["sequences"] == [{"name": "s", "frames": 3, "classes": ["person", "zebra"]}]
    assert planned["class_frames"] == {"person": 2, "zebra": 2}
    assert planned["outcomes"] == {"ok": 3}
    assert not (tmp_path / "shards").exists()


def test_a_broken_image_gives_exit_code_3(data):
    write(data / "images/s/3.jpg", b"broken")
    run("--root", data, "--class-map", data / "classes.csv", code=3)


def test_own_options_reach_the_listing(data, tmp_path):
    write(data / "clip.mp4", b"")
    result = run("--root", data, "--still", "--images", "images", "--licence", "mine", "--remap",
                 "none", "--out", tmp_path / "o", "--dry-run", "--json")  # fmt: skip
    (planned,) = json.loads(result.stdout)
    assert (planned["sequences"], planned["settings"]["licence"]) == ([], "mine")
    result = run("--root", data, "--videos", ".", "--fps", "30000/1001", "--short-side", "64",
                 "--dry-run", "--json")  # fmt: skip
    (planned,) = json.loads(result.stdout)
    settings = planned["settings"]
    assert (settings["fps"], settings["short_side_px"]) == ("30000/1001", 64)
    assert [row["name"] for row in planned["sequences"]] == ["clip"]


def test_every_option_has_a_help_text():
    options = [row for row in typer.main.get_command(app).params if row.name != "help"]
    assert len(options) >= 20
    assert all(option.help for option in options)
