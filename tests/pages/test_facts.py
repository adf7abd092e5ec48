import json

import pytest

from tests.pages.conftest import DOG_BOX, NO_CAR, shown
from tests.shards.frames import frame, make_set
from vsda.errors import ShardError
from vsda.pages.facts import (
    MAX_FAILURES,
    boxes_of,
    checked_facts,
    failures_of,
    settings_of,
    shown_classes,
)
from vsda.sample import FrameFacts


def raw(**changes):
    return json.dumps(json.loads(frame(0).facts.to_json()) | changes).encode()


def test_sound_facts_come_back():
    assert checked_facts("k", frame(0).facts.to_json()) == frame(0).facts


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "k: its facts are damaged: "),
        (b"[1]", "k: its facts are damaged: not the facts of a frame: json: "),
        (b"\xff\xfe", "k: its facts are damaged: "),
        (b"[" * 200_000, "k: its facts are damaged: "),
        (raw(classes="person"), "k: its facts are damaged: not the facts of a frame: classes: "),
        (raw(width_px="wide"), "k: its facts are damaged: not the facts of a frame: width_px: "),
        (raw(width_px=0), "k: its facts are damaged: a size of 0x4 pixels"),
        (raw(boxes=[1]), "k: its facts are damaged: not the facts of a frame: boxes.0: "),
        (raw(timestamp_ms=float("nan")), "k: its facts are damaged: Out of range float"),
        (raw(sequence=["x"]), "k: its facts are damaged: not the facts of a frame: sequence: "),
    ],
)
def test_damaged_facts_are_told_with_the_key_and_what_is_wrong(data, message):
    with pytest.raises(ShardError) as caught:
        checked_facts("k", data)
    assert str(caught.value).startswith(message)


def test_classes_of_masks_and_of_boxes_that_are_present_are_shown():
    facts = shown(0, "bear", boxes=(DOG_BOX, NO_CAR)).facts
    assert shown_classes(facts) == {1, 18}


def test_an_absent_object_has_no_corners():
    present, absent = boxes_of(shown(0, "bear", boxes=(DOG_BOX, NO_CAR)).facts)
    assert (present.name, present.corners) == ("dog", (0.5, 0.0, 1.0, 0.5))
    assert (absent.name, absent.presence, absent.corners) == ("car", "absent", None)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ({"presence": "present"}, "boxes.0.class: missing"),
        (DOG_BOX | {"class": "x"}, "boxes.0.class: 'x'"),
        (DOG_BOX | {"xmin": None}, "boxes.0.xmin: None"),
        (DOG_BOX | {"xmax": 7.5}, "boxes.0.xmax: 7.5"),
        (DOG_BOX | {"ymin": -3}, "boxes.0.ymin: -3"),
    ],
)
def test_what_is_no_box_is_told_as_all_readers_tell_it(box, message):
    data = raw(boxes=[box])
    with pytest.raises(ShardError) as of_reader:
        FrameFacts.from_json(data)
    with pytest.raises(ShardError) as caught:
        checked_facts("k", data)
    assert str(caught.value) == f"k: its facts are damaged: {of_reader.value}"
    assert message in str(caught.value)


def report(folder, text):
    shard_set = make_set(folder, [[frame(0)]])
    (folder / "davis-train.report.jsonl").write_text(text)
    return failures_of(shard_set)


def test_a_set_without_a_report_has_no_failures(tmp_path):
    assert failures_of(make_set(tmp_path, [[frame(0)]])).num_rows == 0


def test_rows_of_images_and_of_videos_are_read_and_those_that_are_there_passed_over(tmp_path):
    rows = [
        {"key": "davis/a/1", "outcome": "missing", "items": 1, "message": "gone"},
        {"video": "abcdefghijk", "outcome": "private", "message": "Private video"},
        {"video": "bbcdefghijk", "outcome": "ok"},
    ]
    found = report(tmp_path, "".join(f"{json.dumps(row)}\n" for row in rows))
    assert [(row.key, row.outcome, row.message) for row in found.rows] == [
        ("davis/a/1", "missing", "gone"),
        ("abcdefghijk", "private", "Private video"),
    ]


def test_a_long_report_is_counted_and_its_start_is_kept(tmp_path):
    found = report(tmp_path, '{"key": "k", "outcome": "missing"}\n' * 500)
    assert (found.num_rows, len(found.rows)) == (500, MAX_FAILURES)


@pytest.mark.parametrize("text", ["{", "[]\n", "1\n", '{"key": 1}\n', "[" * 200_000])
def test_a_damaged_report_is_told_and_stops_nothing(tmp_path, text):
    assert "davis-train.report.jsonl: not a report: " in report(tmp_path, text).problem


def test_settings_are_text(tmp_path):
    settings = {"remap": "coco", "classes": ["dog", "cat"], "shard_mb": 256, "own": None}
    index = make_set(tmp_path, [[frame(0)]], settings=settings).index
    assert settings_of(index) == [
        ("classes", "dog, cat"),
        ("own", "null"),
        ("remap", "coco"),
        ("shard_mb", "256"),
    ]
