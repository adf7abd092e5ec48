"""A folder that keeps pieces of remote files, bounded in bytes, for all processes of a machine.

Nothing is started, nothing stays open: a piece is a file that is renamed when it is whole, with a
hash before its bytes. Reading takes no lock. Writing locks one of 16 bins, whose counter goes up
before the file appears, so a bin never has more bytes than its counter says, whoever is killed
when; a counter that says too much, or nothing, is put right when the bin seems full.

The cache is never in the way: what cannot be kept is read from its server again.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache as once
from pathlib import Path

from vsda.errors import UsageError, VsdaError

SPARE_BYTES = 2 << 30
"""What is left free on the disk, for checkpoints and whoever else writes there."""
_NUM_BINS = 16
_KEPT = 0.9
"""The share of a full bin that stays when room is made, so that it is not made for each piece."""
_BLOCK_BYTES = 4096
_HASH_BYTES = 32
_LOCK_S = 2.0
_COUNTER, _PART = ".bytes", ".part"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cache:
    """Pieces of remote files on the disk of this machine, by name; the least recently used go.

    It is a value: it pickles, and any number of processes, threads and runs may use one folder.

    Attributes:
        folder: Where they lie.
        max_bytes: How much of the disk they take at most.
        share: The share of all names that is kept, see `for_data`.
    """

    folder: Path
    max_bytes: int
    share: float = 1.0

    def for_data(self, num_bytes: int) -> "Cache":
        """Return the cache for a run that reads `num_bytes` again and again, in random orders.

        Of data that does not fit, each piece would be thrown away before it is wanted again. So of
        that only as large a share is kept as fits, always the same one.
        """
        return replace(self, share=min(1.0, _KEPT * self.max_bytes / max(num_bytes, 1)))

    def check(self) -> None:
        """Check that the folder can be written, and make it.

        Raises:
            VsdaError: It cannot.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".{os.getpid()}{_PART}"
            with _locked(probe):
                probe.unlink()
        except OSError as error:
            raise VsdaError(
                f"{self.folder}: cannot keep what is read from URLs: {error.strerror or error}; "
                "choose another folder with --cache, or go without with --cache-gib 0"
            ) from error

    def takes(self, name: str) -> bool:
        """Return whether the piece `name` is one of the share that is kept."""
        return self._place(name)[1] < self.share

    def holds(self, name: str) -> bool:
        """Return whether there is a piece `name`."""
        return self._place(name)[0].exists()

    def get(self, name: str) -> bytes | None:
        """Return the piece `name`, None where there is none or it was damaged."""
        path, _ = self._place(name)
        try:
            with path.open("rb", buffering=0) as file:
                digest, found = file.read(_HASH_BYTES), file.readall()
        except FileNotFoundError:
            return None
        except OSError as error:
            _tell(self.folder, "read from", error.strerror)
            return None
        if digest != _hash(name, found):
            logger.warning("%s: was damaged; it is read from its server again", path)
            path.unlink(missing_ok=True)
            return None
        _mark_used(path)
        return found

    def put(self, name: str, data: bytes) -> None:
        """Keep the piece `name`, if it can be kept."""
        try:
            self._put(self._place(name)[0], _hash(name, data) + data)
        except OSError as error:
            _tell(self.folder, "written to", error.strerror or str(error))

    def _put(self, path: Path, stored: bytes) -> None:
        needed, most = _disk_bytes(len(stored)), self.max_bytes // _NUM_BINS
        if needed > most:
            return
        folder = path.parent
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / _COUNTER) as counter:
            if path.exists():
                return
            used = _count(counter)
            if used is None or used + needed > most:
                used = _make_room(folder, most - needed)
            if shutil.disk_usage(folder).free < SPARE_BYTES + needed:
                raise OSError(None, f"less than {SPARE_BYTES >> 20} MiB are free on its disk")
            _set_count(counter, used + needed)
            try:
                part = folder / _PART  # one at a time: the lock is held
                part.write_bytes(stored)
                part.replace(path)
            except OSError:
                part.unlink(missing_ok=True)
                _set_count(counter, used)
                raise

    def _place(self, name: str) -> tuple[Path, float]:
        """Return the file of a piece and a number in [0, 1) that its name alone decides."""
        drawn = hashlib.blake2b(name.encode(), digest_size=8).digest()
        lot = int.from_bytes(drawn[1:]) / (1 << 56)
        return self.folder / f"{drawn[0] % _NUM_BINS:02d}" / name, lot


def cache_of(folder: str | Path, gib: float) -> Cache | None:
    """Return the cache in a folder of this machine; None for 0 GiB, which is none.

    Raises:
        UsageError: The folder is a URL, or the size is negative or no number.
    """
    if "://" in str(folder):
        raise UsageError(f"--cache {folder}: expected a folder of this machine, got a URL")
    if not 0 <= gib < float("inf"):
        raise UsageError(f"--cache-gib {gib}: expected a size in GiB, or 0 for no cache")
    return Cache(Path(folder), int(gib * (1 << 30))) if gib else None


def _hash(name: str, data: bytes) -> bytes:
    digest = hashlib.sha256(name.encode())
    digest.update(data)
    return digest.digest()


def _disk_bytes(size: int) -> int:
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _mark_used(path: Path) -> None:
    """Set a file's time to now, which says how recently it was used."""
    try:
        os.utime(path)
    except OSError:  # evicted in between, or another user's: it stays as old as it is
        return


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Yield the open file `path`, which no other thread or process has locked."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _lock(handle, path)
        try:
            yield handle
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # a child that was forked meanwhile has it open
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    until = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:  # its holder was stopped, not ended
                raise TimeoutError(None, f"{path} stays locked") from None
            time.sleep(0.001)


def _count(counter: int) -> int | None:
    """Return what a bin's counter says in bytes; None for a new or damaged one."""
    text = os.pread(counter, 32, 0)
    return int(text) if text.isdigit() else None


def _set_count(counter: int, num_bytes: int) -> None:
    os.pwrite(counter, b"%020d" % num_bytes, 0)


def _make_room(folder: Path, most: int) -> int:
    """Delete what was not used for longest until a bin has at most `most` bytes; return them."""
    with os.scandir(folder) as entries:
        files = [(entry.stat(), entry.path) for entry in entries if not entry.name.startswith(".")]
    files.sort(key=lambda file: file[0].st_mtime_ns)
    used = sum(_disk_bytes(stat.st_size) for stat, _ in files)
    kept = used if used <= most else int(most * _KEPT)
    for stat, path in files:
        if used <= kept:
            break
        Path(path).unlink(missing_ok=True)
        used -= _disk_bytes(stat.st_size)
    return used


@once
def _tell(folder: Path, done: str, reason: str) -> None:
    """Say once in a process why the cache does not work."""
    logger.warning(
        "%s: the cache cannot be %s: %s; what is missing there is read from its server each time",
        folder,
        done,
        reason,
    )
