"""Where the sets and weights of a run lie, and what is said of those that are not there."""

import json

import pytest
from typer.testing import CliRunner

from tests.made_sets import make_images, make_videos
from vsda.cli.app import app
from vsda.cli.train_inputs import (
    command_of,
    require_sets,
    require_weights,
    with_sets,
    with_weights,
)
from vsda.errors import ShardError, UnknownNameError, WeightsError
from vsda.recipes.small import load_train_recipe

MISSING_MODEL = "upernet-swin-t-ade20k"


@pytest.fixture(autouse=True)
def _data(monkeypatch):
    monkeypatch.setenv("VSDA_DATA", "/mnt/data")


def placed(name, *settings, **given):
    return with_sets(load_train_recipe(name, settings), given, name)


def test_given_sets_stand_in_for_those_of_the_recipe():
    recipe = placed("swin-joint-patch", images=["a/one", "b/two"], labelled_videos=["c/three"])
    assert (recipe.images, recipe.labelled_videos) == (("a/one", "b/two"), ("c/three",))
    assert recipe.videos == ()


def test_sets_of_the_recipe_lie_under_the_data_folder():
    recipe = placed("swin-patch")
    assert recipe.images == ("/mnt/data/shards/coco-train",)
    assert recipe.videos == ("/mnt/data/shards/davis-train",)


