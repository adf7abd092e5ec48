"""The `.idx` beside a tar: where the data of each field lies, so that reading it is one seek.

The text is version 1.2 of the index of NVIDIA DALI's `wds2idx`: a line `v1.2 <number of samples>`,
then for each sample a line of `<field> <offset> <size> <member>` for each of its fields.
"""

import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError

MAX_SAMPLE_BYTES = 1 << 30
"""More than a picture may have, so that no sample of a made-up tar fills the memory."""
MAX_FIELDS = 64
_VERSION = "v1.2"
_ABSENT = -1
_WORDS_PER_FIELD = 4
_PART = r"(?!__)[A-Za-z0-9_-]+"  # as legal_key makes them
_MEMBER = re.compile(rf"(?P<key>(?:{_PART}/)*{_PART})\.(?P<field>[A-Za-z0-9_.-]{{1,64}})")
_TAR_ERRORS = (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError)


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

    def rows_with(self, field: str) -> NDArray[np.int64]:
        """Return the rows of the samples that have a field."""
        if field not in self.fields:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.spans[:, self.fields.index(field), 0] != _ABSENT)


def split_member(name: str) -> tuple[str, str]:
    """Return key and field of a member: the field starts after the first dot of the file name."""
    folder, slash, file_name = name.rpartition("/")
    stem, _, field = file_name.partition(".")
    return f"{folder}{slash}{stem}", field


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file in a tar: its sample's key, its field, and where it lies, in bytes.

    Its headers start at `start`, its data at `offset`.
    """

    key: str
    field: str
    start: int
    offset: int
    size: int

    @property
    def name(self) -> str:
        """The name in the tar."""
        return f"{self.key}.{self.field}"


def tar_members(file: IO[bytes]) -> Iterator[Member]:
    """Yield the members of a tar, in bounded memory; `file` may be moved in between.

    Raises:
        ShardError: It is no tar, or has a member that is no field of a sample: a link, a device, a
            sparse file, a name that leads elsewhere, or more bytes than there are.
    """
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # where it keeps all of them
                yield _plain(member, num_bytes)
    except _TAR_ERRORS as error:
        raise ShardError(f"not a sound tar: {error}") from error


def make_idx(tar: Path) -> bytes:
    """Return the `.idx` of the tar at a local path; the offsets are those that tarfile finds.

    Raises:
        ShardError: It is no tar of samples.
    """
    lines: list[str] = []
    last_key = None
    with tar.open("rb") as file:
        for member in tar_members(file):
            words = f"{member.field} {member.offset} {member.size} {member.name}"
            if member.key == last_key:
                lines[-1] += f" {words}"
            else:
                lines.append(words)
            last_key = member.key
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
    if len(names) > MAX_FIELDS:
        raise ShardError(f"{len(names)} different fields, more than the {MAX_FIELDS} that are read")
    column = {name: place for place, name in enumerate(names)}
    spans = np.full((len(rows), len(names), 2), _ABSENT, dtype=np.int64)
    keys = tuple(_fill(spans[number], column, row, number) for number, row in enumerate(rows))
    return IdxTable(keys, names, spans)


def _fill(spans: NDArray[np.int64], column: dict[str, int], row: list[str], number: int) -> str:
    """Write the places of a sample's fields into `spans` and return its key."""
    where = f"line {number + 2}"
    if not row or len(row) % _WORDS_PER_FIELD:
        raise ShardError(
            f"{where}: expected <field> <offset> <size> <member> for each field, "
            f"got {len(row)} words"
        )
    found = _MEMBER.fullmatch(row[3])
    key = found["key"] if found else ""
    try:
        for field, offset, size, name in zip(
            row[::4], row[1::4], row[2::4], row[3::4], strict=True
        ):
            if name != f"{key}.{field}" or spans[column[field], 0] != _ABSENT:
                raise ShardError(
                    f"{where}: {name!r:.200} is no other field {field!r:.80} of {key!r}"
                )
            spans[column[field]] = _place(offset, size)
    except (ValueError, OverflowError) as error:
        raise ShardError(f"{where}: {error!s:.200}") from error
    return key


def _place(offset: str, size: str) -> tuple[int, int]:
    """Return offset and size; data of a tar lies behind a header, at a multiple of its size."""
    place = int(offset), int(size)
    if place[0] < tarfile.BLOCKSIZE or place[0] % tarfile.BLOCKSIZE or place[1] < 0:
        raise ValueError(f"{size} bytes at {offset} are no data of a tar")
    return place


def _plain(member: tarfile.TarInfo, num_bytes: int) -> Member:
    name = f"{member.name!r:.200}"
    if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.issparse():
        raise ShardError(f"its member {name} is no plain file but of type {member.type!r}")
    found = _MEMBER.fullmatch(member.name)
    if found is None:
        raise ShardError(f"its member {name} is not named as the field of a sample, <key>.<field>")
    if not 0 <= member.size <= min(MAX_SAMPLE_BYTES, num_bytes - member.offset_data):
        raise ShardError(
            f"its member {name} says that it has {member.size} bytes, which are not there or more "
            f"than the {MAX_SAMPLE_BYTES} that are read"
        )
    return Member(found["key"], found["field"], member.offset, member.offset_data, member.size)
