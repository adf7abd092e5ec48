"""What becomes of the time, the shape and the sound of a video."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.predict.made import add_sound, decoded, pictures, times_s, write_lossless
from tests.video import barcode
from vsda.errors import ItemError
from vsda.predict.options import Seen
from vsda.predict.video import VideoSource, moments
from vsda.video.probe import probe

MS = Fraction(1, 1000)
UNEVEN = [0, 40, 50, 130, 400, 433, 700]


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A video whose frames come at `UNEVEN` milliseconds and are turned by a player."""
    path = tmp_path_factory.mktemp("uneven") / "uneven.mp4"
    coding = barcode.Coding(turn=90, container=(("video_track_timescale", "1000"),))
    return barcode.write(path, UNEVEN, MS, coding)


def test_an_overlay_plays_in_browsers_and_keeps_time_and_turn(uneven, predicted):
    found = predicted(uneven, opacity=0.0, legend=False)
    path = found.overlay("uneven")
    facts = probe(path)
    assert (facts.codec, facts.pixel_format) == ("h264", "yuv420p")
    assert (facts.width_px, facts.height_px, facts.rotation) == (96, 128, 0)
    assert times_s(path) == pytest.approx([ms / 1000 for ms in UNEVEN])
    assert facts.duration_ms == probe(uneven).duration_ms
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")
    upright = [np.rot90(frame) for frame in decoded(path)]  # back to how it was painted
    assert [barcode.read(frame) for frame in upright] == list(range(len(UNEVEN)))
    masks = found.masks("uneven")
    assert list(masks) == [f"{number:05d}" for number in range(len(UNEVEN))]
    assert {mask.shape for mask in masks.values()} == {(128, 96)}


def test_ticks_show_what_a_player_shows(uneven, predicted):
    found = predicted(uneven, rate=Fraction(10), opacity=0.0, legend=False)
    shown = [barcode.read(np.rot90(frame)) for frame in decoded(found.overlay("uneven"))]
    times = barcode.seconds(UNEVEN, MS)
    assert shown == [barcode.shown_at(times, Fraction(tick, 10)) for tick in range(len(shown))]
    assert len(shown) > 7
    assert times_s(found.overlay("uneven")) == pytest.approx(
        [tick / 10 for tick in range(len(shown))]
    )


def test_a_part_starts_with_what_is_on_then_and_keeps_the_numbers_of_the_frames(uneven):
    facts = probe(uneven)
    wanted = moments(facts, Seen(start_s=Fraction("0.2"), stop_s=Fraction("0.433")), uneven)
    assert [(one.index, one.number, one.start) for one in wanted] == [(3, 3, 0), (4, 4, 200)]
    assert [one.duration for one in wanted] == [200, 33]


def test_a_part_after_the_end_is_refused(uneven):
    with pytest.raises(ItemError, match=r"shows nothing from 9 s on; it ends at"):
        moments(probe(uneven), Seen(start_s=Fraction(9)), uneven)


@pytest.mark.parametrize(("height_px", "width_px"), [(41, 37), (1, 1)])
def test_odd_sides_get_a_copy_of_the_last_row(height_px, width_px, tmp_path, predicted):
    video = write_lossless(tmp_path / "odd.mkv", pictures(2, height_px, width_px))
    found = predicted(video)
    facts = probe(found.overlay("odd"))
    assert (facts.height_px, facts.width_px) == (height_px + 1, width_px + 1)
    assert {mask.shape for mask in found.masks("odd").values()} == {(height_px, width_px)}


def test_a_video_of_one_frame(tmp_path, predicted, clips_run):
    video = write_lossless(tmp_path / "one.mkv", pictures(1))
    found = predicted(video, run=clips_run)
    assert [one.frames for one in found.report.videos] == [1]
    assert len(found.masks("one")) == len(times_s(found.overlay("one"))) == 1


def test_colours_and_the_shape_of_pixels_are_kept(tmp_path, predicted):
    frame = np.zeros((64, 96, 3), np.uint8)
    for place, colour in enumerate([(220, 30, 30), (30, 200, 40), (30, 40, 210)]):
        frame[:, 32 * place : 32 * place + 32] = colour
    video = write_lossless(tmp_path / "colours.mkv", [frame] * 3, pixel_aspect=Fraction(4, 3))
    path = predicted(video, opacity=0.0, legend=False).overlay("colours")
    shown = decoded(path)[1].astype(int)[8:56]  # outlines may lie at the borders
    for left in (8, 40, 72):
        difference = shown[:, left : left + 16] - frame[8:56, left : left + 16]
        assert np.abs(np.median(difference, axis=(0, 1))).max() < 6
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert container.streams.video[0].codec_context.colorspace == 1  # BT.709


def sound_of(path):
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        packets = [one for one in container.demux(stream) if one.size]
        return stream.codec_context.name, float(packets[-1].pts * stream.time_base)


@pytest.mark.parametrize("codec", ["aac", "libopus"])
def test_sound_is_copied(codec, tmp_path, predicted):
    silent = write_lossless(tmp_path / "silent.mkv", pictures(60))
    found = predicted(add_sound(tmp_path / "loud.mkv", silent, codec))
    name, end_s = sound_of(found.overlay("loud"))
    assert name in codec
    assert 1.9 < end_s < 2.1
    assert found.report.videos[0].notes == ()


def test_sound_that_browsers_do_not_play_is_told_and_a_part_has_none(tmp_path, predicted):
    silent = write_lossless(tmp_path / "silent.mkv", pictures(60))
    loud = add_sound(tmp_path / "loud.mkv", silent, "ac3")
    found = predicted(loud, out=tmp_path / "a")
    assert sound_of(found.overlay("loud")) is None
    (note,) = found.report.videos[0].notes
    assert note == "its sound is left out: browsers play no ac3 in MP4"
    part = predicted(loud, out=tmp_path / "b", start_s=Fraction(1))
    assert sound_of(part.overlay("loud")) is None
    assert part.report.videos[0].frames == 30


def test_the_number_of_frames_is_known_before(uneven):
    assert VideoSource(uneven).count(Seen(size_px=32)) == len(UNEVEN)
