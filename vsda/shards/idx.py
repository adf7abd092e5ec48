"""The `.idx` beside a tar: where the data of each field lies, so that reading it is one seek.

The text is version 1.2 of the index of NVIDIA DALI's `wds2idx`: a line `v1.2 <number of samples>`,
then for each sample a line of `<field> <offset> <size> <member>` for each of its fields.
"""

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError

_VERSION = "v1.2"
_ABSENT = -1
_WORDS_PER_FIELD = 4


@dataclass(frozen=True, slots=True)
class IdxTable:
    """Where the fields of a shard's samples lie.

    Attributes:
        keys: Key of each of the N samples.
        fields: The F field names that occur in the shard, sorted.
        spans: (N, F, 2) int64, offset and size of the data in bytes; -1 where a sample lacks it.
    """

    keys: tuple[str, ...]
    fields: tuple[str, ...]
    spans: NDArray[np.int64]

    def sample_fields(self, row: int) -> dict[str, tuple[int, int]]:
        """Return offset and size in bytes of each field of the sample `row`."""
        return {
            name: (offset, size)
            for name, (offset, size) in zip(self.fields, self.spans[row].tolist(), strict=True)
            if offset != _ABSENT
        }


def split_member(name: str) -> tuple[str, str]:
    """Return key and field of a member: the field starts after the first dot of the file name."""
    folder, slash, file_name = name.rpartition("/")
    stem, _, field = file_name.partition(".")
    return f"{folder}{slash}{stem}", field


def make_idx(tar: Path) -> bytes:
    """Return the `.idx` of the tar at a local path; the offsets are those that tarfile finds."""
    lines: list[str] = []
    last_key = None
    with tarfile.open(tar, "r:") as archive:
        for member in archive:
            key, field = split_member(member.name)
            words = f"{field} {member.offset_data} {member.size} {member.name}"
            if key == last_key:
                lines[-1] += f" {words}"
            else:
                lines.append(words)
            last_key = key
    return "\n".join([f"{_VERSION} {len(lines)}", *lines, ""]).encode()


def parse_idx(data: bytes) -> IdxTable:
    """Return the table in the content of an `.idx`.

    Raises:
        ShardError: Another version, or not such a file.
    """
    head, *lines = data.decode(errors="replace").splitlines() or [""]
    if head != f"{_VERSION} {len(lines)}":
        raise ShardError(
            f"starts with {head[:40]!r}, expected '{_VERSION} {len(lines)}' before {len(lines)} "
            "samples"
        )
    rows = [line.split() for line in lines]
    names = tuple(sorted({word for row in rows for word in row[::_WORDS_PER_FIELD]}))
    column = {name: place for place, name in enumerate(names)}
    spans = np.full((len(rows), len(names), 2), _ABSENT, dtype=np.int64)
    for number, row in enumerate(rows):
        _fill(spans[number], column, row, number)
    return IdxTable(tuple(split_member(row[3])[0] for row in rows), names, spans)


def _fill(spans: NDArray[np.int64], column: dict[str, int], row: list[str], number: int) -> None:
    if not row or len(row) % _WORDS_PER_FIELD:
        raise ShardError(
            f"line {number + 2}: expected <field> <offset> <size> <member> for each field, "
            f"got {len(row)} words"
        )
    try:
        for field, offset, size in zip(row[::4], row[1::4], row[2::4], strict=True):
            spans[column[field]] = int(offset), int(size)
    except ValueError as error:
        raise ShardError(f"line {number + 2}: {error}") from error
