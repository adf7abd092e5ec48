"""COCO's segmentations, polygons and run lengths, as runs of pixels.

A run is a range of places in the image read down its columns. The C code of pycocotools, which
draws the polygons, trusts what it is given, so everything is checked before; run lengths do not
get there at all.
"""

import reprlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from vsda.errors import ItemError, Outcome
from vsda.shards.pictures import MAX_PIXELS

Runs = NDArray[np.int64]
"""(N, 2): the first place of every run, and the one after its last."""

SLACK_PX = 10
"""How far a polygon may leave the image: COCO's do by a pixel, those of other tools by more."""
_FEWEST_NUMBERS = 6
_STEPS_PER_PX = 5  # pycocotools walks along edges in steps of this size
_MOST_STEPS = 10_000_000  # it keeps 24 bytes of each
_MOST_PAINTED_PX = 1 << 33
_MOST_DIGITS = 6  # of base 32; a number of 2**27 pixels has fewer
_BITS = 5
_FIRST_CODE, _NUM_CODES = 48, 64
_MORE, _SIGN, _VALUE = 0x20, 0x10, 0x1F


class Canvas:
    """An image whose objects are asked for as runs, as long as drawing them is no endless work."""

    def __init__(self, height_px: int, width_px: int) -> None:
        if height_px * width_px > MAX_PIXELS:
            raise _error(
                f"{width_px}x{height_px} pixels, more than the {MAX_PIXELS} that are drawn"
            )
        self._height_px, self._width_px = height_px, width_px
        self._num_steps, self._num_painted = 0.0, 0

    def runs(self, segmentation: Any) -> Runs:
        """Return the runs of an object; those of its polygons may overlap.

        Args:
            segmentation: As in JSON: a list of polygons, or an object with `size` and `counts`, a
                text or a list of numbers.

        Raises:
            ItemError: It is malformed, of another image size, or all objects so far are more than
                what is drawn in seconds.
        """
        if isinstance(segmentation, list):
            runs = self._polygons(segmentation)
        elif isinstance(segmentation, dict):
            runs = self._run_lengths(segmentation)
        else:
            raise _error(f"expected polygons or run lengths, got {reprlib.repr(segmentation)}")
        self._num_painted += int((runs[:, 1] - runs[:, 0]).sum())
        if self._num_painted > _MOST_PAINTED_PX:
            raise _error(f"the objects of the image cover {self._num_painted} pixels")
        return runs

    def _run_lengths(self, segmentation: dict[str, Any]) -> Runs:
        size = segmentation.get("size")
        if size != [self._height_px, self._width_px]:
            raise ItemError(
                Outcome.SIZE_MISMATCH,
                f"run lengths of the size {reprlib.repr(size)}, those of its image are "
                f"{[self._height_px, self._width_px]} (height, width)",
            )
        return _runs(_counts(segmentation.get("counts")), self._height_px * self._width_px)

    def _polygons(self, polygons: list[Any]) -> Runs:
        if not polygons:
            raise _error("expected polygons or run lengths, got an empty list")
        for polygon in polygons:
            self._num_steps += _checked_steps(polygon, self._height_px, self._width_px)
        if self._num_steps > _MOST_STEPS:
            raise _error(f"outlines of the image take {self._num_steps:.0f} steps to draw")
        drawn = coco_mask.frPyObjects(polygons, self._height_px, self._width_px)
        num_pixels = self._height_px * self._width_px
        return np.concatenate([_runs(_unpacked(one["counts"]), num_pixels) for one in drawn])


def num_pixels(runs: Runs) -> int:
    """Return how many pixels the runs of an object cover; one that several cover counts once."""
    starts, ends = runs[np.argsort(runs[:, 0])].T
    covered = np.maximum.accumulate(ends)
    starts = np.maximum(starts, np.concatenate([starts[:1], covered[:-1]]))
    return int(np.maximum(ends - starts, 0).sum())


def _runs(counts: NDArray[np.int64], num_pixels: int) -> Runs:
    """Return the runs of run lengths that alternate between outside and inside."""
    if not len(counts) or counts.min() < 0 or counts.max() > num_pixels:
        raise _error(f"run lengths must be in 0..{num_pixels}")
    ends = np.cumsum(counts)
    if ends[-1] != num_pixels:
        raise _error(f"run lengths add up to {ends[-1]}, expected {num_pixels}")
    runs = np.stack([ends - counts, ends], axis=1)[1::2]
    return runs[runs[:, 0] < runs[:, 1]]


def _counts(counts: Any) -> NDArray[np.int64]:
    if isinstance(counts, str) and counts.isascii():
        return _unpacked(counts.encode())
    if not isinstance(counts, list) or any(type(count) is not int for count in counts):
        raise _error(f"expected counts as a text or whole numbers, got {reprlib.repr(counts)}")
    try:
        return np.array(counts, dtype=np.int64)
    except OverflowError:
        raise _error("run lengths must be numbers of pixels") from None


def _unpacked(text: bytes) -> NDArray[np.int64]:
    """Return the numbers in compressed run lengths.

    A character holds five bits, lowest first, and whether more follow; from the fourth number on
    each is the difference to the last but one (pycocotools, `rleFrString` in maskApi.c).
    """
    codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - _FIRST_CODE
    if not len(codes) or codes.min() < 0 or codes.max() >= _NUM_CODES or codes[-1] & _MORE:
        raise _error("compressed run lengths that are cut or hold other characters")
    lasts = np.flatnonzero(codes & _MORE == 0)
    firsts = np.concatenate([[0], lasts[:-1] + 1])
    num_digits = lasts - firsts + 1
    if num_digits.max() > _MOST_DIGITS:
        raise _error("compressed run lengths with a number that no image has")
    shifts = _BITS * (np.arange(len(codes)) - np.repeat(firsts, num_digits))
    numbers = np.add.reduceat((codes & _VALUE) << shifts, firsts)
    is_negative = codes[lasts] & _SIGN != 0
    numbers[is_negative] -= 1 << (_BITS * num_digits[is_negative])
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _checked_steps(polygon: Any, height_px: int, width_px: int) -> float:
    """Return in how many steps a polygon is drawn, after a look at its numbers."""
    is_list = isinstance(polygon, list) and all(type(number) in {int, float} for number in polygon)
    if not is_list or len(polygon) < _FEWEST_NUMBERS or len(polygon) % 2:
        raise _error(
            f"a polygon is an even number of at least {_FEWEST_NUMBERS} numbers, got "
            f"{reprlib.repr(polygon)}"
        )
    try:
        corners = np.array(polygon, dtype=np.float64).reshape(-1, 2)
    except OverflowError:
        corners = np.full((1, 2), np.inf)
    lowest, highest = -SLACK_PX, np.array([width_px, height_px]) + SLACK_PX
    if not ((corners >= lowest) & (corners <= highest)).all():  # nor is NaN
        raise _error(f"a polygon outside of its image of {width_px}x{height_px} pixels")
    edges = np.abs(np.diff(corners, axis=0, append=corners[:1])).max(axis=1)
    return float((edges * _STEPS_PER_PX + 1).sum())


def _error(message: str) -> ItemError:
    return ItemError(Outcome.UNREADABLE, message)
