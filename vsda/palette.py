"""One colour for each COCO class, and masks drawn over pictures with them."""

import colorsys
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vsda.manifests import coco_classes
from vsda.sample import Mask
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, NUM_VALUES, shared_classes

Colour = tuple[int, int, int]
"""Red, green and blue in [0, 255]."""

_BACKGROUND: Colour = (0, 0, 0)
_VOID: Colour = (128, 128, 128)
_VOID_LIGHT: Colour = (205, 205, 205)
_VOID_STRIPE_PX = 4

_DISTINCT: tuple[Colour, ...] = (
    (230, 40, 60),
    (40, 110, 240),
    (250, 150, 20),
    (30, 160, 70),
    (150, 60, 200),
    (30, 200, 220),
    (250, 220, 40),
    (250, 130, 200),
    (130, 75, 30),
    (170, 240, 110),
)
"""Far apart for the eye; for the classes that images and videos share."""

_GOLDEN_TURN = 0.618034
_FIRST_HUE = 0.8  # of the tried ones, that which keeps the two nearest colours furthest apart
_LIGHTNESS = (0.32, 0.5, 0.68, 0.82)
_SATURATION = (0.95, 0.6, 0.35)
_OBJECT_LIGHTNESS = (0.5, 0.62, 0.42)
_OBJECT_SATURATION = 0.85


def class_colour(coco_id: int) -> Colour:
    """Return the colour of a COCO class; black for background, grey for void and all other ids."""
    return _colours().get(coco_id, _VOID)


def object_colour(object_id: int) -> Colour:
    """Return the colour of an object, far from those of the objects numbered next to it."""
    hue, light = object_id * _GOLDEN_TURN % 1, _OBJECT_LIGHTNESS[object_id % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, light, _OBJECT_SATURATION)
    return round(255 * red), round(255 * green), round(255 * blue)


def overlay(
    image: NDArray[np.uint8], mask: Mask, opacity: float = 0.5, *, is_objects: bool = False
) -> NDArray[np.uint8]:
    """Return `image` with the classes of `mask` drawn over it.

    Classes are tinted and outlined in their colour, void (255) is hatched in grey, background stays
    as it is.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W) COCO ids, or object ids.
        opacity: Share of the colour inside the outlines, in [0, 1].
        is_objects: The mask has object ids, each of which is drawn in its `object_colour`.
    """
    if image.shape != (*mask.shape, 3):
        raise ValueError(f"image {image.shape} and mask {mask.shape} do not fit together")
    drawn = mask != BACKGROUND_ID  # mostly few pixels, and all others stay as they are
    values = mask[drawn]
    colour = (_object_lookup() if is_objects else _lookup())[values]
    if (values == IGNORE_INDEX).any():
        hatched = (mask == IGNORE_INDEX) & _stripes(*mask.shape)
        colour[hatched[drawn]] = _VOID_LIGHT
    share = np.where(_outlines(mask)[drawn], 1.0, opacity)[:, None]
    plain = image[drawn].astype(np.float64)
    result = image.copy()
    result[drawn] = np.rint(plain + (colour - plain) * share).astype(np.uint8)
    return result


@cache
def _colours() -> dict[int, Colour]:
    distinct = shared_classes("davis").ids
    others = [row.id for row in coco_classes() if row.id not in distinct]
    return (
        {BACKGROUND_ID: _BACKGROUND, IGNORE_INDEX: _VOID}
        | {coco_id: _turned(number) for number, coco_id in enumerate(others)}
        | dict(zip(distinct, _DISTINCT, strict=True))
    )


def _turned(number: int) -> Colour:
    """Return the colour `number` golden turns around the hue circle."""
    red, green, blue = colorsys.hls_to_rgb(
        (_FIRST_HUE + number * _GOLDEN_TURN) % 1,
        _LIGHTNESS[number % len(_LIGHTNESS)],
        _SATURATION[number // len(_LIGHTNESS) % len(_SATURATION)],
    )
    return round(255 * red), round(255 * green), round(255 * blue)


@cache
def _lookup() -> NDArray[np.uint8]:
    return np.array([class_colour(value) for value in range(NUM_VALUES)], dtype=np.uint8)


@cache
def _object_lookup() -> NDArray[np.uint8]:
    colours = {value: object_colour(value) for value in range(NUM_VALUES)}
    return np.array([*(colours | {IGNORE_INDEX: _VOID}).values()], dtype=np.uint8)


def _stripes(height_px: int, width_px: int) -> NDArray[np.bool_]:
    diagonal: NDArray[np.int64] = np.add.outer(np.arange(height_px), np.arange(width_px))
    odd: NDArray[np.bool_] = diagonal // _VOID_STRIPE_PX % 2 == 1
    return odd


def _outlines(mask: Mask) -> NDArray[np.bool_]:
    """Return which class pixels touch, at an edge, a pixel of another value."""
    edge = np.zeros(mask.shape, dtype=np.bool_)
    across, down = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    edge &= (mask != BACKGROUND_ID) & (mask != IGNORE_INDEX)
    return edge
