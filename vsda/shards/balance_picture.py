"""A chart of the classes of sets: for each class a bar per set, of pixels and of frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from vsda.palette import Colour, class_colour
from vsda.shards.balance import ClassBalance, compare_classes, is_class
from vsda.shards.index import ShardIndex

_PAPER, _INK, _FAINT_INK = (255, 255, 255), (28, 30, 34), (112, 117, 126)
_GRID = (221, 226, 232)
_SET_COLOURS: tuple[Colour, ...] = (
    (29, 95, 208),
    (222, 110, 22),
    (4, 132, 96),
    (150, 60, 200),
    (190, 24, 93),
    (148, 105, 10),
)
_MARGIN_PX = 24
_NAME_PX = 150
_BARS_PX = 330
_NUMBER_PX = 74
_BAR_PX = 13
_CLASS_GAP_PX = 9
_SWATCH_PX = 12
_LOG_FROM = 30.0
"""Shares that differ by more than this factor stand on a logarithmic scale."""
_TITLE_FONT = ImageFont.load_default(20)
_TEXT_FONT = ImageFont.load_default(14)
_SMALL_FONT = ImageFont.load_default(12)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Shares from `low` to `high` on a width; `low` is 0 where the scale is linear."""

    low: float
    high: float

    def width_px(self, share: float) -> int:
        if self.low:
            part = math.log(share / self.low) / math.log(self.high / self.low)
        else:
            part = share / self.high
        return max(round(part * _BARS_PX), 1)

    def ticks(self) -> list[float]:
        if self.low:
            decades = round(math.log10(self.high / self.low))
            return [self.low * 10**step for step in range(decades + 1)]
        return [self.high * step / 4 for step in range(5)]


def balance_picture(indexes: Sequence[ShardIndex]) -> Image.Image:
    """Return a bar chart of the classes of one set or several, the most frequent class first.

    The left half has the share in the labelled pixels, the right half that in the frames. Shares
    that differ much stand on a logarithmic scale, which its title says.
    """
    rows = [row for row in compare_classes(indexes) if is_class(row.id)]
    rows.sort(key=lambda row: (-max(_shares(row, "share")), -max(_shares(row, "frame_share"))))
    class_px = len(indexes) * _BAR_PX + _CLASS_GAP_PX
    top_px = _MARGIN_PX + 34 + 22 * len(indexes) + 52
    width_px = 2 * _MARGIN_PX + _NAME_PX + 2 * (_BARS_PX + _NUMBER_PX)
    height_px = top_px + max(len(rows), 1) * class_px + _MARGIN_PX
    picture = Image.new("RGB", (width_px, height_px), _PAPER)
    draw = ImageDraw.Draw(picture)
    _draw_head(draw, indexes)
    if not rows:
        draw.text((_MARGIN_PX, top_px - 10), "no classes in these sets", _FAINT_INK, _TEXT_FONT)
        return picture
    for number, row in enumerate(rows):
        _draw_name(draw, row, top_px + number * class_px, class_px - _CLASS_GAP_PX)
    left_px = _MARGIN_PX + _NAME_PX
    for what, title in (("share", "share of labelled pixels"), ("frame_share", "share of frames")):
        scale = _scale([share for row in rows for share in _shares(row, what) if share])
        area = (left_px, top_px, top_px + len(rows) * class_px)
        _draw_axis(draw, area, scale, title)
        for number, row in enumerate(rows):
            _draw_bars(draw, (left_px, top_px + number * class_px), scale, _shares(row, what))
        left_px += _BARS_PX + _NUMBER_PX
    return picture


def share_text(share: float) -> str:
    """Return a share in percent with two or three digits that count; `0` for nothing."""
    percent = 100 * share
    if not share:
        return "0"
    if percent < 0.001:
        return "<0.001%"
    digits = 1 if percent >= 10 else 2 if percent >= 0.1 else 3
    return f"{percent:.{digits}f}%"


def _shares(row: ClassBalance, what: str) -> list[float]:
    return [0.0 if one is None else getattr(one, what) or 0.0 for one in row.stats]


