"""Every real video, as a user gives it."""

import pytest

from tests.predict.made import times_s
from tests.video.test_real_videos import FILES
from vsda.video.probe import probe
from vsda.video.shown import shown_indices, source_ms


def check(path, found):
    facts, shown = probe(path), probe(found.overlay(path.stem))
    wanted = [max(source_ms(facts, index), 0) / 1000 for index in shown_indices(facts)]
    assert (shown.codec, shown.pixel_format, shown.rotation) == ("h264", "yuv420p", 0)
    assert shown.width_px == facts.width_px + facts.width_px % 2
    assert shown.height_px == facts.height_px + facts.height_px % 2
    assert times_s(found.overlay(path.stem)) == pytest.approx(wanted, abs=1e-6)
    assert shown.duration_ms == pytest.approx(facts.duration_ms, abs=1e-3)
    assert len(found.masks(path.stem)) == len(wanted)


@pytest.mark.parametrize("name", ["bitmap.mp4", "unordered.mov", "video_270.mov", "h265_video.mp4"])
def test_a_short_real_video(name, real_samples, predicted):
    found = predicted(real_samples / "videos" / name)
    assert found.report.is_whole
    check(real_samples / "videos" / name, found)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_real_video(name, real_samples, predicted):
    found = predicted(real_samples / "videos" / name)
    assert found.report.is_whole
    check(real_samples / "videos" / name, found)


@pytest.mark.slow
def test_a_damaged_one_is_predicted_up_to_the_damage(real_samples, predicted):
    found = predicted(real_samples / "videos" / "corrupted.mp4")
    (one,) = found.report.videos
    assert one.frames == len(found.masks("corrupted")) == 28
    assert "the frame at 2.800 s cannot be decoded" in one.damage
