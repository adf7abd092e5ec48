"""JPEGs that no decoder would scale down for the size that is asked for: decoded without a detour.

Pillow keeps four bytes of a pixel, which takes two more passes over it. torchvision's decoder
writes the three that are wanted. Both call libjpeg. Since a library that was built otherwise may
round otherwise, a process compares both once, and uses this one only if no bit differs. Releases of
torchvision that have no decoder any more leave all pictures to Pillow, likewise.
"""

import io
from functools import cache

import numpy as np
import torch
import torchvision  # noqa: F401  registers the decoder
from PIL import Image
from torch import Tensor

from vsda.shards.pictures import MAX_PIXELS

_START, _BASELINE, _NUM_COLOURS = b"\xff\xd8", 0xC0, 3
_BEFORE = frozenset({0xDB, 0xC4, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Segments that may come before the header of the frame: tables of quantisation and Huffman codes,
restart intervals, comments, and what applications add."""
_MOST_BYTES_PER_PIXEL = 8
"""A larger file holds something else, too: it is left to the decoder that weighs the work."""
_TRIED_PX = 24
_AS_RGB = 3  # torchvision's ImageReadMode.RGB


def decode_plain(data: bytes, size_px: int) -> Tensor | None:
    """Return the pixels (3, H, W) of a baseline colour JPEG, channels last in memory.

    Returns None for one that is at least twice `size_px` wide and high, since a decoder makes it
    smaller in less time; and for anything else, what is damaged included: Pillow then decides and
    tells.
    """
    width_px, height_px = _plain_size(data)
    is_small = 0 < min(width_px, height_px) < 2 * size_px and width_px * height_px <= MAX_PIXELS
    is_light = len(data) <= _MOST_BYTES_PER_PIXEL * width_px * height_px
    return _decode(data) if is_small and is_light and same_as_pillow() else None


@cache
def same_as_pillow() -> bool:
    """Tell whether both decoders agree to the bit on a picture with every kind of edge."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (_TRIED_PX, _TRIED_PX, _NUM_COLOURS), dtype=np.uint8)
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "JPEG", quality=80, subsampling=subsampling)
        ours = _decode(file.getvalue())
        with Image.open(file) as picture:
            pillows = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        if ours is None or not torch.equal(ours, pillows):
            return False
    return True


def _decode(data: bytes) -> Tensor | None:
    # The operator, not the function round it, which warns that it may go one day.
    try:
        decode_jpeg = torch.ops.image.decode_jpeg
        file = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        decoded: Tensor = decode_jpeg(file, _AS_RGB, False)
    except (AttributeError, RuntimeError):
        return None
    return decoded


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
