import numpy as np
import pytest

from tests.fake_coco import CocoTree, box, lengths, region
from tests.fake_worlds import jpeg, write
from vsda.datasets.coco import dataset as coco
from vsda.datasets.listing import Source
from vsda.errors import DatasetError, ItemError, Outcome
from vsda.prepare import PrepareOptions, plan, prepare
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples


@pytest.fixture
def tree(tmp_path):
    return CocoTree(tmp_path / "coco").image(1)


def read(tree, number=1, **rules):
    return tree.save().read(number, **rules)


def test_a_polygon_is_an_object_of_its_class(tree):
    sample = read(tree.thing(1, "dog", box(1, 2, 4, 6)))
    assert sample.key == "coco/train2017/000000000001"
    assert sample.jpg == jpeg()
    np.testing.assert_array_equal(sample.seg, region(1, 2, 4, 6) * 18)
    np.testing.assert_array_equal(sample.inst, region(1, 2, 4, 6))
    facts = sample.facts
    assert (facts.dataset, facts.split, facts.sequence) == ("coco", "train", None)
    assert (facts.frame, facts.frame_index, facts.classes) == ("000000000001", 0, (18,))
    assert (facts.labelled, facts.width_px, facts.height_px) == (True, 8, 8)


@pytest.mark.parametrize("compressed", [True, False])
def test_run_lengths_are_an_object_of_their_class(tree, compressed):
    mask = region(0, 3, 5, 8)
    sample = read(tree.thing(1, "cat", lengths(mask, compressed=compressed)))
    np.testing.assert_array_equal(sample.seg, mask * 17)


def test_width_and_height_are_not_swapped(tmp_path):
    tree = CocoTree(tmp_path).image(1, width_px=10, height_px=8)
    sample = read(tree.thing(1, "dog", box(8, 0, 10, 8)))
    assert sample.seg.shape == (8, 10)
    assert (sample.seg[:, 8:] == 18).all()
    assert not sample.seg[:, :8].any()


def test_objects_are_numbered_by_their_ids(tree):
    tree.thing(1, "dog", box(0, 0, 2, 2), id=30).thing(1, "cat", box(4, 4, 6, 6), id=-2)
    expected = region(0, 0, 2, 2) * 2 + region(4, 4, 6, 6)
    np.testing.assert_array_equal(read(tree).inst, expected)


def test_parts_of_an_object_are_one_object(tree):
    sample = read(tree.thing(1, "dog", box(0, 0, 2, 2) + box(1, 1, 4, 4)))
    np.testing.assert_array_equal(sample.inst, region(0, 0, 2, 2) | region(1, 1, 4, 4))


@pytest.mark.parametrize("names", [("person", "tie"), ("tie", "person")])
def test_the_smaller_object_is_in_front_whichever_comes_first(tree, names):
    places = {"person": box(0, 0, 8, 8), "tie": box(2, 2, 4, 5)}
    for name in names:
        tree.thing(1, name, places[name])
    expected = np.where(region(2, 2, 4, 5), 32, 1)
    np.testing.assert_array_equal(read(tree).seg, expected)


def test_polygons_that_overlap_count_each_pixel_once(tree):
    twice = box(0, 0, 4, 4) + box(0, 0, 4, 4)  # 16 pixels, behind the 20 of the other if 32
    tree.thing(1, "tie", twice).thing(1, "person", box(0, 0, 4, 5))
    np.testing.assert_array_equal(
        read(tree).seg, np.where(region(0, 0, 4, 4), 32, region(0, 0, 4, 5))
    )


def test_of_objects_of_one_size_the_later_is_in_front(tree):
    tree.thing(1, "person", box(0, 0, 4, 4), id=2).thing(1, "dog", box(2, 2, 6, 6), id=1)
    assert read(tree).seg[3, 3] == 1


def test_a_crowd_is_ignored_and_an_object_over_it_is_not(tree):
    tree.thing(1, "person", box(3, 3, 8, 8), id=1)
    tree.thing(1, "person", lengths(region(0, 0, 4, 4)), id=2, iscrowd=1)
    sample = read(tree)
    expected = np.where(region(3, 3, 8, 8), 1, region(0, 0, 4, 4) * 255)
    np.testing.assert_array_equal(sample.seg, expected)
    np.testing.assert_array_equal(sample.inst, expected)


