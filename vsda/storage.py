"""Files with a final name are complete: written beside it, flushed to disk, then renamed.

Reading goes through fsspec, so that a folder may also be a URL.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import fsspec

from vsda.errors import VsdaError

PART_SUFFIX = ".part"
_BLOCK_BYTES = 1 << 20


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that gets the name `path` only if the block ends without an error."""
    part = path.with_name(path.name + PART_SUFFIX)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
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
    digest = hashlib.sha256()
    with open_binary(place) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def open_binary(place: str | Path) -> IO[bytes]:
    """Open a path or fsspec URL for reading; the result can seek."""
    return cast("IO[bytes]", fsspec.open(str(place), "rb").open())


def read_bytes(place: str | Path) -> bytes:
    """Return the content of a path or fsspec URL."""
    with open_binary(place) as file:
        return file.read()


def file_size(place: str | Path) -> int | None:
    """Return the size of the file at a path or URL in bytes, None where there is none."""
    filesystem, path = fsspec.core.url_to_fs(str(place))
    try:
        return cast("int | None", filesystem.info(path)["size"])
    except FileNotFoundError:
        return None


def list_files(folder: str | Path, suffix: str) -> list[str]:
    """Return the full names of the files in a folder or URL that end in `suffix`, sorted."""
    filesystem, path = fsspec.core.url_to_fs(str(folder))
    if not filesystem.isdir(path):
        return []
    names = filesystem.ls(path, detail=False)
    return sorted(
        filesystem.unstrip_protocol(name) if "://" in str(folder) else str(name)
        for name in names
        if str(name).endswith(suffix)
    )


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
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise VsdaError(
                f"{path}: another process is writing here; wait for it, or choose another --out"
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
