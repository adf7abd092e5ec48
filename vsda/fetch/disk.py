"""Room on the disk: asked for before it is needed, and what happens when it ends all the same."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsda.errors import FULL_DISK
from vsda.fetch.http_errors import DiskFullError


def free_bytes(path: Path) -> int:
    """Return how many bytes fit on the disk of `path`, or of the folder where it will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def check_space(path: Path, needed_bytes: int) -> None:
    """Raise DiskFullError if `needed_bytes` more do not fit on the disk of `path`."""
    free = free_bytes(path)
    if needed_bytes > free:
        raise DiskFullError(
            f"{path}: {needed_bytes / 1e6:.1f} MB more are needed and the disk has "
            f"{free / 1e6:.1f} MB left; free some space and run again"
        )


@contextmanager
def full_disk_stops(path: Path) -> Iterator[None]:
    """Turn the system's error about a full disk in this block into a DiskFullError."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise DiskFullError(
            f"{path}: {error.strerror}; what came is kept: free some space and run again"
        ) from error
