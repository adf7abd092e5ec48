import json

import numpy as np
import pytest

from tests.fake_coco import CocoTree, box
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples

CORNER = np.zeros((8, 8), dtype=np.uint32)
CORNER[:4, :4] = 300


@pytest.fixture
def root(tmp_path):
    """COCO with one dog, in an instances file and in a panoptic one."""
    root = tmp_path / "coco"
    CocoTree(root).image(1).thing(1, "dog", box(0, 0, 4, 4)).save()
    CocoTree(root).image(1).segments(1, CORNER, (300, "dog", 0)).save("panoptic")
    return root


@pytest.mark.parametrize(("labels", "rest"), [("instances", 0), ("panoptic", 255)])
def test_labels_come_from_the_files_that_are_named(vsda, root, tmp_path, labels, rest):
    out = tmp_path / "out"
    places = ("--root", root, "--out", out, "--split", "train")
    printed = vsda("prepare", "coco", *places, "--labels", labels, "--json").stdout
    assert json.loads(printed)[0]["samples"] == 1
    (sample,) = iterate_samples(open_set(str(out / "coco-train")))
    np.testing.assert_array_equal(sample.seg, np.where(CORNER, 18, rest))
    np.testing.assert_array_equal(sample.inst, np.where(CORNER, 1, rest))


def test_a_word_that_labels_does_not_take_is_told_with_the_nearest(vsda, root):
    found = vsda("prepare", "coco", "--root", root, "--labels", "panopti", code=2)
    assert "unknown --labels 'panopti'. Did you mean 'panoptic'?" in found.stderr
