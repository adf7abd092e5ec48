"""Pictures and masks as data URLs: small, and with colours that tell each value from all others."""

import base64
import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.errors import ShardError
from vsda.palette import Colour, class_colour, object_colour
from vsda.sample import Mask
from vsda.shards.pictures import PictureError, opened_picture
from vsda.taxonomy import BACKGROUND_ID, NUM_VALUES, class_names

_QUALITY = 84
_EXIF_ORIENTATION = 0x0112


def jpeg_url(data: bytes, max_side_px: int) -> str:
    """Return the JPEG in `data` as a data URL, made smaller where a side is longer than that.

    The bytes stay as they are where that shows the same picture in each browser.

    Raises:
        ShardError: It cannot be decoded, or is too large.
    """
    try:
        with opened_picture(data, "JPEG") as picture:
            return _jpeg_url(data, picture, max_side_px)
    except PictureError as error:
        message = f"a picture of {len(data)} bytes cannot be decoded: {error}"
        raise ShardError(message) from error


def rgb_jpeg_url(picture: NDArray[np.uint8]) -> str:
    """Return an RGB picture (H, W, 3) as the data URL of a JPEG."""
    return _encoded(Image.fromarray(picture))


def mask_url(mask: Mask, max_side_px: int, colours: tuple[Colour, ...]) -> str:
    """Return a mask as the data URL of a palette PNG: value 0 is transparent, the others opaque.

    Args:
        mask: (H, W).
        max_side_px: It is made smaller, by its nearest values, where a side is longer than that.
        colours: Of each value.
    """
    small = Image.fromarray(mask)
    small = small.resize(_fitted(small.size, max_side_px), Image.Resampling.NEAREST)
    values, codes = np.unique(np.asarray(small), return_inverse=True)
    picture = Image.fromarray(codes.reshape(small.height, small.width).astype(np.uint8), "P")
    picture.putpalette([part for value in values for part in colours[value]])
    file = io.BytesIO()
    opacity = bytes(0 if value == BACKGROUND_ID else 255 for value in values)
    picture.save(file, "PNG", transparency=opacity, optimize=True)
    return data_url("image/png", file.getvalue())


def data_url(kind: str, data: bytes) -> str:
    """Return `data` as a URL that holds it."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@cache
def class_colours() -> tuple[Colour, ...]:
    """Return a colour of its own for each mask value; that of `class_colour` for COCO's classes."""
    known = class_names()
    return tuple(class_colour(v) if v in known else object_colour(v) for v in range(NUM_VALUES))


@cache
def object_colours() -> tuple[Colour, ...]:
    """Return a colour of its own for each object id, neighbours far apart."""
    return tuple(object_colour(value) for value in range(NUM_VALUES))


def css(colour: Colour) -> str:
    """Return a colour as CSS writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _jpeg_url(data: bytes, picture: Image.Image, max_side_px: int) -> str:
    plain = picture.mode in {"RGB", "L"}
    turned = picture.getexif().get(_EXIF_ORIENTATION, 1) != 1
    if max(picture.size) <= max_side_px and plain and not turned:
        picture.load()
        return data_url("image/jpeg", data)
    size = _fitted(picture.size, max_side_px)
    picture.draft("RGB", size)
    small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _encoded(small)


def _encoded(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return data_url("image/jpeg", file.getvalue())


def _fitted(size: tuple[int, int], max_side_px: int) -> tuple[int, int]:
    scale = min(max_side_px / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
