"""Real files: every oddity that they have, through both backends."""

from contextlib import suppress

import numpy as np
import pytest

from vsda.errors import ItemError
from vsda.video.backends import read_frames
from vsda.video.decord import misfit
from vsda.video.probe import probe

# file: frames, size as shown, clockwise turn, why decord is not asked
FILES = {
    "05_default_juggle.mp4": (247, (1280, 720), 0, "a group of 247 pictures may take 651 MiB"),
    "av1_video.mkv": (125, (640, 360), 0, "its codec is av1"),
    "big_buck_bunny_432_433.webm": (24, (1280, 720), 0, "its codec is vp8"),
    "bikes.mp4": (250, (640, 272), 0, None),
    "bitmap.mp4": (5, (1, 1), 0, "its pixel format is yuv444p"),
    "carphone_pristine.mp4": (120, (176, 144), 0, None),
    "chaplin.mp4": (241, (640, 360), 0, None),
    "demo.mp4": (67, (1280, 720), 0, None),
    "fire2.mp4": (25, (1280, 720), 180, None),
    "flipping_a_pancake.mkv": (310, (426, 240), 0, None),
    "h264_10bits.mp4": (30, (200, 200), 0, "its pixel format is yuv420p10le"),
    "h265_video.mp4": (10, (128, 128), 0, "its groups of pictures are open"),
    "no_duration.webm": (74, (1280, 720), 0, None),
    "part_0.mp4": (32, (340, 256), 0, None),
    "test.avi": (164, (320, 240), 0, "its container has no presentation times"),
    "transparent.webm": (150, (200, 200), 0, None),
    "unordered.mov": (4, (50, 50), 0, None),
    "video_0.mov": (3, (568, 320), 0, None),
    "video_90.mov": (3, (320, 568), 90, None),
    "video_270.mov": (3, (320, 568), 270, None),
}


@pytest.mark.parametrize("name", FILES)
def test_the_facts_of_real_videos(name, real_samples):
    facts = probe(real_samples / "videos" / name)
    size = (facts.width_px, facts.height_px)
    assert (len(facts.pts), size, facts.rotation, misfit(facts)) == FILES[name]
    assert (np.diff(facts.pts) > 0).all()


@pytest.mark.parametrize("name", FILES)
def test_frames_are_the_same_read_in_a_row_alone_and_by_decord(name, real_samples):
    path = real_samples / "videos" / name
    facts = probe(path)
    wanted = range(min(len(facts.pts), 40))
    row = dict(read_frames(path, facts, wanted, "pyav"))
    assert list(row) == list(wanted)
    assert row[0].shape == (facts.height_px, facts.width_px, 3)
    for index in (len(wanted) - 1, len(wanted) // 2):
        [(_, alone)] = read_frames(path, facts, [index], "pyav")
        assert np.array_equal(alone, row[index])
    if misfit(facts) is None:
        for index, frame in read_frames(path, facts, wanted, "decord"):
            assert np.array_equal(frame, row[index]), index


@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_damage_is_an_error_that_names_the_time_and_what_lies_before_it_is_good(
    backend, real_samples
):
    path = real_samples / "videos" / "corrupted.mp4"
    facts = probe(path)
    assert len(list(read_frames(path, facts, range(20), backend))) == 20
    with pytest.raises(ItemError, match=r"the frame at \d\.\d{3} s cannot be decoded|decord can"):
        list(read_frames(path, facts, range(50), backend))


def test_nothing_is_written_to_the_console(real_samples, capfd):
    for name in ("corrupted.mp4", "h264_10bits.mp4", "bikes.mp4"):
        path = real_samples / "videos" / name
        facts = probe(path)
        for backend in ("pyav", "decord"):
            with suppress(ItemError):
                list(read_frames(path, facts, range(len(facts.pts)), backend))
    assert capfd.readouterr() == ("", "")


def test_videos_of_the_dataset_are_read_by_decord(real_samples):
    paths = sorted((real_samples / "youtube_bb" / "videos").glob("*.mp4"))
    assert len(paths) == 3
    for path in paths:
        facts = probe(path)
        assert misfit(facts) is None
        wanted = range(200, 320, 2)
        ours = dict(read_frames(path, facts, wanted, "pyav"))
        theirs = dict(read_frames(path, facts, wanted, "decord"))
        assert list(ours) == list(theirs) == list(wanted)
        assert all(np.array_equal(ours[index], theirs[index]) for index in wanted)
