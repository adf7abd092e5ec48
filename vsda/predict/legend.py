"""The names of the classes, drawn small into a corner of the overlay."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vsda.palette import class_colour
from vsda.sample import Mask
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, class_names
from vsda.video.pyav import Rgb

_TEXT_SHARE = 1 / 26
"""Height of a line as a share of the picture's height."""
_MIN_LINE_PX, _MAX_LINE_PX = 11, 40
_MOST_SHARE = 0.6
"""Of the picture's height and width; what is larger is left out."""
_MIN_CLASS_SHARE = 0.0005
"""Of a frame's pixels: smaller spots do not bring a class into the legend."""
_GROUND, _WHITE, _GREY = (0, 0, 0, 150), (255, 255, 255, 255), (150, 150, 150, 255)


class Legend:
    """Names each class from the frame on in which it is first seen, dimmed where it is absent.

    It never loses a class, so that it does not flicker where a prediction does.
    """

    def __init__(self) -> None:
        self._seen: list[int] = []

    def draw(self, picture: Rgb, mask: Mask) -> None:
        """Draw into `picture`, (H, W, 3), what `mask`, (H, W) COCO ids, holds."""
        counts = np.bincount(mask.ravel(), minlength=IGNORE_INDEX + 1)
        least = max(mask.size * _MIN_CLASS_SHARE, 1)
        present = [
            int(value)
            for value in np.flatnonzero(counts >= least)
            if value not in {BACKGROUND_ID, IGNORE_INDEX}
        ]
        self._seen += [value for value in present if value not in self._seen]
        panel = _panel(tuple(self._seen), tuple(present), *mask.shape)
        if panel is not None:
            _blend(picture, panel)


@lru_cache(maxsize=64)
def _panel(
    seen: tuple[int, ...], present: tuple[int, ...], height_px: int, width_px: int
) -> NDArray[np.uint8] | None:
    """Return the legend as (h, w, 4) RGBA; None where there is none, or no room for one."""
    line_px = round(min(max(height_px * _TEXT_SHARE, _MIN_LINE_PX), _MAX_LINE_PX))
    seen = seen[: int(height_px * _MOST_SHARE) // line_px]
    if not seen:
        return None
    font = ImageFont.load_default(line_px * 0.75)
    names = [class_names()[value] for value in seen]
    text_px = max(round(font.getlength(name)) for name in names)
    size = (text_px + 2 * line_px, len(seen) * line_px + line_px // 2)
    if size[0] > width_px * _MOST_SHARE or size[1] > height_px:
        return None
    image = Image.new("RGBA", size, _GROUND)
    _draw_lines(ImageDraw.Draw(image), line_px, seen, present)
    return np.asarray(image)


def _draw_lines(
    draw: ImageDraw.ImageDraw, line_px: int, seen: Sequence[int], present: Sequence[int]
) -> None:
    font = ImageFont.load_default(line_px * 0.75)
    margin = line_px // 4
    for place, value in enumerate(seen):
        top = margin + place * line_px
        box = (2 * margin, top + margin // 2, line_px + margin, top + line_px - margin)
        colour = class_colour(value)
        if value in present:
            draw.rectangle(box, fill=colour)
        else:
            draw.rectangle(box, outline=colour)
        ink = _WHITE if value in present else _GREY
        draw.text((line_px + 3 * margin, top), class_names()[value], ink, font)


def _blend(picture: Rgb, panel: NDArray[np.uint8]) -> None:
    """Lay `panel` over the upper left corner of `picture`."""
    height_px, width_px = panel.shape[:2]
    corner = picture[:height_px, :width_px]
    share = panel[..., 3:].astype(np.float32) / 255
    mixed = corner * (1 - share) + panel[..., :3] * share
    corner[:] = np.rint(mixed).astype(np.uint8)
