"""Reading files at paths and fsspec URLs, and asking what is there."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from fsspec.implementations.local import LocalFileSystem

from vsda.errors import VsdaError
from vsda.storage.places import Place, filesystem_of, join, local_path
from vsda.storage.remote import LISTED, READ, remote_error, remote_errors, says_absent

BLOCK_BYTES = 1 << 20


def sha256_file(place: Place) -> str:
    """Return the SHA-256 of the file at a path or URL, in hexadecimal."""
    with open_binary(place) as file, remote_errors(place, READ):
        return sha256_rest(file)


def sha256_rest(file: IO[bytes]) -> str:
    """Return the SHA-256 of `file` from its present position on, in hexadecimal."""
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def open_binary(place: Place) -> IO[bytes]:
    """Open a path or fsspec URL for reading; the result can seek.

    Raises:
        VsdaError: No such file, or a pipe or device, which would keep us waiting or never end.
    """
    filesystem, path = filesystem_of(place)
    with remote_errors(place, READ):
        if isinstance(filesystem, LocalFileSystem) and _is_special(path):
            raise VsdaError(f"{place}: not a regular file")
        return cast("IO[bytes]", filesystem.open(path, "rb"))


def read_bytes(place: Place, most: int | None = None) -> bytes:
    """Return the content of a path or fsspec URL.

    Raises:
        VsdaError: It cannot be read, or has more than `most` bytes.
    """
    with open_binary(place) as file, remote_errors(place, READ):
        data = file.read() if most is None else file.read(most + 1)
    if most is not None and len(data) > most:
        raise VsdaError(f"{place}: more than {most} bytes, which no such file has")
    return data


def read_blocks(place: Place) -> Iterator[bytes]:
    """Yield the content of a path or URL piece by piece."""
    with open_binary(place) as file:
        while True:
            with remote_errors(place, READ):
                block = file.read(BLOCK_BYTES)
            if not block:
                return
            yield block


class RangeReader:
    """Reads pieces of one file at a path or fsspec URL; any number of threads may share it.

    A local file is one `pread` per piece, without a seek position that threads could fight over.
    """

    def __init__(self, place: Place) -> None:
        self._handle: int | None = None
        self._place = place
        self._filesystem, self._path = filesystem_of(place)
        if isinstance(self._filesystem, LocalFileSystem):
            with remote_errors(place, READ):
                self._handle = os.open(self._path, os.O_RDONLY)

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`, fewer where the file ends before."""
        if self._handle is not None:
            return os.pread(self._handle, size, offset)
        if size == 0:  # no range says "nothing": S3 would answer with the whole file
            return b""
        with remote_errors(self._place, READ):
            piece = self._filesystem.cat_file(self._path, start=offset, end=offset + size)
        return cast("bytes", piece)

    def __del__(self) -> None:
        """Close the file, so that dropping the reader is enough."""
        if self._handle is not None:
            os.close(self._handle)


def exists(place: Place) -> bool:
    """Return whether there is something at a path or URL."""
    return _info(place) is not None


def file_size(place: Place) -> int | None:
    """Return the size of the file at a path or URL in bytes, None where there is none.

    Raises:
        VsdaError: Its server does not tell.
    """
    info = _info(place)
    if info is None:
        return None
    return known_size(place, info["size"])


def known_size(place: Place, size: int | None) -> int:
    """Return the size of a file in bytes that its file system tells.

    Raises:
        VsdaError: It is None.
    """
    if size is None:
        raise VsdaError(f"{place}: its server does not tell its size; copy it to this machine")
    return size


def modified_ns(place: Place) -> int | None:
    """Return when a file was last written, in ns since 1970; None where there is none.

    A URL has the clock of its server, and S3 cuts to whole seconds. A file system that does not
    tell gives 0, so that such a file counts as older than any other.
    """
    path = local_path(place)
    if path is not None:
        return path.stat().st_mtime_ns if path.exists() else None
    if not exists(place):
        return None
    filesystem, inner = filesystem_of(place)
    try:
        with remote_errors(place, READ):
            return int(filesystem.modified(inner).timestamp() * 1e9)
    except VsdaError as error:
        if isinstance(error.__cause__, NotImplementedError):
            return 0
        raise


def list_names(folder: Place, suffix: str = "") -> list[str]:
    """Return the names of what lies in a folder or URL and ends in `suffix`, sorted.

    A folder that is missing holds nothing.
    """
    filesystem, path = filesystem_of(folder)
    with remote_errors(folder, LISTED):
        if not filesystem.isdir(path):
            return []
        found = [str(place).rstrip("/") for place in filesystem.ls(path, detail=False)]
    names = (place.rpartition("/")[2] for place in found if place.endswith(suffix))
    return sorted(name for name in names if name)


def list_files(folder: Place, suffix: str) -> list[str]:
    """Return the places of what lies in a folder or URL and ends in `suffix`, sorted."""
    return [join(folder, name) for name in list_names(folder, suffix)]


def _is_special(path: str) -> bool:
    mode = Path(path).stat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _info(place: Place) -> dict[str, Any] | None:
    """Return what the file system knows of a file, None where there is no such file.

    fsspec says "not found" for a server that cannot be reached, too; its cause tells them apart.
    """
    filesystem, path = filesystem_of(place)
    try:
        with remote_errors(place, READ):
            return cast("dict[str, Any]", filesystem.info(path))
    except VsdaError as error:
        absence = error.__cause__
        if not isinstance(absence, FileNotFoundError):
            raise
        if not says_absent(absence):
            raise remote_error(place, "cannot be reached", absence) from absence
        return None
