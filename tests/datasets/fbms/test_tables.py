"""The tables of FBMS agree with each other and with what is known of the dataset."""

import csv
from collections import Counter

import pytest

from tests.conftest import REAL_SAMPLES
from vsda.manifests import (
    NO_CLASS,
    fbms_oddities,
    fbms_regions,
    fbms_sequences,
    fbms_splits,
)
from vsda.taxonomy import class_ids, class_set, shared_classes

FACTS = REAL_SAMPLES.parent / "facts" / "fbms_sequences.csv"
CERTAINTY = {"from the name": "name", "check the pictures": "unsure"}


def test_there_are_29_and_30_sequences_and_720_labelled_frames():
    assert Counter(row.split for row in fbms_sequences()) == {"train": 29, "test": 30}
    assert sum(split.num_annotated for split in fbms_splits().values()) == 720


def test_every_sequence_has_rows_in_its_own_split_and_no_other_has():
    split_of = {row.name: row.split for row in fbms_sequences()}
    assert {(row.sequence, row.split) for row in fbms_regions()} == set(split_of.items())


def test_no_sequence_has_two_rows_for_every_region():
    rows = Counter(row.sequence for row in fbms_regions() if row.region is None)
    assert set(rows.values()) == {1}


def test_every_class_is_one_of_coco_or_none():
    assert {row.class_name for row in fbms_regions()} <= {*class_ids(), NO_CLASS}


def test_what_coco_lacks_is_none_and_a_farm_is_not_sure():
    none = {row.sequence for row in fbms_regions() if row.class_name == NO_CLASS}
    assert none == {
        *("camel01", "farm01", "goats01", "lion01", "lion02", "meerkats01"),
        *("rabbits01", "rabbits02", "rabbits03", "rabbits04", "rabbits05"),
    }
    assert {row.certainty for row in fbms_regions() if row.sequence == "farm01"} == {"unsure"}


def test_only_the_sample_was_looked_at():
    seen = [row for row in fbms_regions() if row.certainty == "seen"]
    assert [(row.sequence, row.region, row.class_name) for row in seen] == [
        ("cars1", 1, "car"),
        ("cars1", 2, "car"),
    ]


def test_every_odd_file_belongs_to_a_sequence():
    split_of = {row.name: row.split for row in fbms_sequences()}
    assert [row.file for row in fbms_oddities()] == ["cats04_0020_gt.ppm"]
    assert all(split_of[row.sequence] == row.split for row in fbms_oddities())


def test_both_splits_share_four_classes():
    assert set(shared_classes("fbms").names) == {"car", "cat", "horse", "person"}
    assert class_set("shared:fbms+davis").names == ("person", "car", "horse")


def test_the_table_says_what_is_known_of_the_sequences():
    if not FACTS.is_file():
        pytest.skip(f"no {FACTS}")
    ids = class_ids()
    known = {
        (row["split"], row["sequence"], row["coco_id"], CERTAINTY[row["certainty"]])
        for row in csv.DictReader(FACTS.read_text().splitlines())
    }
    assert len(known) == 59
    assert {
        (
            row.split,
            row.sequence,
            str(ids.get(row.class_name, "")),
            "name" if row.certainty == "seen" else row.certainty,
        )
        for row in fbms_regions()
    } == known
