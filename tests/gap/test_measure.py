"""A real run and what it started from, measured through the command and in parts."""

import dataclasses
import io
import json
import shutil

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.gap.made_tokens import make_clips, make_stills
from tests.made_runs import make_run
from tests.made_sets import make_sample, make_set
from tests.training.small import DOMAIN, small_recipe
from vsda.cli.app import app
from vsda.errors import RunError, UsageError
from vsda.gap.measure import GapOptions, measure_gap
from vsda.gap.networks import open_networks
from vsda.gap.remarks import remarks
from vsda.gap.write import write_gap
from vsda.shards.index import open_set
from vsda.training.inputs import open_inputs
from vsda.training.run import RunOptions, train


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run of the domain loss that started from the weights of another one, with its sets."""
    folder = tmp_path_factory.mktemp("world")
    make_stills(folder / "shards", 12)
    make_clips(folder / "shards", 8, 2)
    make_run(folder / "pretrained")
    places = {
        "images": (str(folder / "shards" / "images"),),
        "videos": (str(folder / "shards" / "videos"),),
        "init": {"weights": str(folder / "pretrained")},
    }
    recipe = small_recipe(adversarial=DOMAIN, steps=6, **places)
    train(recipe, open_inputs(recipe), RunOptions(run_dir=folder / "run"))
    return folder


def sets(world):
    return [open_set(str(world / "shards" / name)) for name in ("images", "videos")]


@pytest.fixture(scope="module")
def printed(world):
    """What the command printed, with the folder it wrote."""
    arguments = [
        "gap",
        str(world / "run"),
        *(str(world / "shards" / name) for name in ("images", "videos")),
    ]
    options = ["--before", "--tokens", "4", "--json"]
    result = CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_command_finds_the_gap_before_and_after(printed):
    assert [each["name"] for each in printed["networks"]] == ["run-start", "run"]
    assert [each["step"] for each in printed["networks"]] == [0, 6]
    for network in printed["networks"]:
        assert list(network["taps"]) == ["patch", "stage1", "stage2"]
        for tap in network["taps"].values():
            # The videos are much darker than the images.
            assert tap["frames"]["probe"]["distance"] > 1
            assert tap["frames"]["probe"]["num_images"] == 12
            assert tap["frames"]["probe"]["num_videos"] == 8
            assert tap["frames"]["mmd"]["p_value"] < 0.01


def test_command_finds_classes_and_asks_the_discriminator(printed):
    start, run = printed["networks"]
    assert start["discriminator"] is None
    assert run["discriminator"]["tap"] == run["looks_at"] == "patch"
    assert 0 <= run["discriminator"]["accuracy"] <= 1
    assert run["no_classes"] == ""
    assert run["taps"]["patch"]["class_probe"]["classes"] == ["background", "person", "dog"]
    assert set(run["taps"]["patch"]["classes"]) == {"background", "person", "dog"}
    assert any(
        "training took the tokens' distance at patch from" in each for each in printed["remarks"]
    )


def test_command_leaves_numbers_and_pictures_in_the_run(printed, world):
    folder = world / "run" / "gap"
    assert json.loads((folder / "gap.json").read_text()) == printed
    assert {path.name for path in folder.iterdir()} == {"gap.json", "run.png", "run-start.png"}
    for network in printed["networks"]:
        with Image.open(folder / network["picture"]) as png:
            assert png.width > 900
            assert len(png.convert("RGB").getcolors(1 << 20)) > 50


def test_command_prints_tables(world, tmp_path):
    place = str(world / "shards" / "images")
    arguments = [
        "gap",
        str(world / "run"),
        place,
        place,
        "--tokens",
        "2",
        "--out",
        str(tmp_path / "control"),
    ]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "PAD of tokens (95 %)" in result.stdout
    assert "images was given twice, so that one half of it is compared" in result.stdout
    assert "images has 6 sequences and single pictures among the 6 frames" in result.stdout
    numbers = json.loads((tmp_path / "control" / "gap.json").read_text())
    assert numbers["is_control"]
    found = numbers["networks"][0]["taps"]["patch"]
    assert found["tokens"]["probe"]["low"] < 0.3
    assert found["tokens"]["mmd"]["p_value"] > 0.01


@pytest.mark.slow
def test_same_command_gives_the_same_bytes(world, tmp_path):
    networks = open_networks({world / "run": None})
    for name in ("one", "two"):
        write_gap(
            measure_gap(networks, *sets(world), GapOptions(samples=6, tokens=2)), tmp_path / name
        )
    for name in ("gap.json", "run.png"):
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_sets_without_labels_are_compared_without_classes(world, tmp_path):
    bare = [
        dataclasses.replace(make_sample(i, size_px=32, sequence=f"c{i // 2}"), seg=None)
        for i in range(8)
    ]
    videos = make_set(tmp_path, "bare", bare)
    networks = open_networks({world / "run": None})
    gap = measure_gap(networks, sets(world)[0], videos, GapOptions(samples=8, tokens=4))
    network = gap.result.networks[0]
    assert "bare: has no seg.png" in network.no_classes
    assert network.taps["patch"].classes == {}
    assert network.taps["patch"].class_probe is None
    assert any(
        "nothing about classes, as labels are missing" in each for each in remarks(gap.result)
    )
    with Image.open(io.BytesIO(gap.pictures["run.png"])) as png:
        assert png.height < 500  # one row


def test_start_is_what_the_run_started_from(world):
    start, run = open_networks({world / "run": None}, starts_from=world)
    other = open_networks({world / "pretrained": None})[0]
    trained, first, given = (each.trained.network.state_dict() for each in (run, start, other))
    assert all(given[name].equal(value) for name, value in first.items())
    assert not all(trained[name].equal(value) for name, value in first.items())


def test_start_that_two_runs_share_is_measured_once(world, tmp_path):
    shutil.copytree(world / "run", tmp_path / "again" / "run")
    runs = {world / "run": None, tmp_path / "again" / "run": None}
    names = [each.name for each in open_networks(runs, starts_from=world)]
    assert names == [f"{world.name}/run-start", f"{world.name}/run", "again/run"]


def test_runs_in_folders_of_the_same_name_have_pictures_of_their_own(world, tmp_path):
    shutil.copytree(world / "run", tmp_path / "again" / "run")
    networks = open_networks({world / "run": None, tmp_path / "again" / "run": None})
    gap = measure_gap(networks, *sets(world), GapOptions(samples=4, tokens=2))
    assert set(gap.pictures) == {f"{world.name}-run.png", "again-run.png"}
    write_gap(gap, tmp_path / "gap")
    assert (tmp_path / "gap" / "again-run.png").is_file()


def test_a_run_given_twice_is_refused(world):
    with pytest.raises(UsageError, match="run: given twice; name each run folder once"):
        open_networks({world / "run": None, world / "run" / ".." / "run": None})


def test_weights_that_changed_since_are_no_start(world, tmp_path):
    record = json.loads((world / "run" / "provenance.json").read_text())
    record["initial_weights"]["sha256"] = "0" * 64
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoints").symlink_to(world / "run" / "checkpoints")
    (run / "provenance.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"with the SHA-256 000000000000\.\.\., and .* now has"):
        open_networks({run: None}, starts_from=world)


def test_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(RunError, match="no checkpoint; is it a run folder"):
        open_networks({tmp_path: None})
