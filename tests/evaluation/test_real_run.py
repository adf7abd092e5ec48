"""A network trained on real samples and judged on real videos, by several programs."""

import json
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix as reference

from tests.training.processes import finished, write_toml
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples
from vsda.taxonomy import class_set

pytestmark = pytest.mark.slow

CLASSES = "person,car,bird,dog"


@pytest.fixture(scope="module")
def places(real_samples, tmp_path_factory):
    """A run and the set that it is judged on."""
    folder = tmp_path_factory.mktemp("real")
    root = ["--root", real_samples / "davis", "--remap", "coco", "--out", folder / "shards"]
    finished(vsda("prepare", "davis", *root))
    recipe = write_toml(
        folder / "real.toml",
        {
            "images": [],
            "labelled_videos": [f"{folder}/shards/davis-train", f"{folder}/shards/davis-val"],
            "classes": CLASSES,
            "size_px": 64,
            "batch_labelled_videos": 8,
            "steps": 60,
            "optimizer": {"name": "adamw", "learning_rate": 0.003, "schedule": "constant"},
        },
    )
    finished(vsda("train", recipe, "--run", folder / "run"))
    return folder / "run", folder / "shards" / "davis-val"


def vsda(*arguments):
    return [sys.executable, "-m", "vsda", *map(str, arguments)]


def evaluated(places, *options):
    return json.loads(finished(vsda("evaluate", *places, "--json", *options)).stdout)


def test_numbers_equal_those_of_scikit_learn_on_saved_masks(places, tmp_path):
    scores = evaluated(places, "--save-masks", tmp_path)
    total = np.zeros((5, 5), dtype=np.int64)
    ids = [0, *class_set(CLASSES).ids]
    for sample in iterate_samples(open_set(str(places[1]))):
        sequence, frame = sample.facts.sequence, sample.facts.frame
        with Image.open(tmp_path / "run" / "davis-val" / sequence / f"{frame}.png") as png:
            predicted = np.asarray(png)
        truth = np.where(np.isin(sample.seg, [*ids, 255]), sample.seg, 0)
        total += reference(truth[truth != 255], predicted[truth != 255], labels=ids)
    assert scores["confusion"] == total.tolist()
    union = total.sum(0) + total.sum(1) - np.diag(total)
    present = total.sum(1) > 0
    expected = (np.diag(total)[present] / union[present]).mean()
    assert scores["mean_iou"] == pytest.approx(float(expected), abs=1e-12)
    assert scores["mean_iou"] > 0.3
    assert scores["num_units"] == 4
    assert scores["interval"][0] < scores["interval"][1]


def test_two_processes_give_the_numbers_of_one(places):
    one = evaluated(places)
    two = evaluated(places, "--devices", "2")
    assert one == two
