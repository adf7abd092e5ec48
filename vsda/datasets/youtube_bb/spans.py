"""Segments of tracked objects, and the spans of a video that they cover, over millions of rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Stretches of videos, by video and time.

    Attributes:
        video: (N,) index of the video.
        start_ms: (N,) when each starts.
        end_ms: (N,) when each ends.
    """

    video: Ints
    start_ms: Ints
    end_ms: Ints

    def __len__(self) -> int:
        return len(self.video)


def find_segments(video: Ints, track: Ints, time_ms: Ints) -> Intervals:
    """Return from when to when each object of each video has rows.

    Args:
        video: (N,) index of the video of each row.
        track: (N,) a number for the object, unique inside its video.
        time_ms: (N,) time of each row.
    """
    order = np.lexsort((time_ms, track, video))
    first = np.flatnonzero(_is_new(video[order]) | _is_new(track[order]))
    last = np.append(first[1:], len(video)) - 1
    firsts, lasts = order[first], order[last]
    return Intervals(
        *(ints.astype(np.int64) for ints in (video[firsts], time_ms[firsts], time_ms[lasts]))
    )


def merge(intervals: Intervals) -> Intervals:
    """Return the union of `intervals` in each video: those that touch or overlap become one."""
    order = np.lexsort((intervals.start_ms, intervals.video))
    video, start, end = (
        column[order] for column in (intervals.video, intervals.start_ms, intervals.end_ms)
    )
    if not len(video):
        return intervals
    stride = int(end.max()) + 1  # lays the videos one after the other on one axis
    reach = np.maximum.accumulate(end + video * stride)
    is_first = np.ones(len(video), dtype=np.bool_)
    is_first[1:] = (video[1:] != video[:-1]) | (start[1:] + video[1:] * stride > reach[:-1])
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(video)) - 1
    return Intervals(video[first], start[first], reach[last] - video[first] * stride)


def _is_new(values: Ints) -> NDArray[np.bool_]:
    """Return where a value differs from the one before; the first does."""
    is_new = np.ones(len(values), dtype=np.bool_)
    is_new[1:] = values[1:] != values[:-1]
    return is_new
