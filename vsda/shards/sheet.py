"""A contact sheet: pictures from all over a set with their masks and boxes drawn over them."""

import statistics
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vsda.palette import class_colour, overlay
from vsda.sample import Mask
from vsda.shards.boxes import (
    Boxes,
    boxes_at,
    draw_boxes,
    next_with_boxes,
    present_classes,
    without_box,
)
from vsda.shards.index import ShardSet
from vsda.shards.masks import decode_mask
from vsda.shards.read import RandomAccessShards, decode_image
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, class_names

_OBJECTS = "inst.png"
_MASKS = ("seg.png", _OBJECTS)
"""What is drawn: the first of them that a sample has."""
_PAPER = (255, 255, 255)
_INK = (28, 30, 34)
_FAINT_INK = (112, 117, 126)
_MOUNT = (236, 238, 241)
_MARGIN_PX = 24
_GAP_PX = 14
_CAPTION_PX = 20
_SWATCH_PX = 14
_LEGEND_ROW_PX = 24
_TITLE_FONT = ImageFont.load_default(22)
_TEXT_FONT = ImageFont.load_default(14)
_SMALL_FONT = ImageFont.load_default(12)


@dataclass(frozen=True, slots=True)
class _Picture:
    key: str
    image: Image.Image
    mask: Mask | None
    is_objects: bool
    boxes: Boxes


def contact_sheet(
    shard_set: ShardSet, num_samples: int = 24, columns: int = 6, cell_width_px: int = 240
) -> Image.Image:
    """Return a sheet of `num_samples` pictures, evenly spread over the set, in its order.

    Each has its key below; the classes that occur in the pictures are named above with their
    colours. Pictures that have object ids alone show those and say so, as do pictures without a
    mask; in place of the latter the next one with boxes is taken, where one is near.

    Raises:
        ShardError: A shard is missing or damaged.
    """
    if num_samples < 1 or columns < 1 or cell_width_px < 1:
        raise ValueError("a sheet has at least one sample, one column and one pixel")
    pictures = _read_pictures(shard_set, num_samples)
    columns = min(columns, len(pictures))
    aspect = statistics.median(picture.image.height / picture.image.width for picture in pictures)
    cell = (cell_width_px, max(round(cell_width_px * aspect), 1))
    width_px = 2 * _MARGIN_PX + columns * (cell[0] + _GAP_PX) - _GAP_PX
    head = _head(shard_set, pictures, width_px)
    grid = _grid(pictures, columns, cell)
    sheet = Image.new("RGB", (width_px, head.height + grid.height + _MARGIN_PX), _PAPER)
    sheet.paste(head, (0, 0))
    sheet.paste(grid, (_MARGIN_PX, head.height))
    return sheet