def test_bare_names_that_are_given_lie_under_the_data_folder_unless_they_are_here(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make_images(tmp_path, 2)
    (tmp_path / "folder").mkdir()
    given = ["coco-train", "images", "folder", "./coco-val", "s3://a/b"]
    recipe = placed("swin-patch", images=given)
    assert recipe.images == (
        "/mnt/data/shards/coco-train",
        "images",
        "folder",
        "./coco-val",
        "s3://a/b",
    )


def test_bare_name_that_is_not_there_is_told_with_a_whole_command():
    with pytest.raises(ShardError, match=r"/coco-train: no such set; `vsda prepare coco` makes it"):
        require_sets(placed("swin-images", images=["coco-train"]))


@pytest.mark.parametrize(
    ("name", "option", "key"),
    [("swin-images", "videos", "videos"), ("swin-videos", "images", "images")],
)
def test_sets_that_a_run_does_not_read_are_passed_over_and_that_is_said(capsys, name, option, key):
    recipe = placed(name, **{option: ["a/one"]})
    assert getattr(recipe, key) == ()
    assert capsys.readouterr().err == f"{name} uses no {key}; --{option} is passed over\n"


def test_labelled_videos_can_be_given_to_any_recipe():
    assert placed("swin-images", labelled_videos=["a/one"]).labelled_videos == ("a/one",)


def test_unlabelled_videos_whose_labels_are_counted_are_kept():
    assert placed("swin-images", "class_weights.source=videos").videos


@pytest.mark.parametrize(
    ("place", "classes", "command"),
    [
        ("/mnt/data/shards/davis-train", "shared:davis", "vsda prepare davis"),
        ("/mnt/data/shards/coco-train", "person,dog", "vsda prepare coco"),
        (
            "/mnt/data/shards/coco-train",
            "shared:fbms",
            "vsda prepare coco --classes shared:fbms",
        ),
        ("/mnt/data/shards/coco-train", "all", "vsda prepare coco --classes all"),
        ("/mnt/data/shards/fbms-train", "shared:fbms", "vsda prepare fbms"),
        ("/mnt/data/shards/voc-unlabelled", None, "vsda prepare voc --split unlabelled"),
        ("/mnt/data/shards/ytbb-train", None, "vsda fetch ytbb"),
        ("/mnt/data/shards/ytbb-val", None, "vsda fetch ytbb --split val"),
        ("elsewhere/davis-val", None, "vsda prepare davis --out elsewhere"),
        ("davis-val", None, "vsda prepare davis --out ."),
        ("/mnt/data/shards/davis-trian", None, None),
        ("/mnt/data/shards/mine-train", None, None),
        ("/mnt/data/shards/mine", None, None),
    ],
)
def test_command_that_makes_a_set_is_known_by_its_name(place, classes, command):
    assert command_of(place, classes) == command


def test_all_sets_that_are_not_there_are_told_with_what_makes_them(monkeypatch, tmp_path):
    monkeypatch.setenv("VSDA_DATA", str(tmp_path))
    shards = tmp_path / "shards"
    with pytest.raises(ShardError) as caught:
        require_sets(placed("swin-fbms-joint"))
    assert str(caught.value) == (
        f"{shards}/coco-train: no such set; `vsda prepare coco --classes shared:fbms` makes it, "
        f"--images names another; {shards}/fbms-train: no such set; `vsda prepare fbms` makes it, "
        "--labelled-videos names another"
    )


def test_sets_that_are_there_are_not_told(tmp_path):
    images, videos = make_images(tmp_path, 2), make_videos(tmp_path, 2)
    require_sets(
        placed(
            "swin-patch",
            images=[f"{images.folder}/images"],
            videos=[f"{videos.folder}/videos"],
        )
    )


def test_set_of_an_unknown_name_is_told_with_its_neighbours(tmp_path):
    make_images(tmp_path, 2)
    with pytest.raises(ShardError, match="Did you mean 'images'"):
        require_sets(placed("swin-images", images=[str(tmp_path / "imagse")]))


def test_init_stands_in_for_the_weights_of_the_recipe():
    recipe = load_train_recipe("swin-images")
    assert with_weights(recipe, None).init.weights == MISSING_MODEL
    assert with_weights(recipe, "mine.pt").init.weights == "mine.pt"
    assert with_weights(recipe, "none").init.weights == ""


def test_weights_that_are_not_there_are_told_with_what_brings_them(tmp_path):
    with pytest.raises(WeightsError) as caught:
        require_weights(load_train_recipe("swin-images"), tmp_path)
    assert f"`vsda weights fetch {MISSING_MODEL}` brings them" in str(caught.value)
    assert str(caught.value).endswith("; `--init none` starts from random weights")


def test_file_of_weights_that_is_not_there_is_told(tmp_path):
    recipe = with_weights(load_train_recipe("swin-images"), str(tmp_path / "no.pt"))
    with pytest.raises(WeightsError, match=r"no\.pt: no such file of weights; `vsda weights list`"):
        require_weights(recipe, tmp_path)


def test_unknown_name_of_weights_is_told(tmp_path):
    recipe = with_weights(load_train_recipe("swin-images"), "upernet-swin-t")
    with pytest.raises(UnknownNameError, match=f"Did you mean '{MISSING_MODEL}'"):
        require_weights(recipe, tmp_path)


def test_weights_of_another_network_are_told_with_those_that_fit(tmp_path):
    recipe = load_train_recipe("swin-images", ["network.name=timm_upernet"])
    with pytest.raises(WeightsError) as caught:
        require_weights(recipe, tmp_path)
    assert str(caught.value).startswith(
        f"init.weights: {MISSING_MODEL} are weights for swin_upernet and video_swin_upernet, not "
        "for network.name timm_upernet; `--init none` starts from random weights, --init NAME "
        "from others: convnext-t-imagenet, "
    )


def test_weights_that_are_there_and_random_ones_are_fine(tmp_path):
    (tmp_path / "my.pt").touch()
    recipe = load_train_recipe("swin-images")
    require_weights(with_weights(recipe, str(tmp_path / "my.pt")), tmp_path)
    require_weights(with_weights(recipe, "https://host/my.pth"), tmp_path)
    require_weights(with_weights(recipe, "none"), tmp_path)


@pytest.fixture
def train(monkeypatch, tmp_path):
    """Run `vsda train` in this process, in a folder with two small sets."""
    monkeypatch.delenv("VSDA_DATA")
    monkeypatch.chdir(tmp_path)
    make_images(tmp_path / "shards", 4)
    make_videos(tmp_path / "shards", 4)
    common = ("--images", "shards/images", "--set", "classes=person,dog", "--set", "steps=1")
    return lambda *words: CliRunner().invoke(app, ["train", *words, *common])


def test_small_run_by_its_plain_words_and_its_weights_for_the_next(train, tmp_path):
    first = train("swin-images", "--small")
    assert first.stdout.strip() == "runs/swin-images-small-1/checkpoints/step-000001.pt"
    videos = ("--labelled-videos", "shards/videos", "--init", "runs/swin-images-small-1")
    second = train("swin-joint", "--small", *videos)
    assert second.stdout.strip() == "runs/swin-joint-small-1/checkpoints/step-000001.pt"
    provenance = json.loads((tmp_path / "runs/swin-joint-small-1/provenance.json").read_text())
    assert provenance["initial_weights"]["file"].endswith(
        "swin-images-small-1/checkpoints/step-000001.pt"
    )
    assert provenance["class_weights"]["sets"] == ["videos"]


def test_run_without_its_weights_leaves_no_folder(train, tmp_path):
    failed = train("swin-images")
    assert isinstance(failed.exception, WeightsError)
    assert "vsda weights fetch upernet-swin-t-ade20k" in str(failed.exception)
    assert not (tmp_path / "runs").exists()
