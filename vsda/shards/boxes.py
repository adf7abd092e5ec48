"""The boxes of a sample, found and drawn."""

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

from vsda.palette import class_colour
from vsda.sample import PRESENT, FrameFacts
from vsda.shards.read import RandomAccessShards

Boxes = tuple[Mapping[str, Any], ...]

_LINE_PX = 2
_LOOK_AHEAD = 31
"""Boxes come once a second, samples 30 times."""


def boxes_at(shards: RandomAccessShards, position: int) -> Boxes:
    """Return the boxes of the sample at `position`.

    Raises:
        ShardError: Its shard is missing or damaged.
    """
    data = shards.read(position, ("json",))
    return FrameFacts.from_json(data["json"]).boxes


def next_with_boxes(shards: RandomAccessShards, position: int) -> int:
    """Return the first position from `position` on with boxes; itself where none is near."""
    for near in range(position, min(position + _LOOK_AHEAD, len(shards))):
        if boxes_at(shards, near):
            return near
    return position


def present_classes(boxes: Boxes) -> list[int]:
    """Return the COCO ids of the boxes that are there."""
    return [int(box["class"]) for box in boxes if box["presence"] == PRESENT]


def without_box(boxes: Boxes) -> str:
    """Return what is said of objects that have no box, such as `absent`; empty for none."""
    return ", ".join(sorted({box["presence"] for box in boxes} - {PRESENT}))


def draw_boxes(image: Image.Image, boxes: Boxes) -> None:
    """Draw the boxes that are there into `image`, in the colours of their classes."""
    draw = ImageDraw.Draw(image)
    for box in boxes:
        if box["presence"] == PRESENT:
            corners = (
                box["xmin"] * (image.width - 1),
                box["ymin"] * (image.height - 1),
                box["xmax"] * (image.width - 1),
                box["ymax"] * (image.height - 1),
            )
            draw.rectangle(corners, outline=class_colour(int(box["class"])), width=_LINE_PX)