def _read_pictures(shard_set: ShardSet, num_samples: int) -> list[_Picture]:
    shards = RandomAccessShards(shard_set)
    count = min(num_samples, len(shards))
    positions = [(2 * number + 1) * len(shards) // (2 * count) for number in range(count)]
    return [_read_picture(shards, position) for position in positions]


def _read_picture(shards: RandomAccessShards, position: int) -> _Picture:
    entry = shards.entry(position)
    if not any(name in entry.fields for name in _MASKS):
        entry = shards.entry(position := next_with_boxes(shards, position))
    layer = next((name for name in _MASKS if name in entry.fields), None)
    data = shards.read(position, ("jpg",) if layer is None else ("jpg", layer))
    mask = None if layer is None else decode_mask(data[layer])
    image = Image.fromarray(decode_image(data["jpg"]))
    return _Picture(entry.key, image, mask, layer == _OBJECTS, boxes_at(shards, position))


def _head(shard_set: ShardSet, pictures: list[_Picture], width_px: int) -> Image.Image:
    """Return title and legend."""
    index = shard_set.index
    title = f"{len(pictures)} of {index.num_samples:,} samples"
    if index.sequences:
        title += f" from {len(index.sequences):,} sequences"
    labels = _legend_labels(pictures)
    places = _legend_places([text for _, text in labels], width_px - 2 * _MARGIN_PX)
    rows = places[-1][1] + 1 if places else 0
    top = _MARGIN_PX + 36
    head = Image.new("RGB", (width_px, top + rows * _LEGEND_ROW_PX + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(head)
    draw.text((_MARGIN_PX, _MARGIN_PX), index.name, _INK, _TITLE_FONT)
    name_px = draw.textlength(f"{index.name}  ", _TITLE_FONT)
    draw.text((_MARGIN_PX + name_px, _MARGIN_PX + 7), title, _FAINT_INK, _TEXT_FONT)
    for (coco_id, text), (left, row) in zip(labels, places, strict=True):
        y = top + row * _LEGEND_ROW_PX
        head.paste(_swatch(coco_id), (_MARGIN_PX + left, y))
        draw.text((_MARGIN_PX + left + _SWATCH_PX + 6, y - 1), text, _INK, _TEXT_FONT)
    return head


def _legend_labels(pictures: list[_Picture]) -> list[tuple[int, str]]:
    names = class_names() | {IGNORE_INDEX: "void"}
    masks = [row.mask for row in pictures if row.mask is not None and not row.is_objects]
    in_masks = {int(value) for mask in masks for value in np.unique(mask)}
    in_boxes = {value for picture in pictures for value in present_classes(picture.boxes)}
    present = sorted((in_masks | in_boxes) - {BACKGROUND_ID})
    return [(coco_id, names.get(coco_id, f"id {coco_id}")) for coco_id in present]


def _legend_places(labels: list[str], width_px: int) -> list[tuple[int, int]]:
    """Return the left edge in pixels and the row of each label."""
    places, left, row = [], 0, 0
    for label in labels:
        needed_px = _SWATCH_PX + 6 + round(_TEXT_FONT.getlength(label))
        if left and left + needed_px > width_px:
            left, row = 0, row + 1
        places.append((left, row))
        left += needed_px + 22
    return places


def _swatch(coco_id: int) -> Image.Image:
    mask = np.full((_SWATCH_PX, _SWATCH_PX), coco_id, dtype=np.uint8)
    paper = np.full((_SWATCH_PX, _SWATCH_PX, 3), class_colour(coco_id), dtype=np.uint8)
    return Image.fromarray(overlay(paper, mask, opacity=1.0))


def _grid(pictures: list[_Picture], columns: int, cell: tuple[int, int]) -> Image.Image:
    rows = -(-len(pictures) // columns)
    step = (cell[0] + _GAP_PX, cell[1] + _CAPTION_PX + _GAP_PX)
    grid = Image.new("RGB", (columns * step[0] - _GAP_PX, rows * step[1] - _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(grid)
    for number, picture in enumerate(pictures):
        left, top = number % columns * step[0], number // columns * step[1]
        grid.paste(_mounted(picture, cell), (left, top))
        _caption(draw, (left, top + cell[1] + 4), cell[0], picture)
    return grid


def _mounted(picture: _Picture, cell: tuple[int, int]) -> Image.Image:
    """Return the picture with its mask, shrunk into the middle of a cell."""
    scale = min(cell[0] / picture.image.width, cell[1] / picture.image.height)
    width_px = max(round(picture.image.width * scale), 1)
    height_px = max(round(picture.image.height * scale), 1)
    small = picture.image.resize((width_px, height_px), Image.Resampling.LANCZOS)
    if picture.mask is not None:
        mask = Image.fromarray(picture.mask).resize(small.size, Image.Resampling.NEAREST)
        small = Image.fromarray(
            overlay(np.asarray(small), np.asarray(mask), is_objects=picture.is_objects)
        )
    draw_boxes(small, picture.boxes)
    mount = Image.new("RGB", cell, _MOUNT)
    mount.paste(small, ((cell[0] - width_px) // 2, (cell[1] - height_px) // 2))
    return mount


def _caption(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], width_px: int, picture: _Picture
) -> None:
    note = _note(picture)
    note_px = round(draw.textlength(note, _SMALL_FONT))
    text = _shortened(picture.key, width_px - note_px - (8 if note else 0))
    draw.text(place, text, _INK, _SMALL_FONT)
    draw.text((place[0] + width_px - note_px, place[1]), note, _FAINT_INK, _SMALL_FONT)


def _note(picture: _Picture) -> str:
    if picture.boxes:
        return without_box(picture.boxes)
    if picture.mask is None:
        return "no mask"
    return "objects" if picture.is_objects else ""


def _shortened(key: str, width_px: int) -> str:
    """Return as much of the end of `key` as fits; the end tells the frames apart."""
    if _SMALL_FONT.getlength(key) <= width_px:
        return key
    for start in range(1, len(key)):
        text = f"...{key[start:]}"
        if _SMALL_FONT.getlength(text) <= width_px:
            return text
    return ""
