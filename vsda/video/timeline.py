"""Which frame a player shows at which moment: exact arithmetic on integers, no floats.

The clock has 30 ticks a second, or as many as the caller says, and starts with the player's
timeline. A video's average frame rate is never used, since it says nothing about a single frame.
"""

from bisect import bisect_right
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

TICKS_PER_S = 30

Rate = int | Fraction
"""Ticks per second."""

Pts = NDArray[np.int64]
"""(N,) int64, ascending presentation times in units of a time base."""


def tick_ms(tick: int, rate: Rate = TICKS_PER_S) -> float:
    """Return when a tick is, in milliseconds; the nearest number to the exact time."""
    return float(tick * 1000 / Fraction(rate))


def ticks_between(start_ms: int, end_ms: int, rate: Rate = TICKS_PER_S) -> range:
    """Return all ticks from `start_ms` to `end_ms`, both included."""
    first = -(-start_ms * rate // 1000)
    return range(first, end_ms * rate // 1000 + 1)


def frames_at_ticks(
    pts: Pts, time_base: Fraction, ticks: range, rate: Rate = TICKS_PER_S
) -> NDArray[np.int64]:
    """Return the index into `pts` of the frame that a player shows at each tick.

    That is the last frame with `pts * time_base <= tick / rate`; -1 before the first one.
    """
    tick_units = 1 / (rate * time_base)  # of the time base, in a tick
    above, below = tick_units.as_integer_ratio()
    latest = [tick * above // below for tick in ticks]
    return np.asarray(np.searchsorted(pts, _as_int64(latest), side="right") - 1, dtype=np.int64)


def tick_of_label(pts: Pts, time_base: Fraction, timestamp_ms: int) -> int:
    """Return the tick that shows the frame which a player shows at `timestamp_ms`.

    A label's time mostly lies between two ticks, and the frame may have changed since the tick
    before it; then the tick after is the nearest that shows the same frame. A frame too short for
    any tick gets the tick before.
    """
    times: list[int] = pts.tolist()
    tick = timestamp_ms * TICKS_PER_S // 1000
    shown = bisect_right(times, _latest_pts(Fraction(timestamp_ms, 1000), time_base)) - 1
    if shown < 0:
        return tick
    first = _ceil(times[shown] * time_base * TICKS_PER_S)  # the first tick at or after its start
    if first <= tick:
        return tick
    at_first = bisect_right(times, _latest_pts(Fraction(first, TICKS_PER_S), time_base)) - 1
    return first if at_first == shown else tick


def _latest_pts(moment_s: Fraction, time_base: Fraction) -> int:
    """Return the greatest pts that is not after `moment_s`."""
    return moment_s // time_base


def _ceil(number: Fraction) -> int:
    return -(-number // 1)


def _as_int64(numbers: list[int]) -> NDArray[np.int64]:
    """Return the numbers as int64; what lies beyond compares the same at the border."""
    limits = np.iinfo(np.int64)
    inside = [min(max(number, int(limits.min)), int(limits.max)) for number in numbers]
    return np.asarray(inside, dtype=np.int64)