def test_a_class_that_only_crowds_have_is_not_there(tree):
    tree.thing(1, "person", lengths(region(0, 0, 4, 4)), iscrowd=1).save()
    assert tree.listing().num_left_out == 1
    assert tree.read(1) is None


@pytest.mark.parametrize(("outside", "value"), [("background", 0), ("ignore", 255)])
def test_objects_and_crowds_of_other_classes_become_what_is_asked(tree, outside, value):
    tree.thing(1, "dog", box(0, 0, 2, 2)).thing(1, "cat", box(4, 4, 6, 6))
    tree.thing(1, "sheep", lengths(region(6, 6, 8, 8)), iscrowd=1)
    sample = read(tree, classes="dog", outside=outside)
    others = region(4, 4, 6, 6) + region(6, 6, 8, 8)
    np.testing.assert_array_equal(sample.seg, region(0, 0, 2, 2) * 18 + others * value)
    expected = region(0, 0, 2, 2) + region(4, 4, 6, 6) * 2 + region(6, 6, 8, 8) * 255
    np.testing.assert_array_equal(sample.inst, expected)


def test_an_object_of_another_class_hides_what_is_behind_it(tree):
    tree.thing(1, "person", box(0, 0, 8, 8)).thing(1, "tie", box(2, 2, 4, 5))
    sample = read(tree, classes="person")
    np.testing.assert_array_equal(sample.seg, 1 - region(2, 2, 4, 5))


def test_an_image_whose_object_is_wholly_hidden_is_left_out(tree):
    tree.thing(1, "person", box(2, 2, 4, 4), id=1).thing(1, "tie", box(2, 2, 4, 4), id=2).save()
    assert len(tree.listing(classes="person").units) == 1
    assert tree.read(1, classes="person") is None


def test_remap_none_writes_the_numbers_alone(tree):
    tree.image(2).thing(1, "dog", box(0, 0, 2, 2)).save()
    sample = tree.read(1, remap="none")
    assert sample.seg is None
    np.testing.assert_array_equal(sample.inst, region(0, 0, 2, 2))
    assert (sample.facts.labelled, sample.facts.classes) == (False, ())
    assert not tree.read(2, remap="none").inst.any()


def test_objects_beyond_the_254th_have_a_class_and_no_number(tmp_path):
    tree = CocoTree(tmp_path).image(1, width_px=256, height_px=8)
    for left in range(256):
        tree.thing(1, "person", box(left, 0, left + 1, 8))
    sample = read(tree)
    assert (sample.seg == 1).all()
    np.testing.assert_array_equal(sample.inst[0], [*range(1, 255), 255, 255])
    assert tree.listing().notes == (
        "1 images have more than 254 objects; those beyond have no number in inst.png (255)",
    )


def test_images_are_sorted_into_written_left_out_missing_and_unlabelled(tree):
    tree.image(2).image(3).image(6).image(4).image(5)
    for number, name in [(1, "dog"), (2, "cat"), (3, "dog"), (6, "cat")]:
        tree.thing(number, name, box(0, 0, 2, 2))
    tree.image_path(3).unlink()
    tree.image_path(6).unlink()
    tree.images.pop()
    listing = tree.save().listing(classes="dog")
    assert [unit.items[0].frame for unit in listing.units] == ["000000000001"]
    assert listing.num_left_out == 2
    (row,) = listing.failures
    assert (row.key, row.outcome) == ("coco/train2017/000000000003", Outcome.MISSING)
    assert row.message == "train2017/000000000003.jpg: annotated, but no image"
    assert listing.notes == (
        "1 of 4 images are not in annotations/instances_train2017.json, not written",
    )
    assert listing.settings == {"labels": "instances"}


def test_classes_that_the_file_lacks_are_named(tree):
    tree.thing(1, "dog", box(0, 0, 2, 2)).save(categories=[{"id": 18, "name": "dog"}])
    assert tree.listing(classes="dog,cat,bus").notes == (
        "annotations/instances_train2017.json has no category bus, cat",
    )


