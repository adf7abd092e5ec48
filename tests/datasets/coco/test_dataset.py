import numpy as np
import pytest

from tests.fake_worlds import coco_tree, jpeg, mask_png, small_coco, values, write
from vsda.datasets.coco import dataset as coco
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source
from vsda.errors import DatasetError, ItemError, Outcome


def request(root, split="train", remap="coco", classes=None, outside="background", **more):
    rules = label_rules(remap, classes, outside)
    return Request(root=root, split=split, rules=rules, options=coco.CocoOptions(**more))


def read(root, stem, split="train", **more):
    listing = coco.list_split(request(root, split, **more))
    unit = next(unit for unit in listing.units if unit.items[0].frame == stem)
    source = Source(dataset="coco", split=split, root=listing.root, options=coco.CocoOptions())
    return next(iter(coco.read(source, unit, unit.items[0])), None)


@pytest.fixture
def root(tmp_path):
    return small_coco(tmp_path / "coco")


def test_images_with_a_map_are_listed_in_order(root):
    listing = coco.list_split(request(root))
    assert [unit.items[0].frame for unit in listing.units] == [
        "000000000001",
        "000000000002",
        "000000000003",
    ]
    assert all(unit.sequence is None for unit in listing.units)


def test_images_named_by_numbers_are_in_the_order_of_their_numbers(tmp_path):
    root = coco_tree(
        tmp_path / "numbers", {"train": {name: values(0) for name in ("10", "9", "b")}}
    )
    listing = coco.list_split(request(root))
    assert [unit.items[0].frame for unit in listing.units] == ["9", "10", "b"]


def test_images_without_a_map_are_noted_and_no_failure(root):
    listing = coco.list_split(request(root))
    assert listing.notes == ("1 of 4 images have no label map and are not written",)
    assert listing.failures == ()


def test_a_map_without_an_image_is_missing(root):
    (root / "train2017" / "000000000001.jpg").unlink()
    (row,) = coco.list_split(request(root)).failures
    assert (row.key, row.outcome) == ("coco/train2017/000000000001", Outcome.MISSING)
    assert row.message == "train2017/000000000001.jpg: there is a label map but no image"


def test_a_sample_has_things_in_coco_ids_and_stuff_as_background(root):
    sample = read(root, "000000000001")
    assert sample.key == "coco/train2017/000000000001"
    assert sample.jpg == jpeg()
    np.testing.assert_array_equal(sample.seg, values(1, 18, 0)[:, :8])
    assert sample.inst is None
    facts = sample.facts
    assert (facts.dataset, facts.split, facts.sequence) == ("coco", "train", None)
    assert (facts.frame, facts.frame_index, facts.classes) == ("000000000001", 0, (1, 18))
    assert facts.labelled


def test_unlabelled_pixels_stay_ignore_and_width_and_height_are_not_swapped(root):
    sample = read(root, "000000000002", classes="cat")
    np.testing.assert_array_equal(sample.seg, values(17, 255))
    sample = read(root, "000000000005", "val")
    assert (sample.facts.width_px, sample.facts.height_px) == (10, 8)


def test_an_image_without_a_chosen_class_is_left_out(root):
    assert read(root, "000000000002") is None
    assert read(root, "000000000003", classes="all") is None


def test_other_classes_become_ignore_if_asked_but_stuff_does_not(root):
    sample = read(root, "000000000001", classes="dog", outside="ignore")
    np.testing.assert_array_equal(sample.seg, values(255, 18, 0))


def test_an_image_with_only_other_classes_is_left_out_also_if_they_become_ignore(root):
    assert read(root, "000000000002", outside="ignore") is None


def test_remap_none_keeps_the_values_of_the_map(root):
    sample = read(root, "000000000003", remap="none")
    assert sample.seg is None
    np.testing.assert_array_equal(sample.inst, values(156, 255))
    assert (sample.facts.labelled, sample.facts.classes) == (False, ())


def test_a_map_of_another_size_is_a_size_mismatch(root):
    write(root / "train2017" / "000000000001.jpg", jpeg(9, 8))
    with pytest.raises(ItemError, match="the mask is 8x8 pixels, its frame 9x8") as caught:
        read(root, "000000000001")
    assert caught.value.outcome == Outcome.SIZE_MISMATCH


def test_a_value_that_the_manifest_lacks_is_an_unknown_id(root):
    path = root / "stuffthingmaps" / "train2017" / "000000000001.png"
    write(path, mask_png(values(0, 200), "L"))
    with pytest.raises(ItemError, match=r"000000000001\.png: mask holds values \[200\]") as caught:
        read(root, "000000000001")
    assert caught.value.outcome == Outcome.UNKNOWN_ID


def test_the_jpeg_of_an_image_that_is_left_out_is_not_looked_at(root):
    write(root / "train2017" / "000000000002.jpg", b"broken")
    assert read(root, "000000000002") is None


def test_classes_of_an_item_come_from_its_map(root):
    listing = coco.list_split(request(root))
    source = Source(dataset="coco", split="train", root=root, options=coco.CocoOptions())
    found = [coco.classes_of(source, unit, unit.items[0]) for unit in listing.units]
    assert found == [(1, 18), (), ()]


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (
            "train2017",
            r"`vsda fetch coco --out \S+/coco --only train` brings train2017\.zip \(http://ima",
        ),
        (
            "stuffthingmaps/train2017",
            r"fetch coco --out \S+/coco --only stuffthingmaps` brings stuffthingmaps_trainval",
        ),
    ],
)
def test_a_missing_folder_is_told_with_what_to_download(tmp_path, folder, message):
    root = coco_tree(tmp_path / "coco", {"train": {"1": values(0)}})
    (root / folder).rename(tmp_path / "away")
    with pytest.raises(DatasetError, match=message):
        coco.list_split(request(root))
