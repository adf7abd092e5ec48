"""Videos of somebody's folder at any rate: hand-worked frame numbers, and damage."""

import io
import shutil
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from tests.datasets.folder.world import listing_of, samples_of
from tests.fake_worlds import write
from tests.video import barcode
from vsda.datasets.folder import videos as folder_videos
from vsda.errors import ItemError, Outcome, UsageError

NTSC = Fraction(30_000, 1001)


def film(root, times, time_base, **coding):
    (root / "videos").mkdir(parents=True, exist_ok=True)
    barcode.write(root / "videos" / "a.mp4", times, time_base, barcode.Coding(**coding))
    return root


def regular(root, fps, num_frames=20):
    ticks_per_frame = 1000
    times = [number * ticks_per_frame for number in range(num_frames)]
    return film(root, times, 1 / (fps * ticks_per_frame))


def shown(root, **more):
    """Return the frames' numbers, read off the pictures, and their facts."""
    samples = samples_of(root, **more)
    pictures = [np.asarray(Image.open(io.BytesIO(row.jpg))) for row in samples.values()]
    return [barcode.read(picture) for picture in pictures], [
        sample.facts for sample in samples.values()
    ]


@pytest.mark.parametrize(
    ("video_fps", "fps", "expected"),
    [
        (Fraction(30), "30", [*range(20)]),
        (Fraction(25), "30", [0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 15,
                              16, 17, 18, 19]),
        (Fraction(10), "30", [number // 3 for number in range(58)]),
        (NTSC, "30", [0, *range(20)]),
        (NTSC, "30000/1001", [*range(20)]),
        (Fraction(30), "10", [0, 3, 6, 9, 12, 15, 18]),
        (Fraction(25), "10", [0, 2, 5, 7, 10, 12, 15, 17]),
        (Fraction(25), "25", [*range(20)]),
        (Fraction(10), "10", [*range(20)]),
        (NTSC, "10", [0, 2, 5, 8, 11, 14, 17]),
        (Fraction(25), "native", [*range(20)]),
        (NTSC, "native", [*range(20)]),
        (Fraction(10), "1/2", [0]),
    ],
)  # fmt: skip
def test_what_a_player_shows_at_each_tick(tmp_path, video_fps, fps, expected):
    # the writer lets the last frame last 1/30 s, whatever the rate before it
    numbers, facts = shown(regular(tmp_path, video_fps), fps=fps)
    assert numbers == expected
    assert [row.frame_index for row in facts] == list(range(len(expected)))


def test_the_facts_of_a_tick(tmp_path):
    _, facts = shown(regular(tmp_path, Fraction(25)), fps="30")
    seventh = facts[7]
    assert (seventh.tick, seventh.frame, seventh.held) == (7, "0000007", True)
    assert seventh.timestamp_ms == pytest.approx(233.3333, abs=1e-3)
    assert (seventh.source_ms, facts[6].source_ms, facts[6].held) == (200, 200, False)
    assert (seventh.sequence, seventh.labelled, seventh.boxes) == ("a", False, ())
    assert (seventh.width_px, seventh.height_px) == (barcode.WIDTH_PX, barcode.HEIGHT_PX)


def test_the_facts_of_every_frame_of_a_video_with_a_variable_rate(tmp_path):
    times = [0, 40, 50, 400]
    numbers, facts = shown(film(tmp_path, times, Fraction(1, 1000)), fps="native")
    assert numbers == [0, 1, 2, 3]
    assert [row.timestamp_ms for row in facts] == times
    assert [row.source_ms for row in facts] == times
    assert {(row.tick, row.held) for row in facts} == {(None, False)}


def test_a_video_that_starts_late_keeps_its_times(tmp_path):
    root = film(tmp_path, range(20, 40), Fraction(1, 10))
    numbers, facts = shown(root, fps="10")
    assert (numbers[0], facts[0].tick, facts[0].timestamp_ms) == (0, 20, 2000)
    numbers, facts = shown(root, fps="native")
    assert (numbers[0], facts[0].timestamp_ms, facts[0].frame) == (0, 2000, "0000000")


def test_frames_are_turned_as_a_player_does(tmp_path):
    root = film(tmp_path, range(5), Fraction(1, 30), turn=90)
    (first, *_) = samples_of(root).values()
    assert (first.facts.width_px, first.facts.height_px) == (barcode.HEIGHT_PX, barcode.WIDTH_PX)
    assert barcode.read(np.rot90(np.asarray(Image.open(io.BytesIO(first.jpg))))) == 0


def test_frames_are_made_smaller_but_never_larger(tmp_path):
    root = regular(tmp_path, Fraction(30), 3)
    sizes = [
        {(row.facts.width_px, row.facts.height_px) for row in samples_of(root, **more).values()}
        for more in ({"short_side": 48}, {"short_side": 1000}, {})
    ]
    assert sizes == [{(64, 48)}, {(128, 96)}, {(128, 96)}]


def test_a_held_frame_is_encoded_once(tmp_path):
    samples = list(samples_of(regular(tmp_path, Fraction(10), 3)).values())
    assert samples[0].jpg == samples[2].jpg != samples[3].jpg


def test_a_damaged_video_gives_nothing_and_says_how_far_it_goes(real_samples, tmp_path):
    (tmp_path / "videos").mkdir()
    shutil.copy(real_samples / "videos/corrupted.mp4", tmp_path / "videos")
    with pytest.raises(ItemError) as caught:
        samples_of(tmp_path)
    assert caught.value.outcome == Outcome.UNDECODABLE
    assert str(caught.value).startswith("videos/corrupted.mp4: the frame at 2.800 s cannot be dec")
    assert "28 of its 50 frames come out before that, but of a damaged video" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "videos/a.mp4: expected a video, found an empty file"),
        (b"just words\n", "videos/a.mp4: expected a video, found a text"),
    ],
)
def test_what_is_no_video_is_an_error_of_its_own(tmp_path, data, message):
    write(tmp_path / "videos/a.mp4", data)
    with pytest.raises(ItemError, match=message) as caught:
        samples_of(tmp_path)
    assert caught.value.outcome == Outcome.NOT_A_VIDEO


