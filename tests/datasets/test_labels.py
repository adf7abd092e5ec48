import pytest

from vsda.datasets.labels import chosen_classes, label_rules
from vsda.errors import UnknownNameError, UsageError

NAMES = {0: "background", 1: "person", 2: "cat", 3: "-", 255: "ignore"}


def test_a_chosen_class_gets_its_coco_id_and_other_objects_become_background():
    table = label_rules("coco", "person", "background").value_table(NAMES)
    assert table == {0: 0, 1: 1, 2: 0, 3: 0, 255: 255}


def test_other_objects_become_ignore_if_asked_while_background_stays():
    table = label_rules("coco", "person", "ignore").value_table(NAMES)
    assert table == {0: 0, 1: 1, 2: 255, 3: 255, 255: 255}


def test_all_keeps_every_class_that_coco_has():
    table = label_rules("coco", "all", "ignore").value_table(NAMES)
    assert table == {0: 0, 1: 1, 2: 17, 3: 255, 255: 255}


def test_without_a_choice_the_classes_are_the_shared_ten():
    classes = label_rules("coco", None, "background").classes
    assert classes is not None
    assert classes.ids == (1, 2, 3, 4, 16, 18, 19, 27, 42, 77)


@pytest.mark.parametrize("remap", ["coco", "none"])
def test_an_empty_choice_of_classes_is_refused(remap):
    with pytest.raises(UsageError, match="''"):
        label_rules(remap, "", "background")


def test_remap_none_has_no_classes():
    assert label_rules("none", None, "background").classes is None
    assert label_rules("none", "all", "background").classes is None


def test_remap_none_with_chosen_classes_is_refused():
    with pytest.raises(UsageError, match=r"--remap none keeps every item .* --classes is 'person'"):
        label_rules("none", "person", "background")


def test_remap_none_with_shared_classes_is_refused():
    with pytest.raises(UsageError, match="'shared'; leave --classes out, or use --remap coco"):
        label_rules("none", "shared", "background")


@pytest.mark.parametrize(
    ("remap", "outside", "message"),
    [
        ("cocoo", "background", "unknown --remap 'cocoo'. Did you mean 'coco'?"),
        ("coco", "ignored", "unknown --outside 'ignored'. Did you mean 'ignore'?"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_one(remap, outside, message):
    with pytest.raises(UnknownNameError) as caught:
        label_rules(remap, "all", outside)
    assert message in str(caught.value)


def test_settings_say_what_decided_the_labels():
    assert label_rules("coco", "dog,person", "ignore").settings() == {
        "remap": "coco",
        "classes": ["person", "dog"],
        "outside": "ignore",
    }
    assert label_rules("none", None, "ignore").settings() == {
        "remap": "none",
        "classes": None,
        "outside": None,
    }


def test_chosen_classes_of_a_table_leave_out_background_and_ignore():
    assert chosen_classes({0: 0, 1: 18, 2: 1, 3: 1, 255: 255}) == (1, 18)
