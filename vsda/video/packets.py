"""The times of a video's coded frames, read from the container without decoding."""

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class CodedFrames:
    """The frames that a player shows, in the order in which they are coded.

    Attributes:
        pts: (N,) int64, when each is shown, in units of `time_base`.
        dts: (N,) int64, when each is decoded.
        is_key: (N,) bool, decoding can start there.
        time_base: Seconds per unit.
        last_duration: How long the frame that is shown last lasts; 0 where unknown.
        num_timeless: Packets to which the container gives no time to be shown.
        num_hidden: Coded frames that an edit list takes out.
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    is_key: NDArray[np.bool_]
    time_base: Fraction
    last_duration: int
    num_timeless: int
    num_hidden: int


class _Times(NamedTuple):
    pts: int
    dts: int
    duration: int
    is_key: bool


def read_coded_frames(container: InputContainer, stream: VideoStream) -> CodedFrames:
    """Read all packets of `stream`, one at a time."""
    timed: list[_Times] = []
    num_timeless = num_hidden = 0
    for packet in container.demux(stream):
        pts, dts = packet.pts, packet.dts
        if packet.size and packet.is_discard:
            num_hidden += 1
        elif packet.size and pts is None:
            num_timeless += 1
        elif pts is not None:
            dts = pts if dts is None else dts
            timed.append(_Times(pts, dts, packet.duration or 0, packet.is_keyframe))
    if not num_hidden:  # the key frame of shown frames may be hidden
        timed = _from_first_key(timed)
    return CodedFrames(
        pts=np.array([times.pts for times in timed], np.int64),
        dts=np.array([times.dts for times in timed], np.int64),
        is_key=np.array([times.is_key for times in timed], np.bool_),
        time_base=stream.time_base or Fraction(1),
        last_duration=max(timed).duration if timed else 0,
        num_timeless=num_timeless,
        num_hidden=num_hidden,
    )


def has_open_gops(frames: CodedFrames) -> bool:
    """Return whether a frame coded after a key frame is shown before it, or the reverse."""
    keys = np.flatnonzero(frames.is_key)
    earliest_from = np.minimum.accumulate(frames.pts[::-1])[::-1][keys]
    latest_before = np.maximum.accumulate(frames.pts)[keys[1:] - 1]
    key_pts = frames.pts[keys]
    return bool((earliest_from < key_pts).any() or (latest_before > key_pts[1:]).any())


def _from_first_key(frames: list[_Times]) -> list[_Times]:
    """Drop what no decoder can show: frames coded before the first key frame or shown before it."""
    first = next((index for index, frame in enumerate(frames) if frame.is_key), 0)
    return [frame for frame in frames[first:] if frame.pts >= frames[first].pts]


def longest_gop(frames: CodedFrames) -> int:
    """Return the most frames from one key frame to the next."""
    borders = [0, *np.flatnonzero(frames.is_key).tolist(), len(frames.is_key)]
    return max(after - before for before, after in itertools.pairwise(borders))