def test_absurd_times_are_refused_before_a_frame_is_decoded(tmp_path):
    root = film(tmp_path, [0, 1, 5_000_000], Fraction(1, 1000))
    with pytest.raises(ItemError, match=r"it would become 50000\d\d frames, more than the 4194304"):
        samples_of(root, fps="1000")


def test_a_rate_at_which_nothing_is_shown_proposes_native(tmp_path):
    root = film(tmp_path, range(5, 8), Fraction(1, 10))
    with pytest.raises(ItemError, match=r"none of 1/2 moments a second falls into its 733 ms; use"):
        samples_of(root, fps="1/2")


@pytest.mark.parametrize("fps", ["29.97", "0", "-1", "30/0", "x", "", "1001", "1/9999", "٣"])
def test_a_rate_that_is_none_is_refused(tmp_path, fps):
    write(tmp_path / "a.mp4", b"")
    with pytest.raises(UsageError, match=f"--fps {fps}: expected"):
        listing_of(tmp_path, fps=fps)


def test_a_negative_size_is_refused(tmp_path):
    write(tmp_path / "a.mp4", b"")
    with pytest.raises(UsageError, match="--short-side -1: expected pixels, or 0 for no limit"):
        listing_of(tmp_path, short_side=-1)


def test_the_frames_on_the_way_lie_in_a_file_without_a_name(tmp_path, monkeypatch):
    root = regular(tmp_path / "world", Fraction(30), 3)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    asked = folder_videos._nameless_file()
    with asked as (file, place):
        place.write_bytes(b"from elsewhere")
        assert file.read() == b"from elsewhere"
        assert list(scratch.iterdir()) == []
    assert len(samples_of(root)) == 3


REAL = {
    "05_default_juggle.mp4": (309, 247),
    "av1_video.mkv": (150, 125),
    "big_buck_bunny_432_433.webm": (30, 24),
    "bikes.mp4": (300, 250),
    "bitmap.mp4": (150, 5),
    "carphone_pristine.mp4": (121, 120),
    "chaplin.mp4": (290, 241),
    "demo.mp4": (67, 67),
    "fire2.mp4": (72, 25),
    "flipping_a_pancake.mkv": (310, 310),
    "h264_10bits.mp4": (30, 30),
    "h265_video.mp4": (30, 10),
    "no_duration.webm": (149, 74),
    "part_0.mp4": (33, 32),
    "test.avi": (197, 164),
    "transparent.webm": (150, 150),
    "unordered.mov": (4, 4),
    "video_0.mov": (3, 3),
    "video_270.mov": (3, 3),
    "video_90.mov": (3, 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_videos_at_30_ticks_and_every_frame(real_samples, tmp_path, name):
    (tmp_path / name).symlink_to(real_samples / "videos" / name)
    counts = [len(samples_of(tmp_path, fps=fps, short_side=64)) for fps in ("30", "native")]
    assert tuple(counts) == REAL[name]
