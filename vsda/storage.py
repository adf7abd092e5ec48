"""Files with a final name are complete: written beside it, flushed to disk, then renamed.

Reading goes through fsspec, so that a folder may also be a URL.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from vsda.errors import VsdaError

PART_SUFFIX = ".part"
_BLOCK_BYTES = 1 << 20
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that gets the name `path` only if the block ends without an error.

    Raises:
        VsdaError: The disk is full.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            raise VsdaError(f"{path}: {error.strerror}; free some space and run again") from error
        raise
    sync_dir(path.parent)


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never half."""
    with atomic_file(path) as file:
        file.write(data)


def sync_dir(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_file(place: str | Path) -> str:
    """Return the SHA-256 of the file at a path or URL, in hexadecimal."""
    with open_binary(place) as file:
        return sha256_rest(file)


def sha256_rest(file: IO[bytes]) -> str:
    """Return the SHA-256 of `file` from its present position on, in hexadecimal."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def open_binary(place: str | Path) -> IO[bytes]:
    """Open a path or fsspec URL for reading; the result can seek."""
    filesystem, path = _filesystem(place)
    try:
        return cast("IO[bytes]", filesystem.open(path, "rb"))
    except (OSError, ValueError) as error:
        raise VsdaError(f"{place}: cannot be read: {error}") from error


def read_bytes(place: str | Path) -> bytes:
    """Return the content of a path or fsspec URL."""
    with open_binary(place) as file:
        return file.read()


class RangeReader:
    """Reads pieces of one file at a path or fsspec URL; any number of threads may share it.

    A local file is one `pread` per piece, without a seek position that threads could fight over.
    """

    def __init__(self, place: str | Path) -> None:
        self._handle: int | None = None
        self._filesystem, self._path = _filesystem(place)
        if isinstance(self._filesystem, LocalFileSystem):
            try:
                self._handle = os.open(self._path, os.O_RDONLY)
            except OSError as error:
                raise VsdaError(f"{place}: cannot be read: {error}") from error

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`, fewer where the file ends before."""
        if self._handle is not None:
            return os.pread(self._handle, size, offset)
        piece = self._filesystem.cat_file(self._path, start=offset, end=offset + size)
        return cast("bytes", piece)

    def __del__(self) -> None:
        """Close the file, so that dropping the reader is enough."""
        if self._handle is not None:
            os.close(self._handle)


def exists(place: str | Path) -> bool:
    """Return whether there is something at a path or URL."""
    return _info(place) is not None


def file_size(place: str | Path) -> int | None:
    """Return the size of the file at a path or URL in bytes, None where there is none.

    Raises:
        VsdaError: Its server does not tell.
    """
    info = _info(place)
    if info is None:
        return None
    if info["size"] is None:
        raise VsdaError(f"{place}: its server does not tell its size; copy it to this machine")
    return cast("int", info["size"])


def list_files(folder: str | Path, suffix: str) -> list[str]:
    """Return the places of the files in a folder or URL that end in `suffix`, sorted."""
    filesystem, path = _filesystem(folder)
    if not filesystem.isdir(path):
        return []
    try:
        found = [str(place) for place in filesystem.ls(path, detail=False)]
    except OSError as error:
        raise VsdaError(f"{folder}: cannot be listed: {error}") from error
    names = sorted(place.rpartition("/")[2] for place in found if place.endswith(suffix))
    return [join(folder, name) for name in names if name]


def is_local(place: str | Path) -> bool:
    """Return whether a path or URL names a file of this machine."""
    return isinstance(_filesystem(place)[0], LocalFileSystem)


def join(folder: str | Path, name: str) -> str:
    """Return the place of `name` inside a folder or URL."""
    return f"{str(folder).rstrip('/')}/{name}"


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; a second writer gets an error instead of a race.

    Raises:
        VsdaError: Another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _lock(path)
    while file is None:
        file = _lock(path)
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _lock(path: Path) -> IO[str] | None:
    """Return the locked file `path`, None where its holder removed it while it was opened."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise VsdaError(
            f"{path}: another process is writing here; wait for it, or choose another --out"
        ) from None
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    file.close()
    return None


def _filesystem(place: str | Path) -> tuple[Any, str]:
    """Return the fsspec file system of a path or URL and the path inside it."""
    try:
        return cast("tuple[Any, str]", url_to_fs(str(place)))
    except (ImportError, ValueError, OSError) as error:
        raise VsdaError(f"{place}: this kind of place cannot be opened: {error}") from error


def _info(place: str | Path) -> dict[str, Any] | None:
    """Return what the file system knows of a file, None where there is no such file.

    fsspec says "not found" for a server that cannot be reached, too; its cause tells them apart.
    """
    filesystem, path = _filesystem(place)
    try:
        return cast("dict[str, Any]", filesystem.info(path))
    except FileNotFoundError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            raise VsdaError(f"{place}: cannot be reached: {cause}") from error
        return None
    except (OSError, ValueError) as error:  # ValueError: an address its file system cannot take
        raise VsdaError(f"{place}: cannot be read: {error}") from error
