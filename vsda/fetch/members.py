"""What a zip or tar holds: plain files and folders with safe names, or an error.

Nothing else is let through: no links of any kind, no devices, no names that lead out of the
folder, no name twice. Files are written by this package and never by the archive's own module, so
that owners, modes and links of an archive have no effect.
"""

import errno
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from vsda.fetch.archive_errors import DamagedArchiveError, HostileArchiveError

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_NAME_BYTES = 255
_BLOCK_BYTES = 1 << 20
_ENCRYPTED = 0x1
_UNIX = 3
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x06"
_ELSEWHERE = 0xFFFF
_LONGEST_END_BYTES = 22 + 0xFFFF + 20 + 56
_FAULTS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    NotImplementedError,  # a way of packing that Python does not know
    UnicodeDecodeError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file or folder of an archive.

    Attributes:
        parts: Its path, part by part.
        size_bytes: What the archive says; 0 for a folder.
        is_folder: Whether it is one.
        entry: What the archive's own module calls it.
    """

    parts: tuple[str, ...]
    size_bytes: int
    is_folder: bool
    entry: zipfile.ZipInfo | tarfile.TarInfo

    @property
    def path(self) -> str:
        """The path as text."""
        return "/".join(self.parts)


class Archive(Protocol):
    """An open zip or tar."""

    def members(self) -> Iterator[Member]:
        """Yield what it holds, in order."""

    def open(self, member: Member) -> IO[bytes]:
        """Open a file of it."""


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Yield the archive at `path`, a zip or tar by its name.

    Raises:
        DamagedArchiveError: It is cut or has wrong bytes, as found here or inside the block.
        HostileArchiveError: It holds something that is neither a plain file nor a folder.
    """
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as zipped:
                yield _Zip(path, zipped)
        else:
            with tarfile.open(path) as tarred:
                yield _Tar(path, tarred)
    except (*_FAULTS, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's word; one without a number is from an unpacker, such as bz2
        raise DamagedArchiveError(
            f"{path}: a damaged archive: {str(error) or type(error).__name__}"
        ) from error


class _Zip:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._archive = path, archive

    def members(self) -> Iterator[Member]:
        stated, found = _stated_entries(self._path), len(self._archive.infolist())
        if stated != found:
            raise zipfile.BadZipFile(f"its end says {stated} members, and {found} are listed")
        for entry in self._archive.infolist():
            where = f"{self._path}: {entry.filename!r}"
            if entry.flag_bits & _ENCRYPTED:
                raise HostileArchiveError(
                    f"{where} is encrypted; expected an archive without a password"
                )
            kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == _UNIX else 0
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _not_plain(where)
            parts = safe_parts(where, entry.orig_filename)  # not cut at a zero byte
            if parts:
                size_bytes = 0 if entry.is_dir() else entry.file_size
                yield Member(parts, size_bytes, entry.is_dir(), entry)

    def open(self, member: Member) -> IO[bytes]:
        if not isinstance(member.entry, zipfile.ZipInfo):
            raise TypeError(f"not a member of a zip: {member}")
        try:
            return self._archive.open(member.entry)
        except (OSError, ValueError) as error:  # a place before the start of the file
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise
            raise zipfile.BadZipFile(f"{member.path!r} lies outside of it") from error


class _Tar:
    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path, self._archive = path, archive

    def members(self) -> Iterator[Member]:
        for entry in self._archive:
            where = f"{self._path}: {entry.name!r}"
            if not (entry.isreg() or entry.isdir()):
                raise _not_plain(where)
            parts = safe_parts(where, entry.name)
            if parts:
                yield Member(parts, entry.size if entry.isreg() else 0, entry.isdir(), entry)
        self._check_end()

    def _check_end(self) -> None:
        """Raise if the mark of the end is missing, or what packs the tar is damaged behind it.

        Without this a tar that is cut between two members would seem whole.
        """
        file = cast("IO[bytes]", self._archive.fileobj)
        file.seek(self._archive.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")
        while file.read(_BLOCK_BYTES):
            pass

    def open(self, member: Member) -> IO[bytes]:
        file = (
            self._archive.extractfile(member.entry)
            if isinstance(member.entry, tarfile.TarInfo)
            else None
        )
        if file is None:
            raise TypeError(f"not a file of a tar: {member}")
        return file


def _stated_entries(path: Path) -> int:
    """Return how many members the end of a zip states, which Python's module does not compare.

    The records are those of 4.3.14 and 4.3.16 of PKWARE's APPNOTE; the first has the number where
    it does not fit into the second.
    """
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, _LONGEST_END_BYTES), os.SEEK_END)
        tail = file.read()
    end = tail.rfind(_END)
    number = int(struct.unpack_from("<H", tail, end + 10)[0])
    if number != _ELSEWHERE:
        return number
    end = tail.rfind(_END_64, 0, end)
    return int(struct.unpack_from("<Q", tail, end + 32)[0]) if end >= 0 else number


def safe_parts(where: str, name: str) -> tuple[str, ...]:
    """Return the parts of a member's name; empty for the top folder itself.

    Backslashes separate too: some programs write them, and elsewhere they would lead out.

    Raises:
        HostileArchiveError: The name leads out of the folder, or is none that a dataset has.
    """
    text = name.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if text.startswith("/") or ".." in parts or (parts and _DRIVE.match(parts[0])):
        raise HostileArchiveError(f"{where} leads out of the folder; nothing was unpacked")
    long = any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST_NAME_BYTES for part in parts)
    if long or _CONTROL.search(text):
        raise HostileArchiveError(f"{where} is no name of a file; nothing was unpacked")
    return tuple(parts)


def _not_plain(where: str) -> HostileArchiveError:
    return HostileArchiveError(
        f"{where} is a link or a device, expected files and folders only; nothing was unpacked"
    )
