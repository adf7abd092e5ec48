"""Pictures as text that stands inside the page.

A frame is stored once and each mask as a transparent PNG to lay over it, so that the page stays
small and the reader can fade the masks.
"""

import base64
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.palette import class_colour
from vsda.sample import Mask
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, NUM_VALUES, class_names

LONG_SIDE_PX = 320
JPEG_QUALITY = 82
HATCH_PX = 3

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Swatch:
    """A class colour, with the name of the class; `hatched` for pixels that do not count."""

    name: str
    colour: str
    hatched: bool


def fit(picture: NDArray[np.uint8]) -> Size:
    """Return the size on the page of a picture (H, W, ...): never larger than it is."""
    height, width = picture.shape[:2]
    factor = min(1.0, LONG_SIDE_PX / max(height, width))
    return max(1, round(width * factor)), max(1, round(height * factor))


def photo_uri(image: NDArray[np.uint8], size: Size) -> str:
    """Return `image`, (H, W, 3) RGB, as the data URI of a JPEG of `size`."""
    picture = Image.fromarray(image)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return _data_uri(picture, "JPEG", quality=JPEG_QUALITY, optimize=True)


def mask_uri(mask: Mask, size: Size) -> str:
    """Return `mask` (COCO ids) as the data URI of a PNG of `size` in the class colours.

    Background is transparent; pixels that do not count are hatched grey.
    """
    picture = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    values, indices = np.unique(np.asarray(picture), return_inverse=True)
    rows, columns = np.indices((size[1], size[0]))
    indices = indices.reshape(rows.shape).astype(np.uint8)
    gap = np.flatnonzero(values == IGNORE_INDEX)
    background = np.flatnonzero(values == BACKGROUND_ID)
    clear = int(background[0]) if background.size else len(values)  # between the hatching's lines
    if gap.size:
        indices[(indices == gap[0]) & ((rows + columns) // HATCH_PX % 2 == 0)] = clear
    layer = Image.fromarray(indices, mode="P")
    palette = [part for value in values for part in class_colour(int(value))] + [0, 0, 0]
    alpha = bytes(0 if value == BACKGROUND_ID else 255 for value in values) + b"\0"
    layer.putpalette(palette[: 3 * NUM_VALUES])
    return _data_uri(layer, "PNG", transparency=alpha[:NUM_VALUES], optimize=True)


def legend(values: Iterable[int]) -> Iterator[Swatch]:
    """Yield the colours of the COCO ids `values`, by id, without the background."""
    names = class_names() | {IGNORE_INDEX: "not counted"}
    for value in sorted(set(values) - {BACKGROUND_ID}):
        yield Swatch(
            name=names.get(value, f"id {value}"),
            colour="#{:02x}{:02x}{:02x}".format(*class_colour(value)),
            hatched=value == IGNORE_INDEX,
        )


def _data_uri(picture: Image.Image, kind: str, **options: object) -> str:
    data = io.BytesIO()
    picture.save(data, format=kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
