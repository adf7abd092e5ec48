from dataclasses import replace

import pytest

from tests.shards.frames import frame, make_set
from vsda.shards.stats import class_stats, summarise


def test_the_summary_counts_without_background_and_void(davis, tmp_path):
    total = summarise(davis.index)
    assert (total.name, total.dataset, total.split) == ("davis-train", "davis", "train")
    assert (total.num_shards, total.num_samples, total.num_sequences) == (3, 6, 3)
    assert total.num_classes == 1
    assert total.num_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.tar"))


def test_shares_are_of_the_labelled_pixels(davis):
    # five labelled frames of 24 pixels: 16 background, 6 person, 2 void
    rows = {row.name: row for row in class_stats(davis.index)}
    assert list(rows) == ["background", "person", "ignore"]
    assert [row.num_pixels for row in rows.values()] == [80, 30, 10]
    assert [row.num_frames for row in rows.values()] == [5, 5, 5]
    assert rows["background"].share == pytest.approx(80 / 110)
    assert rows["person"].share == pytest.approx(30 / 110)
    assert rows["ignore"].share is None
    assert [row.frame_share for row in rows.values()] == [pytest.approx(5 / 6)] * 3
    assert [row.num_sequences for row in rows.values()] == [None, 3, None]


def test_a_set_without_masks_has_no_classes(tmp_path):
    index = make_set(tmp_path, [[frame(0, seg=None, inst=None)]]).index
    assert class_stats(index) == []
    assert summarise(index).num_classes == 0


def test_an_id_that_coco_lacks_is_shown_by_its_number(tmp_path):
    sample = frame(0)
    sample.seg[0] = 200
    names = [row.name for row in class_stats(make_set(tmp_path, [[sample]]).index)]
    assert names == ["background", "person", "id 200", "ignore"]


def boxed(number, *boxes):
    facts = replace(frame(number).facts, labelled=False, classes=(), boxes=boxes)
    return frame(number, seg=None, inst=None, facts=facts)


def test_boxes_that_are_present_count_as_classes_without_pixels(tmp_path):
    dog, gone = {"class": 18, "presence": "present"}, {"class": 3, "presence": "absent"}
    index = make_set(tmp_path, [[boxed(0, dog, gone), boxed(1, dog), boxed(2, gone)]]).index
    (row,) = class_stats(index)
    assert (row.name, row.num_pixels, row.share, row.num_frames) == ("dog", 0, None, 2)
    assert summarise(index).num_classes == 1
    assert index.sequences[0].classes == (18,)
