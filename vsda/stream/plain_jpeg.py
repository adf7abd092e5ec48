"""JPEGs that no decoder would scale down for the size that is asked for: decoded without a detour.

Pillow keeps four bytes of a pixel, which takes two more passes over it. simplejpeg writes the
three that are wanted, straight to where they are wanted. Both call libjpeg. Since a library that
was built otherwise may round otherwise, a process compares both once, and uses this one only if no
bit differs.
"""

import io
from functools import cache

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from vsda.shards.pictures import MAX_PIXELS

_START, _BASELINE, _NUM_COLOURS = b"\xff\xd8", 0xC0, 3
_BEFORE = frozenset({0xDB, 0xC4, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Segments that may come before the header of the frame: tables of quantisation and Huffman codes,
restart intervals, comments, and what applications add."""
_MOST_BYTES_PER_PIXEL = 8
"""A larger file holds something else, too: it is left to the decoder that weighs the work."""
_TRIED_PX = 24


def decode_plain(data: bytes, size_px: int, out: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the pixels (H, W, 3) of a baseline colour JPEG.

    Returns None for one that is at least twice `size_px` wide and high, since a decoder makes it
    smaller in less time; and for anything else, what is damaged included: Pillow then decides and
    tells.

    Args:
        data: A whole file.
        size_px: Side of the square that the picture is for.
        out: A contiguous (S, S, 3). A picture of just that size is written into it, and it is what
            is returned; where the file is damaged it may hold anything.
    """
    width_px, height_px = _plain_size(data)
    is_small = 0 < min(width_px, height_px) < 2 * size_px and width_px * height_px <= MAX_PIXELS
    is_light = len(data) <= _MOST_BYTES_PER_PIXEL * width_px * height_px
    if not (is_small and is_light and same_as_pillow()):
        return None
    size = (height_px, width_px, _NUM_COLOURS)
    return _decode(data, out if out.shape == size else np.empty(size, np.uint8))


@cache
def same_as_pillow() -> bool:
    """Tell whether both decoders agree to the bit on a picture with every kind of edge."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (_TRIED_PX, _TRIED_PX, _NUM_COLOURS), dtype=np.uint8)
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "JPEG", quality=80, subsampling=subsampling)
        ours = _decode(file.getvalue(), np.empty_like(noise))
        with Image.open(file) as picture:
            if ours is None or not np.array_equal(ours, np.asarray(picture)):
                return False
    return True


def _decode(data: bytes, out: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    try:
        simplejpeg.decode_jpeg(data, buffer=out)
    except ValueError:  # also for what a decoder could make up for
        return None
    return out


def _plain_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a baseline JPEG of three colours by its header, else (0, 0)."""
    at = len(_START) if data.startswith(_START) else len(data)
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _BASELINE and data[at + 4] == 8 and data[at + 9] == _NUM_COLOURS:
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if marker not in _BEFORE:
            break
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0, 0
