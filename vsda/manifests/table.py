"""Reading a table: tab-separated text, checked, errors with file:line.

A table starts with `#` comments that give its origin, then a header line, then one fact per row.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from vsda.errors import ManifestError
from vsda.resources import resource_dir

Row = TypeVar("Row")


def manifest_path(dataset: str, table: str) -> Path:
    """Return where the table of a dataset lies, such as ("davis", "objects")."""
    return resource_dir("manifests") / dataset / f"{table}.tsv"


def table_sha256(dataset: str, table: str) -> str:
    """Return the hash of a table, which says in an index by which facts a set was made."""
    return hashlib.sha256(manifest_path(dataset, table).read_bytes()).hexdigest()


def read_table(
    path: Path, header: tuple[str, ...], build: Callable[[list[str]], Row]
) -> tuple[Row, ...]:
    """Return the rows of the table at `path`, each made by `build` from its cells.

    Raises:
        ManifestError: No such file, another header, a row with missing or wrong cells, no rows,
            or not text in UTF-8.
    """
    rows: list[Row] = []
    seen_header = False
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != len(header):
            raise ManifestError(
                f"{path}:{number}: expected {len(header)} columns, got {len(cells)}"
            )
        if not seen_header:
            _check_header(path, number, cells, header)
            seen_header = True
            continue
        try:
            rows.append(build(cells))
        except (ValueError, ManifestError) as error:
            raise ManifestError(f"{path}:{number}: {error}") from error
    if not rows:
        raise ManifestError(f"{path}: the table has no rows")
    return tuple(rows)


def unique(
    rows: tuple[Row, ...], table: str, *keys: Callable[[Row], tuple[object, ...]]
) -> tuple[Row, ...]:
    """Return `rows`; two rows of `table` with one value of a key are a ManifestError."""
    for key in keys:
        seen: set[tuple[object, ...]] = set()
        for row in rows:
            if key(row) in seen:
                raise ManifestError(f"{table}: {key(row)} occurs twice")
            seen.add(key(row))
    return rows


def one_of(cell: str, known: tuple[str, ...]) -> str:
    """Return `cell`; a word that is none of `known` is a ManifestError."""
    if cell not in known:
        raise ManifestError(f"expected one of {list(known)}, got {cell!r}")
    return cell


def known_or_none(cell: str) -> str | None:
    """Return `cell`, None for the dash that stands for what is not known."""
    return None if cell == "-" else cell


def _text(path: Path) -> str:
    if not path.is_file():
        raise ManifestError(f"{path}: no such table")
    try:
        return path.read_text(encoding="utf-8-sig")  # spreadsheets put a byte order mark first
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: {error}; save the table as text in UTF-8") from error


def _check_header(path: Path, number: int, cells: list[str], header: tuple[str, ...]) -> None:
    if tuple(cells) != header:
        raise ManifestError(f"{path}:{number}: expected the columns {list(header)}, got {cells}")
