"""What is shown when, and the frames that a player never shows."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.video import barcode
from vsda.video.probe import probe
from vsda.video.shown import (
    Encoding,
    OpenedVideo,
    every_frame,
    frames_at,
    shown_indices,
    shown_ticks,
)

ENCODING = Encoding(short_side_px=None, jpeg_quality=90)


@pytest.fixture
def opened(tmp_path):
    """Five frames, the first at 100 ms, one every 100 ms."""
    path = barcode.write(tmp_path / "a.mp4", range(1, 6), Fraction(1, 10))
    return OpenedVideo(path=path, facts=probe(path), backend="pyav")


def test_ticks_before_the_first_frame_and_after_the_last_show_nothing(opened):
    ticks, frames = shown_ticks(opened.facts, range(100), 20)
    assert (ticks, frames.tolist()) == (range(2, 11), [0, 0, 1, 1, 2, 2, 3, 3, 4])


def test_a_frame_is_held_where_the_tick_before_shows_it_even_outside_of_those_asked_for(opened):
    ticks, frames = shown_ticks(opened.facts, range(3, 6), 20)
    shown = list(frames_at(opened, ticks, frames, ENCODING, 20))
    assert [(row.tick, row.index, row.held) for row in shown] == [
        (3, 0, True),
        (4, 1, False),
        (5, 1, True),
    ]
    assert [row.timestamp_ms for row in shown] == [150, 200, 250]
    assert [row.source_ms for row in shown] == [100, 200, 200]
    assert shown[1].jpg is shown[2].jpg


def test_every_frame_has_its_own_time(opened):
    shown = list(every_frame(opened, ENCODING))
    assert [(row.index, row.timestamp_ms, row.tick) for row in shown] == [
        (number, 100 * number + 100, None) for number in range(5)
    ]


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        ([0, 5, 10], range(3)),
        ([7, 9], range(2)),
        ([-10, -5, 2, 4], range(1, 4)),
        ([-10, 0, 4], range(1, 3)),
        ([-10, -5], range(1, 2)),
    ],
)
def test_frames_that_are_over_at_the_start_are_never_shown(opened, pts, expected):
    assert shown_indices(replace(opened.facts, pts=np.array(pts))) == expected
