"""JPEGs that have the size that is asked for already: decoded without a detour.

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

_START, _BASELINE, _NUM_COLOURS = b"\xff\xd8", 0xC0, 3
_BEFORE = frozenset({0xDB, 0xC4, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Segments that may come before the header of the frame: tables of quantisation and Huffman codes,
restart intervals, comments, and what applications add."""
_MOST_BYTES_PER_PIXEL = 8
"""A larger file holds something else, too: it is left to the decoder that weighs the work."""
_TRIED_PX = 24
_AS_RGB = 3  # torchvision's ImageReadMode.RGB


def decode_plain(data: bytes, size_px: int) -> Tensor | None:
    """Return the pixels (3, S, S) of a baseline colour JPEG of S x S pixels, channels last.

    Returns None for anything else, what is damaged included: Pillow then decides and tells.
    """
    if not (_is_plain(data, size_px) and same_as_pillow()):
        return None
    return _decode(data)


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


def _is_plain(data: bytes, size_px: int) -> bool:
    """Tell by the header alone whether this is a baseline JPEG of three colours and that size."""
    if not data.startswith(_START) or len(data) > _MOST_BYTES_PER_PIXEL * size_px**2:
        return False
    at = len(_START)
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _BASELINE:
            sides = (data[at + 5 : at + 7], data[at + 7 : at + 9])
            is_square = all(int.from_bytes(side, "big") == size_px for side in sides)
            return is_square and data[at + 4] == 8 and data[at + 9] == _NUM_COLOURS
        if marker not in _BEFORE:
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False
