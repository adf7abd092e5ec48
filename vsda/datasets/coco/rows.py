"""The rows of COCO's annotation files: what they must hold, and what they say.

References: the formats "object detection" and "panoptic segmentation" of the COCO data page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

IMAGE_SUFFIX = ".jpg"
MASK_SUFFIX = ".png"
MAX_SEGMENT_ID = (1 << 24) - 1
"""What three bytes hold; 0 stands for void."""
_MAX_NAME_BYTES = 255

Row = Mapping[str, Any]


class RowError(ValueError):
    """A row that cannot be used; the message starts with the key."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object, a crowd of objects or a region of stuff: its category."""

    category_id: int
    is_crowd: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row of `annotations` says of its image.

    Attributes:
        order: Rows of an image are in this order, which no two rows of a file share.
        things: What it describes.
        mask: File name of the PNG that has the regions; None where the row itself has them.
    """

    order: int
    things: tuple[Thing, ...]
    mask: str | None = None


def instance_entry(row: Row) -> Entry:
    """Return what a row of an instances file says.

    Raises:
        RowError: A key is missing or has a wrong type.
    """
    if "segmentation" not in row:
        raise RowError("segmentation: expected polygons or run lengths, got nothing")
    return Entry(whole_number(row, "id"), (_thing(row),))


def panoptic_entry(row: Row) -> Entry:
    """Return what a row of a panoptic file says, of which an image has one.

    Raises:
        RowError: A key is missing or has a wrong type, or two segments share an id.
    """
    segments = row.get("segments_info")
    if not isinstance(segments, list) or any(not isinstance(one, dict) for one in segments):
        raise RowError(
            f"segments_info: expected a list of objects, got {_found(row, 'segments_info')}"
        )
    seen: set[int] = set()
    things = []
    for index, segment in enumerate(segments):
        try:
            things.append(_thing(segment))
            _check_segment(segment, seen)
        except RowError as error:
            raise RowError(f"segments_info[{index}].{error}") from error
    return Entry(whole_number(row, "image_id"), tuple(things), file_name(row, MASK_SUFFIX))


def whole_number(row: Row, key: str, lowest: int | None = None) -> int:
    """Return the whole number at `key`.

    Raises:
        RowError: There is none, or it is less than `lowest`.
    """
    number = row.get(key)
    if type(number) is not int or (lowest is not None and number < lowest):
        least = "" if lowest is None else f" of at least {lowest}"
        raise RowError(f"{key}: expected a whole number{least}, got {_found(row, key)}")
    return int(number)


def file_name(row: Row, suffix: str) -> str:
    """Return the file name of a row, without a way into other folders.

    Raises:
        RowError: It is missing, is a path, or ends otherwise.
    """
    name = row.get("file_name")
    if not isinstance(name, str) or not name.endswith(suffix) or not _stays(name):
        raise RowError(
            f"file_name: expected the name of a {suffix} file without folders, got "
            f"{_found(row, 'file_name')}"
        )
    return name


def _stays(name: str) -> bool:
    is_plain = not name.startswith(".") and name.isprintable()  # lone surrogates are not
    return is_plain and not set(name) & set("/\\") and len(name.encode()) <= _MAX_NAME_BYTES


def _thing(row: Row) -> Thing:
    crowd = row.get("iscrowd")
    if type(crowd) is not int or crowd not in {0, 1}:
        raise RowError(f"iscrowd: expected 0 or 1, got {_found(row, 'iscrowd')}")
    return _shared_thing(whole_number(row, "category_id"), bool(crowd))


_shared_thing = cache(Thing)  # few differ, and a file has a million


def _check_segment(segment: Row, seen: set[int]) -> None:
    segment_id = whole_number(segment, "id", 1)
    if segment_id > MAX_SEGMENT_ID or segment_id in seen:
        raise RowError(f"id: expected a number up to {MAX_SEGMENT_ID} once, got {segment_id}")
    seen.add(segment_id)


def _found(row: Row, key: str) -> str:
    return f"{row[key]!r:.80}" if key in row else "nothing"
