import numpy as np
import pytest

from tests.fake_coco import CocoTree, region, rgb_png
from tests.fake_worlds import jpeg, write
from vsda.datasets.coco import things as coco_things
from vsda.errors import DatasetError, ItemError, Outcome

PERSON, CROWD, SKY = 70_000, 515, 9
"""Ids of more than one byte: 70,000 = 112 + 256 * 17 + 65,536."""
IDS = (
    region(0, 0, 3, 3).astype(np.uint32) * PERSON
    + region(4, 0, 8, 3) * np.uint32(CROWD)
    + region(0, 4, 8, 8) * np.uint32(SKY)
)
SEGMENTS = ((SKY, "sky-other-merged", 0), (CROWD, "person", 1), (PERSON, "person", 0))
VOID = (IDS == 0).astype(np.uint8)


@pytest.fixture
def tree(tmp_path):
    return CocoTree(tmp_path / "coco").image(1).segments(1, IDS, *SEGMENTS)


def read(tree, **rules):
    return tree.save("panoptic").read(1, "panoptic", **rules)


def refused(tree):
    with pytest.raises(ItemError) as caught:
        read(tree)
    return caught.value.outcome, str(caught.value)


def test_things_have_classes_stuff_is_background_crowds_and_void_are_ignored(tree):
    sample = read(tree)
    expected = region(0, 0, 3, 3) + region(4, 0, 8, 3) * 255 + VOID * 255
    np.testing.assert_array_equal(sample.seg, expected)
    np.testing.assert_array_equal(sample.inst, expected)
    assert sample.facts.classes == (1,)


def test_things_are_numbered_in_the_order_of_the_list_and_stuff_is_not(tree):
    ids = IDS + region(0, 3, 8, 4).astype(np.uint32) * 77
    tree.annotations.clear()
    tree.segments(1, ids, (77, "dog", 0), *SEGMENTS)
    sample = read(tree)
    assert (sample.inst[3, 0], sample.inst[0, 0], sample.inst[5, 0]) == (1, 2, 0)
    assert (sample.seg[3, 0], sample.seg[0, 0]) == (18, 1)


@pytest.mark.parametrize(("outside", "value"), [("background", 0), ("ignore", 255)])
def test_other_classes_become_what_is_asked_and_stuff_is_background(tree, outside, value):
    ids = IDS + region(0, 3, 8, 4).astype(np.uint32) * 77
    tree.annotations.clear()
    tree.segments(1, ids, (77, "dog", 0), *SEGMENTS)
    seg = read(tree, classes="dog", outside=outside).seg
    assert (seg[0, 0], seg[0, 5], seg[3, 0], seg[5, 0]) == (value, value, 18, 0)


def test_an_image_without_a_chosen_class_is_left_out(tree):
    assert read(tree, classes="dog") is None
    assert tree.listing("panoptic", classes="dog").num_left_out == 1


def test_remap_none_writes_the_numbers_alone(tree):
    sample = read(tree, remap="none")
    assert sample.seg is None
    assert set(np.unique(sample.inst).tolist()) == {0, 1, 255}


def test_an_image_of_void_alone_shows_nothing(tree):
    tree.annotations.clear()
    tree.segments(1, IDS * 0)
    assert (read(tree, remap="none").inst == 255).all()


def test_an_image_without_segments_is_not_labelled(tree):
    tree.annotations.clear()
    listing = tree.save("panoptic").listing("panoptic", remap="none")
    assert listing.units == ()
    assert listing.notes == (
        "1 of 1 images are not in annotations/panoptic_train2017.json, not written",
    )


def test_a_segment_that_the_list_lacks_is_an_unknown_id(tree):
    write(tree.png_path(1), rgb_png(IDS + region(0, 3, 8, 4) * np.uint32(300)))
    assert refused(tree) == (
        Outcome.UNKNOWN_ID,
        "annotations/panoptic_train2017/000000000001.png: segments that its list lacks: 300",
    )


def test_a_segment_without_a_pixel_is_an_unknown_id(tree):
    tree.annotations[0]["segments_info"] += [
        {"id": number, "category_id": 1, "iscrowd": 0} for number in range(1, 8)
    ]
    outcome, message = refused(tree)
    assert outcome == Outcome.UNKNOWN_ID
    assert message.endswith("no pixel of the segments 1, 2, 3, 4, 5 and 2 more, which its list has")


def test_a_png_of_another_size_is_a_size_mismatch(tree):
    write(tree.png_path(1), rgb_png(IDS[:7]))
    tree.annotations[0]["segments_info"] = tree.annotations[0]["segments_info"]
    outcome, message = refused(tree)
    assert outcome == Outcome.SIZE_MISMATCH
    assert message.endswith("000000000001.png: 8x7 pixels, its image 8x8")


def test_a_jpeg_of_another_size_is_a_size_mismatch(tree):
    write(tree.image_path(1), jpeg(9, 8))
    assert refused(tree)[0] == Outcome.SIZE_MISMATCH


@pytest.mark.parametrize("mode", ["P", "L", "RGBA"])
def test_a_png_in_which_ids_are_not_kept_is_refused(tree, mode):
    write(tree.png_path(1), rgb_png(IDS, mode))
    outcome, message = refused(tree)
    assert outcome == Outcome.UNREADABLE
    assert message.endswith(f"a PNG of 8 bits in mode {mode}, expected 8 bits in RGB")


def test_a_missing_png_costs_its_image(tree):
    tree.png_path(1).unlink()
    (row,) = tree.save("panoptic").listing("panoptic").failures
    assert (row.outcome, row.message) == (
        Outcome.MISSING,
        "annotations/panoptic_train2017/000000000001.png: annotated, but not there",
    )


def test_pngs_that_are_still_packed_are_told_with_the_command(tree):
    folder = tree.png_path(1).parent
    tree.save("panoptic")
    folder.rename(folder.with_name("away"))
    with pytest.raises(DatasetError, match=r"no such folder; `vsda fetch coco .*--only panoptic`"):
        tree.listing("panoptic")
    write(folder.with_suffix(".zip"), b"")
    with pytest.raises(DatasetError) as caught:
        tree.listing("panoptic")
    assert str(caught.value) == (
        f"{folder}: no such folder; `python -m zipfile -e {folder}.zip {folder.parent}` unpacks "
        "panoptic_train2017.zip"
    )


def test_a_missing_file_is_told_with_the_command_that_brings_it(tree):
    message = (
        r"panoptic_train2017\.json: no such file; `vsda fetch coco --out \S+ --only panoptic` "
        r"brings panoptic_annotations_trainval2017\.zip \(http"
    )
    with pytest.raises(DatasetError, match=message):
        tree.listing("panoptic")


@pytest.mark.parametrize("band_px", [1, 24])
def test_a_picture_is_read_in_bands_that_may_end_anywhere(tree, monkeypatch, band_px):
    expected = read(tree)
    monkeypatch.setattr(coco_things, "_BAND_PX", band_px)
    found = read(tree)
    np.testing.assert_array_equal(found.seg, expected.seg)
    np.testing.assert_array_equal(found.inst, expected.inst)
