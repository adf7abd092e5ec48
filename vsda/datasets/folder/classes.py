"""What the values or colours of somebody's masks mean: a table of their own, or a known one.

The table is CSV or TSV with the columns `value` and `class`, and as many others as one likes, of
which `sequence` is known: its row counts for that sequence alone, and `*` for all of them. A value
is 0 to 255, or a colour `#rrggbb`. A class is one of COCO's, `background`, `ignore`, or `-` for
what COCO lacks.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ItemError, ManifestError, Outcome, VsdaError, suggest
from vsda.manifests import (
    BACKGROUND_CLASS,
    IGNORE_CLASS,
    NO_CLASS,
    coco_classes,
    table_sha256,
    voc_values,
)
from vsda.sample import Mask, legal_key
from vsda.storage import read_bytes
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX

COCO, VOC = "coco", "voc"
EVERY_SEQUENCE = "*"
FIRST_COLOUR = 1 << 24
"""A colour is this plus its 24 bits, so that #000007 is not the value 7."""

_MAX_TABLE_BYTES = 1 << 24
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_NUM_SHOWN = 5

Names = dict[int, str]
"""Class name of every value or colour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassMap:
    """What mask values mean.

    Attributes:
        label: What the index calls it.
        sha256: Of the table; None for a word.
        every: Names that count in all sequences.
        by_sequence: Names of single ones, by their name as in keys.
        has_sequences: The table has a column for them, so that a value is an object of its
            sequence.
    """

    label: str
    sha256: str | None = None
    every: Names
    by_sequence: Mapping[str, Names]
    has_sequences: bool = False

    @property
    def is_coloured(self) -> bool:
        """Whether masks are pictures whose colours mean something."""
        return any(is_coloured(names) for names in (self.every, *self.by_sequence.values()))

    def names(self, sequence: str | None) -> Names | None:
        """Return the class names for a sequence, None where the table has none for it.

        A value 0 that the table does not name is background.
        """
        own = self.by_sequence.get(sequence or "", {})
        if not self.every and not own:
            return None
        silent = {} if self.is_coloured else {BACKGROUND_ID: BACKGROUND_CLASS}
        return silent | self.every | own

    def settings(self) -> dict[str, str]:
        """Return what an index records of it."""
        if self.sha256 is None:
            return {"class_map": self.label, "table_sha256": table_sha256(self.label, "classes")}
        return {"class_map": self.label, "class_map_sha256": self.sha256}


def is_coloured(table: Mapping[int, object]) -> bool:
    """Return whether a table is about colours."""
    return any(value >= FIRST_COLOUR for value in table)


def read_class_map(place: Path) -> ClassMap:
    """Return the class map that a user named: a table's path, or a word.

    Raises:
        ManifestError: No such table, or a wrong one; the message names file and line.
    """
    if str(place) == COCO:
        names = {row.id: row.name for row in coco_classes()}
        return _known(COCO, {BACKGROUND_ID: BACKGROUND_CLASS, IGNORE_INDEX: IGNORE_CLASS} | names)
    if str(place) == VOC:
        return _known(VOC, {row.value: row.class_name for row in voc_values()})
    return _read(place)


def remap_colours(rgb: NDArray[np.uint8], table: Mapping[int, int], where: str) -> Mask:
    """Return the label of every colour.

    Args:
        rgb: (H, W, 3).
        table: COCO id of every colour.
        where: What the error starts with.

    Raises:
        ItemError: A colour that `table` lacks; nothing is guessed.
    """
    bits = rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]) + FIRST_COLOUR
    known = np.array(sorted(table), dtype=np.int64)
    labels = np.array([table[colour] for colour in known.tolist()], dtype=np.uint8)
    place = np.searchsorted(known, bits).clip(max=len(known) - 1)
    missing = np.unique(bits[known[place] != bits]).tolist()
    if missing:
        shown = ", ".join(f"#{colour - FIRST_COLOUR:06x}" for colour in missing[:_NUM_SHOWN])
        raise ItemError(
            Outcome.UNKNOWN_ID,
            f"{where}: the mask has {len(missing)} colours that its class table lacks, such as "
            f"{shown}; add them, or save the mask without smoothing and not from a JPEG",
        )
    mask: Mask = labels[place]
    return mask


def _known(word: str, names: Names) -> ClassMap:
    return ClassMap(label=word, every=names, by_sequence={})


def _read(path: Path) -> ClassMap:
    delimiter = _DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise ManifestError(
            f"{path}: expected a table called .csv or .tsv, or one of the words {COCO}, {VOC}"
        )
    if not path.is_file():
        raise ManifestError(f"{path}: no such table")
    try:
        data = read_bytes(path, most=_MAX_TABLE_BYTES)
    except VsdaError as error:
        raise ManifestError(str(error)) from error
    header, rows = _rows(path, data, delimiter)
    maps: dict[str, Names] = {}
    for line, cells in rows:
        _add(maps, dict(zip(header, cells, strict=True)), f"{path}:{line}")
    if not maps:
        raise ManifestError(f"{path}: the table has no rows")
    values = [value for names in maps.values() for value in names]
    if len({value >= FIRST_COLOUR for value in values}) > 1:
        raise ManifestError(f"{path}: has both numbers and colours as values; masks have either")
    return ClassMap(
        label=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        every=maps.pop(EVERY_SEQUENCE, {}),
        by_sequence=maps,
        has_sequences="sequence" in header,
    )


def _rows(
    path: Path, data: bytes, delimiter: str
) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[str]]]]:
    """Return the names of the columns, and the other rows with their lines."""
    try:
        text = data.decode("utf-8-sig")  # spreadsheets put a byte order mark first
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: {error}; save the table as text in UTF-8") from error
    except csv.Error as error:
        raise ManifestError(f"{path}:{reader.line_num}: {error}") from error
    header = rows[0][1] if rows else []
    if not {"value", "class"} <= set(header) or len(set(header)) < len(header):
        raise ManifestError(
            f"{path}:1: expected columns called value, class and, if values differ by it, "
            f"sequence, with {'commas' if delimiter == ',' else 'tabs'} between them; got {header}"
        )
    for line, cells in rows:
        if len(cells) != len(header):
            raise ManifestError(f"{path}:{line}: expected {len(header)} cells, got {len(cells)}")
    return header, iter(rows[1:])


def _add(maps: dict[str, Names], row: Mapping[str, str], where: str) -> None:
    sequence = row.get("sequence") or EVERY_SEQUENCE
    if sequence != EVERY_SEQUENCE:
        sequence = legal_key(*sequence.strip("/").split("/"))
    names, value = maps.setdefault(sequence, {}), _value(row["value"], where)
    if value in names:
        raise ManifestError(f"{where}: the value {row['value']} comes twice")
    names[value] = _class(row["class"], where)


def _value(cell: str, where: str) -> int:
    if _COLOUR.fullmatch(cell):
        return FIRST_COLOUR + int(cell[1:], 16)
    if not (cell.isascii() and cell.isdecimal() and len(cell) <= 3 and int(cell) <= IGNORE_INDEX):
        raise ManifestError(
            f"{where}: expected a value from 0 to 255 or a colour such as #80ff00, got {cell!r}"
        )
    return int(cell)


def _class(cell: str, where: str) -> str:
    known = [row.name for row in coco_classes()]
    if cell in {*known, BACKGROUND_CLASS, IGNORE_CLASS, NO_CLASS}:
        return cell
    raise ManifestError(
        f"{where}: {cell!r} is neither a class of COCO nor {BACKGROUND_CLASS}, {IGNORE_CLASS} or "
        f"{NO_CLASS} (for what COCO lacks).{suggest(cell, known)}"
    )
