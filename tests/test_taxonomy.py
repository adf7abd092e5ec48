"""Class sets and the mapping of mask values."""

import numpy as np
import pytest

from vsda.errors import ItemError, Outcome, UnknownNameError, UsageError
from vsda.taxonomy import (
    ALL,
    class_set,
    classes_in_common,
    datasets_with_classes,
    remap_mask,
    shared_classes,
    split_classes,
    ytbb_class_set,
)

TEN = (1, 2, 3, 4, 16, 18, 19, 27, 42, 77)


def test_davis_shares_the_papers_ten_classes():
    assert class_set("shared").ids == TEN
    assert shared_classes("davis").names[0] == "person"


def test_all_is_cocos_eighty():
    assert len(class_set(ALL)) == 80


def test_names_and_ids_may_be_mixed_and_come_out_sorted():
    assert class_set("dog, 1,cell phone").ids == (1, 18, 77)


def test_unknown_class_is_told_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'person'"):
        class_set("persn")


def test_a_digit_that_is_no_number_is_an_unknown_class():
    with pytest.raises(UnknownNameError, match="unknown class '²'"):
        class_set("²")


def test_unknown_dataset_is_told():
    with pytest.raises(UnknownNameError, match="shared classes 'davsi'"):
        class_set("shared:davsi")


def test_empty_choice_is_an_error():
    with pytest.raises(UsageError, match="no class in ' , '"):
        class_set(" , ")


def test_projection_numbers_the_classes_and_keeps_ignore():
    table = class_set("person,dog").projection()
    assert (table[0], table[1], table[18], table[2], table[255]) == (0, 1, 2, 0, 255)


def test_remap_replaces_every_value():
    mask = np.array([[0, 1], [2, 255]], dtype=np.uint8)
    assert remap_mask(mask, {0: 0, 1: 16, 2: 3, 255: 255}).tolist() == [[0, 16], [3, 255]]


def test_remap_never_guesses_an_unlisted_value():
    mask = np.array([[0, 7]], dtype=np.uint8)
    with pytest.raises(ItemError, match=r"values \[7\] that its class table lacks") as caught:
        remap_mask(mask, {0: 0})
    assert caught.value.outcome is Outcome.UNKNOWN_ID


def test_youtube_bb_shares_seven_of_the_ten():
    names = ("person", "bicycle", "car", "motorcycle", "bird", "dog", "horse")
    assert ytbb_class_set("shared").names == names
    assert ytbb_class_set("shared:davis").names == names


def test_all_of_youtube_bb_are_its_23_named_classes():
    assert len(ytbb_class_set("all")) == 23
    assert ytbb_class_set("all") == class_set("shared:ytbb") == ytbb_class_set("shared:ytbb")


def test_classes_of_youtube_bb_are_chosen_by_name_or_coco_id():
    assert ytbb_class_set("dog, 1,potted plant").ids == (1, 18, 64)


@pytest.mark.parametrize("word", ["skateboardd", "none", "dog,cell phone", "77"])
def test_a_class_that_youtube_bb_lacks_is_told_with_those_that_it_has(word):
    known = ", ".join(sorted(ytbb_class_set("all").names))
    with pytest.raises(
        UnknownNameError, match=f"unknown class of YouTube-BoundingBoxes .*Known: {known}"
    ):
        ytbb_class_set(word)


def test_coco_and_davis_share_the_ten_in_either_order():
    assert classes_in_common(["coco", "davis"]).ids == TEN
    assert classes_in_common(["davis", "coco"]).ids == TEN


def test_davis_and_youtube_bb_share_seven():
    shared = classes_in_common(["davis", "ytbb"])
    assert set(shared.names) == {
        "person", "bird", "bicycle", "horse", "motorcycle", "dog", "car",
    }  # fmt: skip
    assert class_set("shared:ytbb+davis") == shared


def test_no_dataset_has_a_class_in_each_split_that_a_split_lacks():
    for dataset in datasets_with_classes():
        shared = set(shared_classes(dataset).ids)
        assert shared
        assert all(shared <= set(classes.ids) for classes in split_classes(dataset).values())


def test_an_unknown_dataset_among_several_is_told():
    with pytest.raises(UnknownNameError, match="shared classes 'davsi'"):
        class_set("shared:coco+davsi")
