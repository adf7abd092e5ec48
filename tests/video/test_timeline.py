"""Ticks and frames: worked examples, and the same as slow exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.video.barcode import seconds, shown_at
from vsda.video.timeline import frames_at_ticks, tick_ms, tick_of_label, ticks_between

TIME_BASES = [
    Fraction(1, 1000),
    Fraction(1, 90_000),
    Fraction(1, 12_800),
    Fraction(1001, 30_000),
    Fraction(1, 30),
    Fraction(7, 3),
    Fraction(1, 2**31 - 1),
]

tables = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30, unique=True).map(sorted)


def as_pts(times):
    return np.array(times, np.int64)


def test_there_are_thirty_ticks_in_a_second():
    assert [tick_ms(tick) for tick in (0, 3, 30)] == [0, 100, 1000]


def test_ticks_between_two_labels_include_those_at_the_ends():
    assert ticks_between(1000, 2000) == range(30, 61)


def test_ticks_between_start_after_a_start_between_two_ticks():
    assert ticks_between(1001, 1099) == range(31, 33)


def test_another_rate_has_other_ticks():
    assert [tick_ms(tick, 10) for tick in (0, 3, 10)] == [0, 300, 1000]
    assert tick_ms(30_000, Fraction(30_000, 1001)) == 1_001_000
    assert ticks_between(0, 1001, Fraction(30_000, 1001)) == range(31)
    assert ticks_between(0, 1000, Fraction(30_000, 1001)) == range(30)
    assert ticks_between(1000, 3000, Fraction(1, 2)) == range(1, 2)


def test_25_fps_looked_at_10_times_a_second_gives_every_second_or_third_frame():
    shown = frames_at_ticks(as_pts(range(25)), Fraction(1, 25), range(10), 10)
    assert shown.tolist() == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]


@given(
    tables,
    st.sampled_from(TIME_BASES),
    st.fractions(min_value=Fraction(1, 100), max_value=1000, max_denominator=1001),
)
def test_frames_at_ticks_of_any_rate_equal_slow_exact_arithmetic(times, time_base, rate):
    shown = frames_at_ticks(as_pts(times), time_base, range(-5, 15), rate)
    exact = seconds(times, time_base)
    assert shown.tolist() == [shown_at(exact, tick / rate) for tick in range(-5, 15)]


def test_a_moment_between_two_ticks_has_none():
    assert len(ticks_between(1001, 1033)) == 0


@given(st.integers(0, 10**9), st.integers(0, 10**4))
def test_ticks_between_are_those_whose_time_lies_between(start_ms, length_ms):
    ticks = ticks_between(start_ms, start_ms + length_ms)
    inside = range(ticks.start, ticks.stop)
    assert all(start_ms <= Fraction(1000 * k, 30) <= start_ms + length_ms for k in inside)
    assert Fraction(1000 * (ticks.start - 1), 30) < start_ms
    assert Fraction(1000 * ticks.stop, 30) > start_ms + length_ms


def test_at_25_fps_every_fifth_frame_is_held():
    shown = frames_at_ticks(as_pts(range(10)), Fraction(1, 25), range(13))
    assert shown.tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 9]


def test_at_60_fps_every_second_frame_is_shown():
    shown = frames_at_ticks(as_pts(range(12)), Fraction(1, 60), range(6))
    assert shown.tolist() == [0, 2, 4, 6, 8, 10]


def test_at_ntsc_rate_no_tick_is_lost_to_rounding():
    pts = as_pts([1001 * number for number in range(3000)])
    shown = frames_at_ticks(pts, Fraction(1, 30_000), range(3000))
    assert shown[[0, 1, 1000, 1001, 2001, 2002]].tolist() == [0, 0, 999, 1000, 1999, 2000]


def test_before_the_first_frame_there_is_none():
    assert frames_at_ticks(as_pts([2000]), Fraction(1, 1000), range(59, 61)).tolist() == [-1, 0]


@given(tables, st.sampled_from(TIME_BASES), st.integers(-(10**4), 10**4))
def test_frames_at_ticks_equal_slow_exact_arithmetic(times, time_base, start):
    ticks = range(start, start + 20)
    shown = frames_at_ticks(as_pts(times), time_base, ticks)
    exact = seconds(times, time_base)
    assert shown.tolist() == [shown_at(exact, Fraction(tick, 30)) for tick in ticks]


@given(tables, st.sampled_from(TIME_BASES))
def test_later_ticks_never_show_earlier_frames(times, time_base):
    assert (np.diff(frames_at_ticks(as_pts(times), time_base, range(-300, 300))) >= 0).all()


@given(
    st.sampled_from([Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(60)])
)
def test_at_a_regular_rate_the_error_stays_below_one_frame(rate_fps):
    pts = as_pts(range(400))
    for tick, index in enumerate(frames_at_ticks(pts, 1 / rate_fps, range(150)).tolist()):
        assert 0 <= Fraction(tick, 30) - index / rate_fps < 1 / rate_fps


def test_huge_times_do_not_overflow():
    pts = as_pts([2**62, 2**62 + 1])
    ticks = range(30 * 2**62, 30 * 2**62 + 2)
    assert frames_at_ticks(pts, Fraction(1), ticks).tolist() == [0, 0]
    assert frames_at_ticks(pts, Fraction(1, 2**62), range(10**12, 10**12 + 1)).tolist() == [1]


def test_a_label_on_a_tick_belongs_to_it():
    assert tick_of_label(as_pts(range(60)), Fraction(1, 30), 1000) == 30


def test_a_label_after_a_change_belongs_to_the_next_tick():
    # 25 fps: the frame of 40 ms changes between tick 1 (33 ms) and tick 2 (67 ms)
    pts = as_pts(range(60))
    assert tick_of_label(pts, Fraction(1, 25), 39) == 1
    assert tick_of_label(pts, Fraction(1, 25), 40) == 2
    assert tick_of_label(pts, Fraction(1, 25), 66) == 2


def test_a_label_on_a_frame_that_no_tick_shows_belongs_to_the_tick_before():
    assert tick_of_label(as_pts(range(60)), Fraction(1, 60), 17) == 0


def test_a_label_before_the_first_frame_belongs_to_the_tick_before():
    assert tick_of_label(as_pts([2000]), Fraction(1, 1000), 1999) == 59


@given(tables, st.sampled_from(TIME_BASES), st.integers(0, 10**6))
def test_a_label_belongs_to_the_nearest_tick_that_shows_its_frame(times, time_base, timestamp_ms):
    exact = seconds(times, time_base)
    frame = shown_at(exact, Fraction(timestamp_ms, 1000))
    floor = timestamp_ms * 30 // 1000
    near = sorted(range(floor - 40, floor + 42), key=lambda k: abs(k * 1000 - 30 * timestamp_ms))
    same = [tick for tick in near if shown_at(exact, Fraction(tick, 30)) == frame]
    expected = floor if floor in same or not same else same[0]
    assert tick_of_label(as_pts(times), time_base, timestamp_ms) == expected


@pytest.mark.parametrize("time_base", TIME_BASES, ids=str)
def test_no_ticks_give_no_frames(time_base):
    assert frames_at_ticks(as_pts([0]), time_base, range(0)).shape == (0,)
