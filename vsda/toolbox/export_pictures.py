"""Masks as PNGs that other programs read: with a palette, or as COCO's panoptic ids."""

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.manifests import coco_classes
from vsda.palette import class_colour
from vsda.sample import Mask
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, NUM_VALUES


def class_png(mask: Mask) -> bytes:
    """Return `mask`, (H, W) COCO ids, as a palette PNG in the colours of the classes."""
    return _palette_png(mask, _class_palette())


def object_png(mask: Mask) -> bytes:
    """Return `mask`, (H, W) object ids, as a palette PNG in which neighbouring ids differ."""
    return _palette_png(mask, _object_palette())


def panoptic_png(ids: NDArray[np.uint32]) -> bytes:
    """Return segment ids, (H, W), as an RGB PNG with id = R + 256 G + 65536 B."""
    bands = np.stack([ids >> shift & 0xFF for shift in (0, 8, 16)], axis=-1)
    return _png(Image.fromarray(bands.astype(np.uint8)))


def _palette_png(mask: Mask, palette: bytes) -> bytes:
    height_px, width_px = mask.shape
    picture = Image.frombytes("P", (width_px, height_px), mask.tobytes())
    picture.putpalette(palette)
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


@cache
def _class_palette() -> bytes:
    return bytes(band for value in range(NUM_VALUES) for band in class_colour(value))


@cache
def _object_palette() -> bytes:
    """Return the colours of the classes, without the grey of ids that COCO does not use."""
    ids = [row.id for row in coco_classes()]
    colours = [class_colour(ids[(value - 1) % len(ids)]) for value in range(NUM_VALUES)]
    colours[BACKGROUND_ID] = class_colour(BACKGROUND_ID)
    colours[IGNORE_INDEX] = class_colour(IGNORE_INDEX)
    return bytes(band for colour in colours for band in colour)
