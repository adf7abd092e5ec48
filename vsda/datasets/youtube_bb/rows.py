"""Rows of YouTube-BoundingBoxes' detection tables in blocks, each row sound or bad for one reason.

A row is `youtube_id, timestamp_ms, class_id, class_name, object_id, object_presence, xmin, xmax,
ymin, ymax`. numpy parses a block at once; where it refuses, it gets the plain rows and Python the
others. Both end in the same checks.
"""

import csv
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vsda.manifests import ytbb_classes
from vsda.sample import PRESENT

NUM_COLUMNS = 10
PRESENCES = (PRESENT, "absent", "uncertain")
NO_COORDINATE = -1.0
"""Each coordinate of a row that is not present."""
BOX_TOLERANCE = 1e-6
"""How far outside of the frame a coordinate may be, from rounding."""

_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_ID_LENGTH = 11
_PLAIN = f"{_ID_CHARS},. \n".encode()
"""The characters of a block that numpy may parse; others need rules that Python's csv knows."""
_PLAIN_ROW = re.compile(
    rb"[A-Za-z0-9_-]+(,\d{1,18}){2},[a-z ]+,\d{1,18},[a-z]+(,-?\d+(\.\d*)?(e-?\d{1,3})?){4}"
)
"""A row that numpy and Python read alike, whatever else may be wrong with it."""
_MAX_INTEGER = 2**31 - 1

RAW = np.dtype(
    [
        ("youtube_id", f"S{_ID_LENGTH + 1}"),  # one more than fits, so that longer ones show
        ("timestamp_ms", "<i8"),
        ("class_id", "<i8"),
        ("class_name", "S32"),
        ("object_id", "<i8"),
        ("presence", "S16"),
        ("box", "<f8", (4,)),
    ]
)
Raw = NDArray[np.void]
"""Rows as they stand in the file, of the type `RAW`."""


class BadRow(StrEnum):
    """Why a row is left out; the value completes 'n rows with ...'."""

    COLUMNS = "another number of columns than 10"
    NUMBER = "a word where a number belongs"
    ID = "an id that is not 11 characters of A-Z a-z 0-9 _ -"
    CLASS = "a class id and name that do not belong together"
    PRESENCE = f"a presence other than {', '.join(PRESENCES)}"
    TIME = "a time below 0 or beyond 24 days"
    OBJECT = "a negative object id"
    BOX = "a box that is not inside the frame, or coordinates where no object is present"
    CONTRADICTION = "two different boxes for one object at one time"


_CHECKS = (BadRow.ID, BadRow.CLASS, BadRow.PRESENCE, BadRow.TIME, BadRow.OBJECT, BadRow.BOX)
_SOUND = -1


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a file, mostly in its order.

    Attributes:
        rows: (N,) `RAW`, the sound rows; their boxes are clipped to the frame.
        lines: (N,) int32, the line of each in the file, from 1.
        bad: The line of each other row, and what is wrong with it.
    """

    rows: Raw
    lines: NDArray[np.int32]
    bad: list[tuple[int, BadRow]]

    @property
    def num_rows(self) -> int:
        """The number of rows, sound and bad."""
        return len(self.rows) + len(self.bad)


def parse_block(data: bytes, first_line: int) -> Block:
    """Return the rows in whole lines of a table; empty lines are no rows.

    Args:
        data: Lines, each with its line break.
        first_line: Line of the first of them in the file, from 1.
    """
    data = data.replace(b"\r\n", b"\n")
    rows = _parse_at_once(data)
    if rows is None:
        rows, lines, bad = _parse_one_by_one(data, first_line)
    else:
        lines, bad = np.arange(first_line, first_line + len(rows), dtype=np.int32), []
    verdicts = _verdicts(rows)
    wrong = np.flatnonzero(verdicts != _SOUND)
    bad += [(int(lines[row]), _CHECKS[verdicts[row]]) for row in wrong.tolist()]
    if len(wrong):
        rows, lines = np.delete(rows, wrong), np.delete(lines, wrong)
    _clip(rows)
    return Block(rows=rows, lines=lines, bad=sorted(bad))


def _parse_at_once(data: bytes) -> Raw | None:
    """Return the rows in `data`, None if any of them is not plainly a row."""
    if not data.strip() or data.translate(None, _PLAIN):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # a fraction where an integer belongs
        try:
            rows = _load(data)
        except (ValueError, DeprecationWarning):
            return None
    return rows if len(rows) == data.count(b"\n") + (not data.endswith(b"\n")) else None


def _parse_one_by_one(
    data: bytes, first_line: int
) -> tuple[Raw, NDArray[np.int32], list[tuple[int, BadRow]]]:
    """Return the rows in `data` with their lines, and what is wrong with the others."""
    plain: list[bytes] = []
    lines, odd_lines, odd, bad = [], [], [], []
    for line, text in enumerate(data.split(b"\n"), start=first_line):
        if _PLAIN_ROW.fullmatch(text):
            plain.append(text)
            lines.append(line)
        elif text.strip():
            row = _parse(text.decode("latin-1"))
            if isinstance(row, BadRow):
                bad.append((line, row))
            else:
                odd.append(row)
                odd_lines.append(line)
    rows = _load(b"\n".join(plain)) if plain else np.empty(0, dtype=RAW)
    return (
        np.concatenate([rows, np.array(odd, dtype=RAW)]),
        np.array(lines + odd_lines, dtype=np.int32),
        bad,
    )


def _load(data: bytes) -> Raw:
    text = io.StringIO(data.decode())
    return np.loadtxt(text, dtype=RAW, delimiter=",", comments=None, ndmin=1)


def _parse(text: str) -> tuple[object, ...] | BadRow:
    cells = split_row(text)
    if len(cells) != NUM_COLUMNS:
        return BadRow.COLUMNS
    youtube_id, time, class_id, class_name, object_id, presence, *box = cells
    try:
        numbers = [_integer(cell) for cell in (time, class_id, object_id)]
        corners = [_fraction(cell) for cell in box]
    except ValueError:
        return BadRow.NUMBER
    words = [_word(cell) for cell in (youtube_id, class_name, presence)]
    return (words[0], numbers[0], numbers[1], words[1], numbers[2], words[2], corners)


def split_row(text: str) -> list[str]:
    """Return the cells of one line; a line with an open quote is one cell."""
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return [text]


def _integer(cell: str) -> int:
    value = int(_number(cell))
    return max(-1, min(value, _MAX_INTEGER + 1))  # beyond, all are equally wrong


def _fraction(cell: str) -> float:
    return float(_number(cell))


def _number(cell: str) -> str:
    if "_" in cell or not cell.isascii():
        raise ValueError(cell)
    return cell


def _word(cell: str) -> bytes:
    return cell.encode("latin-1").replace(b"\0", b"?")  # numpy would drop it from the end


@cache
def _class_table() -> NDArray[np.bytes_]:
    """Return the class names by YouTube-BB's id, empty where an id has none."""
    names = {row.id: row.name.encode() for row in ytbb_classes()}
    return np.array([names.get(number, b"") for number in range(max(names) + 1)], dtype="S32")


