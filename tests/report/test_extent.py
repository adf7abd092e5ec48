"""Pages stay below a size, and say what they leave out."""

import numpy as np
from PIL import Image

from tests.report.make_runs import evaluation, judge, make_run, make_set, predict, truth_mask
from vsda.report.extent import extents
from vsda.report.html import write_report


def test_pictures_of_training_go_first_then_frames(tmp_path):
    found = list(extents(4, 8_000_000))

    assert [(one.num_pictures, one.first_panels, one.last_panels) for one in found] == [
        (4, True, True),
        (4, False, True),
        (4, False, False),
        (2, False, False),
        (1, False, False),
        (0, False, False),
    ]
    assert found[0].left_out == ()
    assert "below 8 MB; they are in panels/ and gap/" in found[1].left_out[0]
    assert "2 frames are shown in place of 4" in found[3].left_out[1]


def test_a_page_without_pictures_has_nothing_to_leave_out():
    assert [one.num_pictures for one in extents(0, 8_000_000)] == [0]


def test_a_page_that_is_too_large_leaves_out_pictures_and_says_so(tmp_path):
    names = ["bear", "camel"]
    place = str(make_set(tmp_path / "shards", sequences=names, length=1))
    run = make_run(tmp_path / "run")
    listed = predict(run, {f"davis/{name}/00000": truth_mask(0) for name in names})
    judge(run, evaluation(place=place, predictions=listed))
    (run / "panels").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(run / "panels" / "panel-000050.png")

    whole = write_report([run], tmp_path / "whole.html", num_pictures=2)
    limit = whole.size_bytes - 1
    small = write_report([run], tmp_path / "small.html", num_pictures=2, max_bytes=limit)
    tiny = write_report([run], tmp_path / "tiny.html", num_pictures=2, max_bytes=1000)

    assert whole.left_out == ()
    assert small.size_bytes < whole.size_bytes
    assert "pictures kept in training, and those of the gap, are left out" in small.left_out[0]
    assert small.path.read_text().count("<img ") == 4
    assert tiny.left_out[-1] == "All frames are left out, for the same reason."
    assert "<img " not in tiny.path.read_text()
    assert tiny.left_out[-1] in tiny.path.read_text()
