"""Moving, copying and removing files and folders at paths and fsspec URLs."""

import os
import shutil
from pathlib import Path
from typing import Any

from vsda.errors import VsdaError
from vsda.storage.places import Place, filesystem_of, is_object_store, local_path
from vsda.storage.read import BLOCK_BYTES, exists, file_size, read_blocks
from vsda.storage.remote import READ, REMOVED, WRITTEN, remote_errors
from vsda.storage.write import atomic_file, renamed_there


def remove(place: Place, *, missing_ok: bool = True) -> None:
    """Delete one file.

    Raises:
        FileNotFoundError: There is none, and `missing_ok` is false.
        VsdaError: The server of a URL refuses.
    """
    path = local_path(place)
    if path is not None:
        path.unlink(missing_ok=missing_ok)
        return
    if not exists(place):
        if missing_ok:
            return
        raise FileNotFoundError(str(place))
    filesystem, inner = filesystem_of(place)
    with remote_errors(place, REMOVED):
        filesystem.rm_file(inner)


def move(source: Place, target: Place) -> None:
    """Give a file another name in the same file system, in place of what has that name.

    On this machine that is one step. In an object store it is a copy on the server and a deletion:
    the target appears whole, and a process that is killed between the two leaves both.
    """
    old, new = local_path(source), local_path(target)
    if old is not None and new is not None:
        old.replace(new)
        return
    copy(source, target)
    remove(source)


def copy(source: Place, target: Place) -> None:
    """Copy a file inside one file system; in an object store the bytes stay on the server.

    Raises:
        ValueError: The places lie in different file systems; see `copy_here` and `copy_there`.
        VsdaError: No such file, or the server refuses.
    """
    old, new = local_path(source), local_path(target)
    if old is not None and new is not None:
        with old.open("rb") as file, atomic_file(new) as copied:
            shutil.copyfileobj(file, copied, BLOCK_BYTES)
        return
    filesystem, inner = filesystem_of(source)
    other, target_inner = filesystem_of(target)
    if filesystem is not other:
        raise ValueError(f"{source} and {target} lie in different file systems")
    with remote_errors(target, WRITTEN):
        if is_object_store(filesystem):
            filesystem.cp_file(inner, target_inner)
            return
        with renamed_there(filesystem, target_inner) as part:
            filesystem.cp_file(inner, part)


def copy_here(place: Place, path: Path) -> int:
    """Copy the file at `place` to a path of this machine, whole or not at all; return its bytes.

    Raises:
        VsdaError: No such file, its server cannot be reached, or fewer bytes came than it said.
    """
    size_bytes = file_size(place)
    if size_bytes is None:
        raise VsdaError(f"{place}: {READ}: there is no such file")
    with atomic_file(path) as file:
        for block in read_blocks(place):
            file.write(block)
        if file.tell() != size_bytes:
            raise VsdaError(
                f"{place}: {file.tell()} bytes came, its server says {size_bytes}; run again"
            )
    return size_bytes


def remove_tree(folder: Place) -> None:
    """Delete a folder and all that lies in it, if it is there.

    Raises:
        ValueError: The place is a whole bucket or file system.
        VsdaError: The server of a URL refuses, or keeps some of the files.
    """
    path = local_path(folder)
    if path is not None:
        if path.exists():
            shutil.rmtree(path)
        return
    filesystem, inner = filesystem_of(folder)
    if not inner.strip("/").rpartition("/")[0]:
        raise ValueError(f"{folder}: a whole bucket is never removed")
    with remote_errors(folder, REMOVED):
        if not filesystem.exists(inner):
            return
        _remove_below(filesystem, inner)
        left = filesystem.find(inner)  # s3fs says nothing of objects that S3 did not delete
    if left:
        raise VsdaError(f"{folder}: {REMOVED}: {os.fspath(left[0])} stays; check your rights")


def _remove_below(filesystem: Any, inner: str) -> None:
    if not set("*?[") & set(inner):
        filesystem.rm(inner, recursive=True)
        return
    for folder, _, names in filesystem.walk(inner, topdown=False):  # `rm` would match patterns
        for name in names:
            filesystem.rm_file(f"{folder}/{name}")
        if not is_object_store(filesystem):
            filesystem.rmdir(folder)