def _verdicts(rows: Raw) -> NDArray[np.intp]:
    """Return the place in `_CHECKS` of the first check that each row fails, `_SOUND` for none."""
    time, object_id = rows["timestamp_ms"], rows["object_id"]
    failed = [
        ~_are_ids(rows["youtube_id"]),
        ~_are_classes(rows["class_id"], rows["class_name"]),
        ~np.isin(rows["presence"], np.array([name.encode() for name in PRESENCES])),
        (time < 0) | (time > _MAX_INTEGER),
        (object_id < 0) | (object_id > _MAX_INTEGER),
        ~_are_boxes(rows["box"], rows["presence"] == PRESENT.encode()),
    ]
    return np.select(failed, list(range(len(failed))), _SOUND)


def _are_ids(ids: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    legal = np.zeros(256, dtype=np.bool_)
    legal[list(_ID_CHARS.encode())] = True
    chars = np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), _ID_LENGTH + 1)
    are_ids: NDArray[np.bool_] = legal[chars[:, :_ID_LENGTH]].all(axis=1) & (
        chars[:, _ID_LENGTH] == 0
    )
    return are_ids


def _are_classes(ids: NDArray[np.int64], names: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    table = _class_table()
    is_known = (ids >= 0) & (ids < len(table))
    expected = table[np.where(is_known, ids, 0)]
    are_classes: NDArray[np.bool_] = is_known & (expected == names) & (names != b"")
    return are_classes


def _are_boxes(boxes: NDArray[np.float64], is_present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which boxes (N, 4), xmin xmax ymin ymax, are what their presence asks for."""
    is_inside = ((boxes >= -BOX_TOLERANCE) & (boxes <= 1 + BOX_TOLERANCE)).all(axis=1)
    clipped = np.clip(boxes, 0.0, 1.0)
    is_ordered = (clipped[:, 0] <= clipped[:, 1]) & (clipped[:, 2] <= clipped[:, 3])
    is_empty = (boxes == NO_COORDINATE).all(axis=1)
    return np.where(is_present, is_inside & is_ordered, is_empty)


def _clip(rows: Raw) -> None:
    is_present = rows["presence"] == PRESENT.encode()
    boxes = rows["box"]
    boxes[is_present] = np.clip(boxes[is_present], 0.0, 1.0) + 0.0  # -0.0 becomes 0.0


def line_blocks(file: io.BufferedIOBase, block_bytes: int) -> Iterator[bytes]:
    """Yield the content of `file` as blocks of whole lines of about `block_bytes`.

    A line that is longer than a block is cut, which makes its pieces bad rows.
    """
    rest = b""
    while chunk := file.read(block_bytes):
        head, line_break, tail = chunk.rpartition(b"\n")
        if line_break or len(rest) > block_bytes:
            yield rest + head + line_break
            rest = tail
        else:
            rest += chunk
    if rest:
        yield rest
