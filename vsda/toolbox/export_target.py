"""Where an export goes: a folder that appears whole, or a URL whose marker says when it is.

On this machine all files are made in a hidden folder beside the target, which gets the name at the
end. A URL has no such step: there the files come first, then the lists that name them, and last the
marker says `"complete": true`.

Nothing is replaced but what an export made, and that only with `overwrite`.
"""

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vsda.errors import ShardError, UsageError
from vsda.storage import (
    Place,
    atomic_file,
    exclusive,
    join,
    list_names,
    local_path,
    remove_tree,
    sync_dir,
    write_atomic,
)
from vsda.toolbox.export_marker import MARKER, NameSum, check_free, was_interrupted

_STAGING, _OLD, _LOCK = ".export.part", ".export.old", ".export.lock"
_NUM_UPLOADS = 8


class Target(ABC):
    """The files of one export, by their paths below its root."""

    def __init__(self, root: Place, description: Mapping[str, Any]) -> None:
        self._root = root
        self._description = dict(description)
        self._tops: set[str] = set()
        self._names = NameSum()
        self.num_files = 0

    def write(self, name: str, data: bytes) -> None:
        """Write a file.

        Raises:
            ShardError: The export already has a file of this name.
        """
        self.write_pieces(name, [data])

    @abstractmethod
    def write_pieces(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a file piece by piece; see `write`."""

    @abstractmethod
    def flush(self) -> None:
        """Wait until all files so far are there, so that a list may name them."""

    def _count(self, name: str) -> bool:
        """Count the file `name`; return whether it is the first of its top folder."""
        top = name.partition("/")[0]
        is_new = top not in self._tops
        self._tops.add(top)
        self._names.add(name)
        self.num_files += 1
        return is_new

    def _marker(self, *, complete: bool) -> bytes:
        facts = {"complete": complete, "holds": sorted(self._tops)}
        if complete:
            facts |= {"files": self.num_files, "names_sha256": self._names.text}
        return json.dumps(self._description | facts, sort_keys=True, indent=2).encode() + b"\n"


class _LocalTarget(Target):
    """A folder that nobody else knows yet."""

    def write_pieces(self, name: str, pieces: Iterable[bytes]) -> None:
        path = Path(self._root) / name
        self._count(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:  # never through a link, never over another file
                file.writelines(pieces)
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise _twice(name) from error

    def flush(self) -> None:
        """Do nothing: a file is there as soon as it is written."""

    def finish(self) -> None:
        """Write the marker and bring everything to the disk."""
        (Path(self._root) / MARKER).write_bytes(self._marker(complete=True))
        os.sync()  # one call, where a flush per file would take longer than writing them


class _RemoteTarget(Target):
    """A folder on a URL; some files are sent at a time."""

    def __init__(
        self, root: Place, description: Mapping[str, Any], pool: ThreadPoolExecutor
    ) -> None:
        super().__init__(root, description)
        self._pool = pool
        self._announced: set[str] = set()
        self._sending: deque[Future[None]] = deque()

    def write(self, name: str, data: bytes) -> None:
        self._announce(name)
        while len(self._sending) >= 2 * _NUM_UPLOADS:
            self._sending.popleft().result()
        self._sending.append(self._pool.submit(write_atomic, join(self._root, name), data))

    def write_pieces(self, name: str, pieces: Iterable[bytes]) -> None:
        self._announce(name)
        with atomic_file(join(self._root, name)) as file:
            file.writelines(pieces)

    def flush(self) -> None:
        while self._sending:
            self._sending.popleft().result()

    def start(self) -> None:
        """Write the marker by which a later run knows whose files lie here."""
        write_atomic(join(self._root, MARKER), self._marker(complete=False))

    def finish(self) -> None:
        """Say that everything is there, after a flush."""
        write_atomic(join(self._root, MARKER), self._marker(complete=True))

    def _announce(self, name: str) -> None:
        if name in self._announced:
            raise _twice(name)
        self._announced.add(name)
        if self._count(name):
            self.start()


@contextmanager
def open_target(
    out: Place, description: Mapping[str, Any], *, overwrite: bool = False
) -> Iterator[Target]:
    """Yield where to write the files of an export, which is complete after the block.

    Args:
        out: Folder or URL; missing, empty, or an export that may be replaced.
        description: What is exported, as JSON values; goes into the marker.
        overwrite: Replace an older export.

    Raises:
        UsageError: `out` holds what is not to be replaced, or has no name of its own.
        VsdaError: Another process exports to the same place.
    """
    path = local_path(out)
    if path is None:
        with _on_url(str(out).rstrip("/"), description, overwrite) as remote:
            yield remote
    else:
        with _on_this_machine(Path(os.path.realpath(path)), description, overwrite) as local:
            yield local


@contextmanager
def _on_this_machine(
    out: Path, description: Mapping[str, Any], overwrite: bool
) -> Iterator[Target]:
    if not out.name:
        raise UsageError(f"--out {out}: is no folder that an export could become; name another")
    with exclusive(_beside(out, _LOCK)):
        _go_back(out)
        check_free(out, overwrite)
        part = _beside(out, _STAGING)
        _clear(part)
        part.mkdir()
        try:
            target = _LocalTarget(part, description)
            yield target
            target.finish()
            _swap(part, out)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _swap(part: Path, out: Path) -> None:
    """Give `part` the name `out`; what was there stays until its successor is in place."""
    old = _beside(out, _OLD)
    if out.exists():
        out.replace(old)
    part.replace(out)
    sync_dir(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def _go_back(out: Path) -> None:
    """Undo the step of a run that was killed while it swapped the old export for the new one."""
    old = _beside(out, _OLD)
    if not old.is_dir() or old.is_symlink():
        return
    if out.exists():
        shutil.rmtree(old)
    else:
        old.replace(out)


def _clear(part: Path) -> None:
    if part.is_symlink() or part.is_file():
        raise UsageError(f"{part}: is in the way of an export; remove it")
    if part.exists():
        shutil.rmtree(part)


def _beside(out: Path, suffix: str) -> Path:
    return out.with_name(f".{out.name}{suffix}")


@contextmanager
def _on_url(out: str, description: Mapping[str, Any], overwrite: bool) -> Iterator[Target]:
    folder, _, name = out.rpartition("/")
    if not name or folder.endswith("/"):
        raise UsageError(f"--out {out}: is a whole bucket; name a folder in it")
    with exclusive(join(folder, f".{name}{_LOCK}")) as check_lock:
        check_free(out, overwrite or was_interrupted(out, description))
        check_lock()
        with ThreadPoolExecutor(_NUM_UPLOADS) as pool:
            target = _RemoteTarget(out, description, pool)
            target.start()
            _remove_old(out)
            yield target
            target.flush()
            check_lock()
            target.finish()


def _remove_old(out: str) -> None:
    """Delete an older export but for the marker, which says to the end whose files these are."""
    for name in list_names(out):
        if name != MARKER:
            remove_tree(join(out, name))


def _twice(name: str) -> ShardError:
    return ShardError(
        f"two files of the export would be {name}; export the sets, or these sequences, into "
        "folders of their own"
    )
