"""Every row of the paper's tables, small, on real samples: prepare, three steps, predict."""

import json
import math

import pytest
import torch

from vsda.cli.prepare import resolve_options
from vsda.evaluation.trained import open_run
from vsda.manifests import weights_sources
from vsda.prepare import prepare as prepare_set
from vsda.recipes.load import recipe_paths
from vsda.recipes.small import load_train_recipe
from vsda.taxonomy import class_set
from vsda.training.build import build_network
from vsda.training.inputs import open_inputs
from vsda.training.run import RunOptions, train

FAMILIES = ("cnn-", "swin-", "videoswin-")
OURS = "swin-best"
ROWS = [name for name in recipe_paths("train") if name.startswith(FAMILIES) and name != OURS]
CI_ROWS = (
    OURS,
    "cnn-global",
    "cnn-joint-global",
    "swin-fbms-patch",
    "swin-global-ytbb",
    "swin-patch-clustered-pascal",
    "swin-videos-patch",
    "videoswin-patch",
    "videoswin-patch-clustered",
    "videoswin-joint",
)
"""One of each kind of network, loss, placement, discriminator and set; the others run as slow."""

PREPARED = {
    "davis": ("davis", {"split": "train"}),
    "coco": ("coco", {"split": "train"}),
    "voc": ("voc", {"split": "unlabelled"}),
    "fbms": ("fbms", {"split": "test"}),
    "coco-fbms": ("coco", {"split": "train", "classes": "shared:fbms"}),
}
"""What is prepared of the real samples, by the folder that it goes to."""


@pytest.fixture(scope="session")
def real_sets(real_samples, tmp_path_factory):
    """The sets that the recipes name, made of the real samples; a video in place of YouTube's."""
    out = tmp_path_factory.mktemp("real-sets")
    for folder, (dataset, options) in PREPARED.items():
        prepare(dataset, root=real_samples / dataset, out=out / folder, **options)
    videos = out / "source" / "videos"
    videos.mkdir(parents=True)
    (videos / "bikes.mp4").symlink_to(real_samples / "videos" / "bikes.mp4")
    prepare("folder", root=out / "source", out=out / "ytbb")
    return {
        "coco-train": out / "coco" / "coco-train",
        "davis-train": out / "davis" / "davis-train",
        "voc-unlabelled": out / "voc" / "voc-unlabelled",
        "fbms-train": out / "fbms" / "fbms-test",
        "coco-train for shared:fbms": out / "coco-fbms" / "coco-train",
        "ytbb-train": next((out / "ytbb").glob("*.index.json")),
    }


def prepare(dataset, **options):
    """Do what `vsda prepare` does, in this process."""
    prepare_set(dataset, resolve_options(dataset, {"num_workers": 1, **options}))


def small_recipe(name, sets, *settings):
    """Return a recipe as `--small` has it, for three steps on the real sets."""
    recipe = load_train_recipe(
        name, ["steps=3", "checkpoint_every=3", "workers=0", *settings], small=True
    )

    def places(names):
        return tuple(str(sets.get(f"{one} for {recipe.classes}", sets[one])) for one in names)

    keys = ("images", "videos", "labelled_videos")
    return recipe.model_copy(update={key: places(getattr(recipe, key)) for key in keys})


def run_three_steps(recipe, folder):
    inputs = open_inputs(recipe)
    train(recipe, inputs, RunOptions(run_dir=folder))
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return inputs, [json.loads(line) for line in lines]


def predicted(recipe, folder):
    """Return what the network of the run's checkpoint says of noise."""
    trained = open_run(folder, None)
    shape = (2, 3, recipe.size_px, recipe.size_px)
    if recipe.clip_frames:
        shape = (2, recipe.clip_frames, *shape[1:])
    with torch.no_grad():
        return trained.network.eval()(torch.randn(shape))


@pytest.mark.parametrize(
    "name",
    [
        name if name in CI_ROWS else pytest.param(name, marks=pytest.mark.slow)
        for name in [*ROWS, OURS]
    ],
)
def test_row_trains_on_real_samples_and_its_checkpoint_predicts(name, real_sets, tmp_path):
    recipe = small_recipe(name, real_sets)
    inputs, metrics = run_three_steps(recipe, tmp_path / "run")
    numbers = [value for row in metrics for value in row.values() if isinstance(value, float)]
    assert numbers
    assert all(math.isfinite(value) for value in numbers)
    assert {row["step"] for row in metrics} == {1, 2, 3}
    assert all(("loss_adversarial" in row) == recipe.is_adversarial for row in metrics)
    assert inputs.weights.uses_target_labels is False
    logits = predicted(recipe, tmp_path / "run")
    assert logits.shape[-3:] == (len(class_set(recipe.classes)) + 1, 64, 64)
    assert logits.isfinite().all()


