from collections import Counter

import pytest

from tests.fake_coco import IDS, CocoTree, box
from tests.fake_worlds import mask_png, values, write
from vsda.datasets.coco.counts import (
    ALL,
    MAPS,
    NO_CROWDS,
    SplitCounts,
    compare,
    count_split,
    figures_met,
)
from vsda.errors import DatasetError, ItemError
from vsda.manifests import coco_counts, panoptic_stuff
from vsda.taxonomy import shared_classes

BOX = box(0, 0, 4, 4)


@pytest.fixture
def root(tmp_path):
    """COCO with persons in 3 train images, in one only as a crowd, and a cat in a val image."""
    train = CocoTree(tmp_path, "train").image(1).image(2).image(3).image(4)
    train.thing(1, "person", BOX).thing(1, "dog", BOX).thing(2, "person", BOX)
    train.thing(3, "person", BOX, iscrowd=1).thing(4, "toaster", BOX).save()
    CocoTree(tmp_path, "val").image(5).thing(5, "cat", BOX).save()
    return tmp_path


def made(**found):
    """Return counts of images that hold one class each."""
    counts = Counter({frozenset([IDS[name]]): number for name, number in found.items()})
    return SplitCounts(counts={ALL: counts, NO_CROWDS: Counter()}, faults=())


def test_images_are_counted_by_the_classes_they_hold_with_and_without_crowds(root):
    found = count_split(root, "train")
    assert found.counts == {
        ALL: {frozenset({1, 18}): 1, frozenset({1}): 2, frozenset({80}): 1},
        NO_CROWDS: {frozenset({1, 18}): 1, frozenset({1}): 1, frozenset(): 1, frozenset({80}): 1},
    }
    assert found.faults == ()


def test_label_maps_are_counted_if_asked(root):
    for stem, mask in (("1", values(0, 2, 156)), ("2", values(255, 16)), ("3", values(2, 0))):
        write(root / f"stuffthingmaps/val2017/{stem}.png", mask_png(mask, "L"))
    counts = count_split(root, "val", with_maps=True).counts
    assert counts[MAPS] == {frozenset({1, 3}): 2, frozenset({17}): 1}


def test_a_map_that_cannot_be_read_is_told(root):
    write(root / "stuffthingmaps/val2017/1.png", b"broken")
    with pytest.raises(ItemError, match=r"val2017/1\.png: not a whole PNG"):
        count_split(root, "val", with_maps=True)


def test_broken_annotations_are_told_and_the_sound_ones_count(root):
    tree = CocoTree(root, "train").image(1).thing(1, "dog", BOX).thing(1, "cat", BOX, iscrowd=7)
    tree.save()
    found = count_split(root, "train")
    assert found.counts[ALL] == {frozenset({18}): 1}
    assert len(found.faults) == 1


def test_a_missing_file_is_told_with_the_command_that_brings_it(root):
    (root / "annotations/instances_val2017.json").unlink()
    with pytest.raises(DatasetError, match=r"vsda fetch coco --out .* --only annotations` brings"):
        count_split(root, "val")


def test_each_reading_is_counted_for_its_classes_and_splits(root):
    counted = compare({split: count_split(root, split) for split in ("train", "val")})
    found = {
        (row.published.video, row.published.splits, len(row.published.class_names)): row.found
        for row in counted
    }
    assert found["davis", ("train",), 10] == {ALL: 3, NO_CROWDS: 2}
    assert found["davis", ("val",), 10] == {ALL: 0, NO_CROWDS: 0}
    assert found["fbms", ("train",), 4] == {ALL: 3, NO_CROWDS: 2}
    assert found["fbms", ("train", "val"), 4] == {ALL: 4, NO_CROWDS: 3}
    assert not any(figures_met(counted).values())


def test_a_figure_is_met_if_one_of_its_readings_gives_it():
    counted = compare({"train": made(person=75_377), "val": made(person=3_000, cat=1_902, dog=5)})
    assert figures_met(counted) == {
        ("davis", "train"): True,
        ("davis", "val"): False,
        ("fbms", "all"): True,
    }


def test_the_classes_shared_with_davis_are_those_of_the_manifest():
    rows = [row for row in coco_counts() if row.video == "davis"]
    assert [row.num_images for row in rows] == [75_377, 3_176]
    assert all(row.class_names == shared_classes("davis").names for row in rows)


def test_the_panoptic_categories_are_53_besides_the_things():
    assert len(panoptic_stuff()) == 53
    assert len(IDS) == len(set(IDS.values())) == 133
