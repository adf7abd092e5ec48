"""What is difficult about a video: a table that says which sequences have which attribute."""

import csv
from collections.abc import Mapping
from pathlib import Path

from vsda.errors import UsageError

_COLUMNS = ("sequence", "attribute")

Attributes = Mapping[str, frozenset[str]]
"""The sequences of each attribute."""


def read_attributes(path: Path) -> Attributes:
    """Return the attributes of a CSV file with the columns `sequence` and `attribute`.

    A row is one attribute of one sequence, such as `dance-twirl,fast motion`.

    Raises:
        UsageError: The file cannot be read, or a line lacks a value; the message has its number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--attributes {path}: cannot be read as text: {error}") from error
    rows = csv.DictReader(text.splitlines(), strict=True)
    if not set(_COLUMNS) <= set(rows.fieldnames or ()):
        raise UsageError(
            f"{path}:1: expected the columns {' and '.join(_COLUMNS)}, got {rows.fieldnames}"
        )
    found: dict[str, set[str]] = {}
    for row in rows:
        sequence, attribute = ((row[column] or "").strip() for column in _COLUMNS)
        if not sequence or not attribute:
            raise UsageError(f"{path}:{rows.line_num}: expected a sequence and an attribute")
        found.setdefault(attribute, set()).add(sequence)
    return {name: frozenset(found[name]) for name in sorted(found)}
