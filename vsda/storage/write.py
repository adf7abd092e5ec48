"""Files with a final name are complete, on this machine and on fsspec URLs.

On this machine a file is written beside its name, flushed to disk, then renamed. For a URL it is
made in a temporary file of this machine (`TMPDIR` says where) and sent when it is complete: an
object store shows an object only when it has all of it; elsewhere it is sent under another name and
then renamed. Each writer has a part name of its own, `<name>.<16 hex digits>.part`, so two that
write one file both leave it whole, also from two machines: the later one wins. A process that is
killed leaves its part; who knows that nobody else writes there deletes it, see `PART_ENDING`.

An upload that is killed leaves nothing that a reader could see. S3 keeps, and bills, the pieces of
it until a lifecycle rule of the bucket (AbortIncompleteMultipartUpload) deletes them.
"""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from fsspec.spec import AbstractFileSystem

from vsda.errors import FULL_DISK, VsdaError
from vsda.storage.places import Place, filesystem_of, is_object_store, local_path
from vsda.storage.remote import WRITTEN, remote_error, remote_errors

PART_SUFFIX = ".part"
PART_ENDING = rf"(\.[0-9a-f]{{16}})?{re.escape(PART_SUFFIX)}"
"""What follows the name of a file in the names of its parts, as a regular expression."""
_UPLOAD_OPTIONS = {"s3": {"chunksize": 16 << 20, "max_concurrency": 4}}
"""What to give to `put_file` so that it holds 64 MiB in memory at most; s3fs would take 500."""


@contextmanager
def atomic_file(place: Place) -> Iterator[IO[bytes]]:
    """Yield a binary file that gets the name `place` only if the block ends without an error.

    Its own `name` is a path of this machine, where what is written can be read after a flush.

    Raises:
        VsdaError: The disk is full, or the server of a URL does not take the file.
    """
    path = local_path(place)
    with _sent_file(str(place)) if path is None else _renamed_file(path) as file:
        yield file


def write_atomic(place: Place, data: bytes) -> None:
    """Write `data` to `place` so that a reader sees the old file or the new one, never half."""
    path = local_path(place)
    if path is None:
        _send(str(place), lambda filesystem, inner: filesystem.pipe_file(inner, data))
        return
    with _renamed_file(path) as file:
        file.write(data)


def copy_there(path: Path, place: Place) -> None:
    """Copy a file of this machine to `place`, which gets its name when it is complete."""
    target = local_path(place)
    if target is None:
        send_file(path, str(place))
        return
    with path.open("rb") as source, _renamed_file(target) as file:
        shutil.copyfileobj(source, file, 1 << 20)


def send_file(path: Path, url: str) -> None:
    """Upload a file of this machine in pieces, in bounded memory.

    Raises:
        VsdaError: The server does not take it; its library has tried several times.
    """
    _send(url, lambda filesystem, inner: _put(filesystem, path, inner))


def sync_dir(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _renamed_file(path: Path) -> Iterator[IO[bytes]]:
    part = Path(_part_name(str(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise VsdaError(f"{path}: {error.strerror}; free some space and run again") from error
        raise
    sync_dir(path.parent)


@contextmanager
def _sent_file(url: str) -> Iterator[IO[bytes]]:
    try:
        with _scratch_file() as file:
            yield file
            file.flush()
            send_file(Path(file.name), url)
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise VsdaError(
            f"{url}: {tempfile.gettempdir()}: {error.strerror}, where the file is made before it "
            "is sent; free some space there, or set TMPDIR to a folder that has it"
        ) from error


@contextmanager
def _scratch_file() -> Iterator[IO[bytes]]:
    """Yield an empty temporary file which, on Linux, not even a killed process leaves behind."""
    with tempfile.TemporaryFile() as held:
        nameless = Path(f"/proc/self/fd/{held.fileno()}")
        if nameless.exists():
            with nameless.open("wb") as file:
                yield file
            return
    with tempfile.NamedTemporaryFile(prefix="vsda-") as file:
        yield file


def _send(url: str, put: Callable[[Any, str], None]) -> None:
    """Let `put` write a whole file, under another name first where readers could see half."""
    filesystem, path = filesystem_of(url)
    with remote_errors(url, WRITTEN):
        _refuse_read_only(filesystem, url)
        if is_object_store(filesystem):
            put(filesystem, path)
            return
        with renamed_there(filesystem, path) as part:
            put(filesystem, part)


def _put(filesystem: Any, path: Path, inner: str) -> None:
    protocols = filesystem.protocol
    name = protocols if isinstance(protocols, str) else protocols[0]
    filesystem.put_file(str(path), inner, **_UPLOAD_OPTIONS.get(name, {}))


@contextmanager
def renamed_there(filesystem: Any, path: str) -> Iterator[str]:
    """Yield the name under which to make a file that is called `path` after the block."""
    part = _part_name(path)
    filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
    try:
        yield part
        _rename(filesystem, part, path)
    except BaseException:
        with suppress(OSError):  # the server may be gone; the first error is the one to tell
            filesystem.rm_file(part)
        raise


def _part_name(path: str) -> str:
    return f"{path}.{secrets.token_hex(8)}{PART_SUFFIX}"


def _rename(filesystem: Any, source: str, target: str) -> None:
    """Give a file another name; some servers do that only where the new name is free."""
    if type(filesystem).mv is AbstractFileSystem.mv:  # which would take [ ] * ? for a pattern
        filesystem.cp_file(source, target)
        filesystem.rm_file(source)
        return
    try:
        filesystem.mv(source, target)
    except OSError:
        if not (filesystem.exists(target) and filesystem.exists(source)):
            raise
        filesystem.rm_file(target)
        filesystem.mv(source, target)


def _refuse_read_only(filesystem: Any, url: str) -> None:
    """Refuse a web server, since its file system would send each file to it as a form."""
    if type(filesystem).__name__ == "HTTPFileSystem":
        error = ValueError("a web server takes no files; give a folder or s3://BUCKET/DIR")
        raise remote_error(url, WRITTEN, error)
