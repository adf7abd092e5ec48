"""Frames by decord, which is fast but counts frames instead of looking at their times.

So a file is given to it only where its counting cannot go wrong, and each time it starts to read
its first frames are compared with those of PyAV.
"""

import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from vsda.errors import ItemError, Outcome
from vsda.video.probe import VideoFacts
from vsda.video.pyav import Rgb, read_with_pyav, time_s

_CODECS = frozenset({"h264", "hevc", "mpeg4", "vp8", "vp9"})
_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})
_TIME_TOLERANCE_S = 5e-4
"""Times of 1000 s and more are compared to a millionth, as decord keeps them in 32 bits."""
_ROUNDING = 4
"""Two conversions from YUV to RGB may differ by this much in a colour of a pixel."""
_CHANGE = 32
"""A colour that differs by more shows that it is another frame."""
_MAX_COMPARED = 32
_STRICT = 1e-6
"""decord's `fault_tol` as a share of the frames: so small that one frame replaced by its neighbour
is an error. The number 1 would let one pass."""


def misfit(facts: VideoFacts, path: Path) -> str | None:
    """Return why decord cannot be trusted with the video, or None if it can."""
    reasons = {
        f"its codec is {facts.codec}": facts.codec not in _CODECS,
        f"its pixel format is {facts.pixel_format}": facts.pixel_format not in _PIXEL_FORMATS,
        "it has an edit list": facts.is_edited,
        "decoding cannot start at all of its key frames": facts.has_open_gops,
        "its container has no presentation times": facts.is_counted,
        "its picture is mirrored": facts.is_mirrored,
        "decord is not installed": _decord() is None,
    }
    first = next((reason for reason, holds in reasons.items() if holds), None)
    return first or _disagreement(facts, path)


def read_with_decord(
    path: Path, facts: VideoFacts, indices: Sequence[int]
) -> Iterator[tuple[int, Rgb]]:
    """Yield (index, frame) for ascending `indices`, in one go from an accurate seek.

    Raises:
        ItemError: UNDECODABLE where decord fails, or gives another frame than PyAV.
    """
    proof = _Proof(path, facts, indices)
    for index, frame in _frames_from(path, facts, indices[0], indices[-1]):
        if index == indices[proof.num_seen]:
            rgb: Rgb = frame.asnumpy()
            proof.check(index, rgb)
            yield index, rgb


class _Proof:
    """Compares frames with those of PyAV until the picture has changed, so that a shift shows."""

    def __init__(self, path: Path, facts: VideoFacts, indices: Sequence[int]) -> None:
        self.path = path
        self.facts = facts
        self.num_seen = 0
        self._expected = read_with_pyav(path, facts, indices)
        self._first: Rgb | None = None
        self._is_given = False

    def check(self, index: int, rgb: Rgb) -> None:
        """Compare a frame, the next of those wanted.

        Raises:
            ItemError: UNDECODABLE where it is another.
        """
        self.num_seen += 1
        if self._is_given:
            return
        _, expected = next(self._expected)
        if rgb.shape != expected.shape or _largest_difference(rgb, expected) > _ROUNDING:
            raise ItemError(
                Outcome.UNDECODABLE,
                f"{self.path}: decord's frame at {time_s(self.facts, index)} is another than "
                "PyAV's, which goes by the time",
            )
        self._first = rgb if self._first is None else self._first
        has_changed = _largest_difference(rgb, self._first) > _CHANGE
        if has_changed or self.num_seen == _MAX_COMPARED:
            self._is_given = True
            self._expected.close()


def _frames_from(path: Path, facts: VideoFacts, start: int, end: int) -> Iterator[tuple[int, Any]]:
    """Yield index and frame from `start` to `end`, both included, as decord's own arrays."""
    decord_error = _module().DECORDError
    index = start
    try:
        reader = _open(path)
        reader.seek_accurate(start)
        for index in range(start, end + 1):
            yield index, reader.next()
    except (decord_error, RuntimeError, StopIteration, AssertionError) as error:
        lines = str(error).splitlines() or ["no more frames"]
        raise ItemError(
            Outcome.UNDECODABLE,
            f"{path}: decord cannot decode the frame at {time_s(facts, index)}: {lines[0]}",
        ) from error


def _disagreement(facts: VideoFacts, path: Path) -> str | None:
    """Return where decord's table of frames differs from the file's, or None."""
    try:
        reader = _open(path)
        seconds = reader.get_frame_timestamp(range(len(reader)))[:, 0].astype(np.float64)
        shape = reader.next().shape
    except (_module().DECORDError, RuntimeError, StopIteration, AssertionError) as error:
        return f"decord cannot open it: {(str(error).splitlines() or ['no frames'])[0]}"
    if len(seconds) != len(facts.pts):
        return f"decord counts {len(seconds)} frames of {len(facts.pts)}"
    expected = (facts.pts - facts.pts[0]) * float(facts.time_base)
    if seconds[0] < 0 or not np.allclose(
        seconds - seconds[0], expected, rtol=1e-6, atol=_TIME_TOLERANCE_S
    ):
        return "decord gives its frames other times"
    if shape != (facts.height_px, facts.width_px, 3):
        return f"decord gives it the shape {shape}"
    return None


def _open(path: Path) -> Any:
    decord = _module()
    return decord.VideoReader(
        str(path.absolute()), ctx=decord.cpu(0), num_threads=1, fault_tol=_STRICT
    )


def _module() -> ModuleType:
    decord = _decord()
    if decord is None:
        raise ItemError(Outcome.UNDECODABLE, "decord is not installed; PyAV can read the file")
    return decord


@cache
def _decord() -> ModuleType | None:
    """Return decord with its console output off, or None on machines that it has no wheel for."""
    try:
        decord = importlib.import_module("decord")
    except ImportError:
        return None
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def _largest_difference(one: Rgb, other: Rgb) -> int:
    return int(np.abs(one.astype(np.int16) - other).max())