def _scale(shares: Sequence[float]) -> _Scale | None:
    """Return the scale for shares above 0; None without any."""
    if not shares:
        return None
    high, low = max(shares), min(shares)
    if high / low < _LOG_FROM:
        return _Scale(0.0, min(_rounded_up(high), 1.0))
    return _Scale(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high)))


def _rounded_up(share: float) -> float:
    step = 10.0 ** math.floor(math.log10(share))
    return next(step * digit for digit in (1, 2, 4, 8, 10) if step * digit >= share * 0.9999)


def _draw_head(draw: ImageDraw.ImageDraw, indexes: Sequence[ShardIndex]) -> None:
    draw.text((_MARGIN_PX, _MARGIN_PX - 6), "Classes of the sets", _INK, _TITLE_FONT)
    for number, index in enumerate(indexes):
        top_px = _MARGIN_PX + 28 + 22 * number
        _draw_square(draw, (_MARGIN_PX, top_px + 3), _colour_of(number))
        name_px = _MARGIN_PX + _SWATCH_PX + 8
        draw.text((name_px, top_px), index.name, _INK, _TEXT_FONT)
        text = f"{index.num_samples:,} samples"
        if index.sequences:
            text += f", {len(index.sequences):,} sequences"
        text_px = name_px + _TEXT_FONT.getlength(f"{index.name}  ")
        draw.text((text_px, top_px + 1), text, _FAINT_INK, _SMALL_FONT)


def _draw_name(draw: ImageDraw.ImageDraw, row: ClassBalance, top_px: int, height_px: int) -> None:
    middle_px = top_px + height_px // 2
    _draw_square(draw, (_MARGIN_PX, middle_px - _SWATCH_PX // 2), class_colour(row.id))
    place = (_MARGIN_PX + _SWATCH_PX + 8, middle_px)
    draw.text(place, row.name, _INK, _TEXT_FONT, anchor="lm")


def _draw_axis(
    draw: ImageDraw.ImageDraw, area: tuple[int, int, int], scale: _Scale | None, title: str
) -> None:
    left_px, top_px, bottom_px = area
    if scale is None:
        title += ": none, the sets have no masks"
    elif scale.low:
        title += " (logarithmic)"
    draw.text((left_px, top_px - 44), title, _INK, _TEXT_FONT)
    for tick in [] if scale is None else scale.ticks():
        at_px = left_px + (scale.width_px(tick) if scale is not None and tick > scale.low else 0)
        draw.line((at_px, top_px - 6, at_px, bottom_px - _CLASS_GAP_PX), _GRID)
        draw.text((at_px, top_px - 9), f"{100 * tick:g}%", _FAINT_INK, _SMALL_FONT, anchor="ms")


def _draw_bars(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    scale: _Scale | None,
    shares: Sequence[float],
) -> None:
    if scale is None:
        return
    for number, share in enumerate(shares):
        left_px, top_px = place[0], place[1] + number * _BAR_PX
        width_px = scale.width_px(share) if share > 0 else 0
        if width_px:
            corners = (left_px, top_px + 1, left_px + width_px, top_px + _BAR_PX - 2)
            draw.rectangle(corners, fill=_colour_of(number))
        text_place = (left_px + width_px + 6, top_px + _BAR_PX // 2)
        text = share_text(share)
        right_px = text_place[0] + round(_SMALL_FONT.getlength(text))
        draw.rectangle((text_place[0] - 2, top_px, right_px + 1, top_px + _BAR_PX - 1), fill=_PAPER)
        draw.text(text_place, text, _FAINT_INK, _SMALL_FONT, anchor="lm")


def _draw_square(draw: ImageDraw.ImageDraw, place: tuple[int, int], colour: Colour) -> None:
    left_px, top_px = place
    draw.rectangle((left_px, top_px, left_px + _SWATCH_PX, top_px + _SWATCH_PX), fill=colour)


def _colour_of(set_index: int) -> Colour:
    return _SET_COLOURS[set_index % len(_SET_COLOURS)]
