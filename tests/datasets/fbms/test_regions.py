import numpy as np
import pytest

from tests.fake_fbms import FbmsTree, class_map, pgm, regions, small_fbms
from tests.fake_worlds import jpeg, write
from vsda.datasets.fbms import dataset as fbms
from vsda.datasets.fbms.regions import iter_regions
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Failure, Request
from vsda.errors import Outcome


def request(tree, split="train", **more):
    rules = label_rules("coco", None, "background", "fbms")
    return Request(root=tree.root, split=split, rules=rules, options=fbms.DATASET.options(**more))


def found(tree, **more):
    """Return the regions and the failures."""
    rows = list(iter_regions(request(tree, **more)))
    regions_found = [row for row in rows if not isinstance(row, Failure)]
    return regions_found, [row for row in rows if isinstance(row, Failure)]


@pytest.fixture
def tree(tmp_path):
    return small_fbms(tmp_path / "fbms")


def test_every_region_of_every_sequence_comes_with_its_row(tree):
    rows, failures = found(tree)
    assert failures == []
    assert [
        (row.sequence, row.region, row.num_regions, row.category, row.class_name, row.certainty)
        for row in rows
    ] == [
        ("bear01", 1, 1, "bear", "bear", "name"),
        ("cars2", 1, 2, "car", "car", "name"),
        ("cars2", 2, 2, "car", "car", "name"),
        ("cats04", 1, 1, "cat", "cat", "name"),
        ("marple1", 1, 1, "person", "person", "unsure"),
        ("rabbits01", 1, 1, "rabbit", "-", "name"),
    ]
    assert {row.split for row in rows} == {"train"}
    assert rows[0].frame == "bear01_01"  # both of its labelled frames show as much of it


def test_a_region_is_shown_in_the_first_frame_in_which_it_is_largest(tree):
    large = np.where(regions(3) == 2, 255, 0)
    large[:6] = 128
    write(tree.truth("train", "cars2", "cars2_03.pgm"), pgm(large))
    one, other = (row for row in found(tree)[0] if row.sequence == "cars2")
    assert (one.frame, other.frame) == ("cars2_03", "cars2_01")
    assert (one.mask == (large == 128)).all()
    assert (other.mask == (regions(3) == 2)).all()


def test_the_picture_is_that_of_the_frame(tree):
    path = tree.folder("train", "bear01") / "bear01_01.jpg"
    write(path, jpeg(seed=5))
    (row,) = (row for row in found(tree)[0] if row.sequence == "bear01")
    assert (row.picture.shape, row.picture.dtype) == ((8, 8, 3), np.uint8)
    assert row.mask.dtype == bool


def test_a_region_that_no_frame_shows_has_an_empty_mask(tree):
    for name in ("cars2_01.pgm", "cars2_03.pgm"):
        write(tree.truth("train", "cars2", name), pgm(np.where(regions(2), 128, 0)))
    other = next(row for row in found(tree)[0] if (row.sequence, row.region) == ("cars2", 2))
    assert not other.mask.any()


def test_a_region_without_a_row_is_shown_without_a_class(tree, tmp_path):
    table = class_map(tmp_path / "map.tsv", ("train", "cars2", 1, "van", "truck", "seen"))
    rows, _ = found(tree, class_map=table)
    assert [(row.class_name, row.certainty) for row in rows if row.sequence == "cars2"] == [
        ("truck", "seen"),
        ("-", ""),
    ]


def test_a_broken_sequence_is_a_failure_and_the_others_are_shown(tree):
    write(tree.definition("train", "bear01"), b"")
    (tree.truth("train", "cars2", "cars2_01.pgm")).write_bytes(b"P5 8 8 255\n")
    rows, failures = found(tree)
    assert {row.sequence for row in rows} == {"cars2", "cats04", "marple1", "rabbits01"}
    assert {row.frame for row in rows if row.sequence == "cars2"} == {"cars2_03"}
    assert [(row.key, row.outcome) for row in failures] == [
        ("fbms/bear01", Outcome.UNREADABLE),
        ("fbms/cars2/cars2_01", Outcome.UNREADABLE),
    ]


def test_regions_come_one_at_a_time(tmp_path):
    tree = FbmsTree(tmp_path).add("train", "bear01").add("train", "cars2")
    walk = iter_regions(request(tree))
    assert next(walk).sequence == "bear01"
    (tree.folder("train", "cars2") / "cars2_01.jpg").unlink()
    (tree.folder("train", "cars2") / "cars2_03.jpg").unlink()
    assert {type(row) for row in walk} == {Failure}


def test_the_real_cars1_shows_a_far_and_a_near_car(real_samples):
    rules = label_rules("coco", None, "background", "fbms")
    options = fbms.DATASET.options()
    root = real_samples / "fbms"
    far, near = iter_regions(Request(root=root, split="test", rules=rules, options=options))
    assert far.picture.shape == (480, 640, 3)
    assert (far.certainty, near.certainty) == ("seen", "seen")
    assert 0 < far.mask.sum() < near.mask.sum()