def test_class_weights_by_the_labels_of_unlabelled_videos_are_told(real_sets, tmp_path, caplog):
    recipe = small_recipe("swin-patch", real_sets, "class_weights.source=videos")
    inputs, _ = run_three_steps(recipe, tmp_path / "run")
    assert inputs.weights.uses_target_labels
    assert "labels of the target videos" in caplog.text
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["class_weights"]["uses_target_labels"] is True


@pytest.mark.slow
def test_any_encoder_of_timm_trains_on_real_samples(real_sets, tmp_path):
    recipe = small_recipe("swin-global", real_sets, "network.name=timm_upernet")
    _, metrics = run_three_steps(recipe, tmp_path / "run")
    assert {row["step"] for row in metrics} == {1, 2, 3}
    assert predicted(recipe, tmp_path / "run").isfinite().all()


def test_there_are_the_rows_and_each_is_described_differently():
    assert len(ROWS) == 37
    assert set(CI_ROWS) < {*ROWS, OURS}
    descriptions = {load_train_recipe(name).description for name in ROWS}
    assert len(descriptions) == len(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_row_says_in_a_comment_which_one_it_is(name):
    text = recipe_paths("train")[name].read_text()
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert any(word in comment for word in ("row", "ablation", "clustered loss"))


@pytest.mark.parametrize("name", ROWS)
def test_row_has_the_settings_that_the_paper_states(name):
    recipe = load_train_recipe(name)
    size_px, batch, rate, weights = {
        "deeplabv3": (256, 8, 0.001, "deeplabv3-r101-coco"),
        "swin_upernet": (256, 32, 0.0032, "upernet-swin-t-ade20k"),
        "video_swin_upernet": (512, 16, 0.0001, "upernet-swin-t-ade20k"),
    }[recipe.network.name]
    assert recipe.size_px == size_px
    assert {recipe.batch_images, recipe.batch_videos, recipe.batch_labelled_videos} == {batch}
    assert (recipe.optimizer.learning_rate, recipe.init.weights) == (rate, weights)
    assert recipe.network.name in weights_sources()[weights].networks
    assert recipe.adversarial.mu == 1.0
    assert recipe.class_weights.source == ("videos" if recipe.labelled_videos else "labelled")


@pytest.mark.parametrize("name", ROWS)
def test_row_streams_what_its_name_says(name):
    recipe, parts = load_train_recipe(name), name.split("-")
    placement = {"patch": "patch", "global": "global"}
    expected = next((placement[part] for part in parts if part in placement), None)
    assert (recipe.adversarial.placement if recipe.is_adversarial else None) == expected
    assert (recipe.adversarial.loss == "clustered") == ("clustered" in parts)
    assert recipe.image_labels == ("videos" not in parts)
    assert bool(recipe.labelled_videos) == bool({"videos", "joint"} & set(parts))
    assert recipe.uses_videos == (recipe.is_adversarial and not recipe.labelled_videos)
    target = {"ytbb": "ytbb-train", "pascal": "voc-unlabelled", "fbms": "fbms-train"}
    frames = next((target[part] for part in parts if part in target), "davis-train")
    assert set(recipe.videos) | set(recipe.labelled_videos) == {frames}
    assert recipe.classes == ("shared:fbms" if "fbms" in parts else "shared:davis")


@pytest.mark.parametrize("name", ["cnn-images", "swin-images", "videoswin-images"])
def test_full_size_network_of_a_recipe_can_be_built(name):
    with torch.device("meta"):
        network = build_network(load_train_recipe(name), num_classes=11)
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    assert 55e6 < num_parameters < 65e6


@pytest.mark.parametrize("name", recipe_paths("small"))
def test_small_network_is_of_the_same_family_and_less_than_a_tenth_of_the_size(name):
    overrides = [f"network.name={name}"]
    full, small = (load_train_recipe("swin-images", overrides, small=small) for small in (0, 1))
    assert type(small.network) is type(full.network)
    with torch.device("meta"):
        networks = [build_network(recipe, num_classes=11) for recipe in (full, small)]
    assert list(networks[0].taps) == list(networks[1].taps)
    sizes = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert sizes[1] < sizes[0] / 10
    assert (small.size_px, small.init.weights, small.steps) == (64, "", 20)
    assert "(small: " in small.description