def test_an_item_has_its_own_annotations_and_they_are_part_of_the_digest(tree):
    tree.image(2).thing(1, "dog", box(0, 0, 2, 2)).thing(2, "cat", box(0, 0, 3, 3))
    before = tree.save().listing()
    assert b'"category_id": 17' not in before.units[0].items[0].annotation
    tree.annotations[0]["segmentation"] = box(0, 0, 2, 3)
    assert tree.save().listing().digest() != before.digest()


def test_a_broken_annotation_costs_its_image_alone(tree):
    tree.image(2).thing(1, "dog", box(0, 0, 2, 2)).thing(2, "cat", box(0, 0, 3, 3), iscrowd=3)
    listing = tree.save().listing()
    (row,) = listing.failures
    assert (row.key, row.outcome) == ("coco/train2017/000000000002", Outcome.UNREADABLE)
    assert row.message == (
        "instances_train2017.json: annotations[1].iscrowd: expected 0 or 1, got 3"
    )
    assert len(listing.units) == 1


@pytest.mark.parametrize(
    ("segmentation", "outcome", "message"),
    [
        ([[1, 2, 3, 4]], Outcome.UNREADABLE, "a polygon is an even number of at least 6 numbers"),
        ({"size": [9, 8], "counts": [72]}, Outcome.SIZE_MISMATCH, r"of the size \[9, 8\]"),
        ({"size": [8, 8], "counts": [1]}, Outcome.UNREADABLE, "add up to 1, expected 64"),
    ],
)
def test_an_object_that_cannot_be_drawn_costs_its_image(tree, segmentation, outcome, message):
    where = "annotations/instances_train2017.json: 000000000001: annotation 100: "
    with pytest.raises(ItemError, match=f"{where}.*{message}") as caught:
        read(tree.thing(1, "dog", segmentation))
    assert caught.value.outcome == outcome


def test_an_image_of_another_size_than_the_file_says_is_a_size_mismatch(tree):
    write(tree.image_path(1), jpeg(9, 8))
    with pytest.raises(ItemError, match="the mask is 8x8 pixels, its frame 9x8") as caught:
        read(tree.thing(1, "dog", box(0, 0, 2, 2)))
    assert caught.value.outcome == Outcome.SIZE_MISMATCH


def test_an_absurd_size_is_refused_before_memory_is_taken(tree):
    tree.images[0] |= {"width": 10**9, "height": 10**9}
    with pytest.raises(ItemError, match="1000000000x1000000000 pixels, more than the 134217728"):
        read(tree, remap="none")


def test_the_classes_of_an_item_are_those_that_reading_finds(tree):
    tree.thing(1, "person", box(2, 2, 4, 4), id=1).thing(1, "tie", box(2, 2, 4, 4), id=2).save()
    request = tree.request(classes="person,tie")
    unit = coco.list_split(request).units[0]
    source = Source(dataset="coco", split="train", root=tree.root, options=request.options)
    assert coco.classes_of(source, unit, unit.items[0]) == (32,)


def test_a_missing_file_is_told_with_the_command_that_brings_it(tree):
    message = (
        r"annotations/instances_train2017\.json: no such file; `vsda fetch coco --out \S+ --only "
        r"annotations` brings annotations_trainval2017\.zip \(http"
    )
    with pytest.raises(DatasetError, match=message):
        tree.listing()


def test_a_set_is_planned_and_written_with_one_answer(tree, tmp_path):
    tree.image(2).image(3).thing(1, "dog", box(0, 0, 2, 2)).thing(2, "cat", [[1, 1]])
    tree.thing(3, "person", box(0, 0, 4, 4)).save()
    options = PrepareOptions(
        root=tree.root,
        out=tmp_path / "out",
        split="train",
        classes="all",
        num_workers=2,
        own=coco.CocoOptions(labels="instances"),
    )
    (planned,), (report,) = plan("coco", options), prepare("coco", options)
    assert planned.outcomes == report.outcomes == {"ok": 2, "unreadable": 1}
    assert planned.class_frames == report.class_frames == {"person": 1, "dog": 1}
    samples = list(iterate_samples(open_set(str(tmp_path / "out" / "coco-train"))))
    assert [sample.facts.classes for sample in samples] == [(18,), (1,)]
    np.testing.assert_array_equal(samples[0].inst, region(0, 0, 2, 2))
