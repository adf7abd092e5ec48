"""Two real images and two real frames are learnt by heart while the adversary pulls at full mu."""

import numpy as np
import pytest
import torch

from tests.made_sets import make_set
from tests.training.small import FABRIC, NO_AUGMENTATION, small_recipe
from vsda.evaluation.metrics import class_iou, confusion_matrix, mean_iou
from vsda.prepare import PrepareOptions, prepare
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples
from vsda.stream.domains import Place, stream_domains
from vsda.stream.transforms import normalise
from vsda.training.inputs import open_inputs
from vsda.training.learner import Learner
from vsda.training.repeatable import repeatable

STEPS = 350
LOSSES = {
    "domain": {"loss": "domain", "hidden": (16,)},
    "clustered": {"loss": "clustered", "hidden": (16,), "pairs": 256},
}


def two_with_people(place, folder, name, share):
    """Write the first two samples that people cover more than a `share` of, as a set."""
    found = (one for one in iterate_samples(open_set(place)) if np.mean(one.seg == 1) > share)
    make_set(folder, name, [next(found), next(found)])
    return str(folder / name)


@pytest.fixture(scope="module")
def places(real_samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    for dataset, root in (("coco", "coco"), ("davis", "davis")):
        options = PrepareOptions(root=real_samples / root, out=folder, num_workers=1)
        prepare(dataset, options)
    images = two_with_people(folder / "coco-val", folder / "two", "images", 0.1)
    return images, two_with_people(folder / "davis-train", folder / "two", "videos", 0.03)


@pytest.mark.parametrize("loss", [pytest.param("domain", marks=pytest.mark.slow), "clustered"])
def test_two_real_images_are_learnt_by_heart_beside_two_real_frames(places, loss):
    images, videos = places
    recipe = small_recipe(
        images=(images,),
        videos=(videos,),
        classes="person,car,dog,bicycle",
        size_px=64,
        batch_images=2,
        batch_videos=2,
        steps=STEPS,
        network={
            "embed_dim": 24,
            "patch_size": 2,  # outlines of people are finer than the usual patches of four pixels
            "depths": (2, 2),
            "num_heads": (2, 4),
            "window_size": 4,
            "drop_path_rate": 0.0,
            "decoder_channels": 32,
        },
        adversarial=LOSSES[loss] | {"mu": 1.0},
        optimizer={"name": "adamw", "learning_rate": 0.003, "schedule": "cosine"},
        augmentation=NO_AUGMENTATION,
        class_weights={"source": "none"},
    )
    inputs = open_inputs(recipe)
    learner = Learner(recipe, inputs.weights, FABRIC)
    with repeatable(torch.device("cpu")):
        for step, batch in enumerate(
            stream_domains(recipe, inputs.classes, inputs.domains(), Place())
        ):
            assert learner.step(batch, step).was_done
    assert mean_iou(class_iou(confusion(learner.network, batch.images, inputs.classes))) > 0.95


def confusion(network, part, classes):
    """Return the pixels that a network takes for each class, by what they are."""
    with torch.inference_mode():
        predicted = network.eval()(normalise(part.pictures)).argmax(dim=1)
    pairs = zip(part.masks.numpy(), predicted.numpy().astype(np.uint8), strict=True)
    return sum(confusion_matrix(truth, found, len(classes) + 1) for truth, found in pairs)
