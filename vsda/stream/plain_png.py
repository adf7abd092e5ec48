"""Masks as `encode_mask` writes them, decoded by libpng through torchvision in less time.

libpng stops reading when the last pixel is there, so the check sums are compared beforehand. As
with JPEGs, a process compares both decoders once and uses this one only if they agree; anything
else than a plain mask is left to Pillow.
"""

import io
import struct
from functools import cache

import numpy as np
import torch
import torchvision  # noqa: F401  registers the decoder
from PIL import Image

from vsda.shards.pictures import MAX_PIXELS, png_chunks

_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_HEADER = struct.Struct(">II5B")
_GREY_8_BITS = (8, 0, 0, 0, 0)
"""Bit depth, colour type, and the ordinary compression, filters and order of rows."""
_AS_IT_IS = 0  # torchvision's ImageReadMode.UNCHANGED
_TRIED_PX = 24


def decode_plain_mask(data: bytes) -> Image.Image | None:
    """Return the mask, decoded; None unless it is an 8-bit grey PNG without extras.

    Raises:
        PictureError: It is damaged.
    """
    size = _plain_size(data)
    return _decode(data, size) if size is not None and same_as_pillow() else None


@cache
def same_as_pillow() -> bool:
    """Tell whether both decoders agree on a mask that needs every kind of PNG's filters."""
    rows, columns = np.mgrid[:_TRIED_PX, :_TRIED_PX]
    noise = np.random.default_rng(0).integers(0, 256, (_TRIED_PX, _TRIED_PX))
    for values in (rows * 7, columns * 5, rows + columns, noise):
        tried = values.astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(tried).save(file, "PNG")
        ours = _decode(file.getvalue(), (_TRIED_PX, _TRIED_PX))
        if ours is None or not np.array_equal(np.asarray(ours), tried):
            return False
    return True


def _decode(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    try:
        file = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        pixels = torch.ops.image.decode_png(file, _AS_IT_IS, False)
    except (AttributeError, RuntimeError):
        return None
    if pixels.shape != (1, size[1], size[0]):
        return None
    return Image.frombuffer("L", size, pixels.numpy(), "raw", "L", 0, 1)


def _plain_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a mask that has a header, data and an end, and nothing else.

    Raises:
        PictureError: It is damaged.
    """
    if not data.startswith(_START) or len(data) < len(_START) + _HEADER.size:
        return None
    width_px, height_px, *form = _HEADER.unpack_from(data, len(_START))
    if tuple(form) != _GREY_8_BITS or not 0 < width_px * height_px <= MAX_PIXELS:
        return None
    kinds = [kind for kind, _, _ in png_chunks(data)]
    is_plain = kinds[0] == b"IHDR" and set(kinds[1:-1]) == {b"IDAT"}
    return (width_px, height_px) if is_plain else None
