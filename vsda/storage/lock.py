"""One writer at a time: a lock on this machine, a lease on a URL."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vsda.errors import VsdaError
from vsda.storage.lease import leased
from vsda.storage.places import Place, local_path

_POLL_S = 0.02


@contextmanager
def exclusive(place: Place, *, wait_s: float = 0.0) -> Iterator[Callable[[], None]]:
    """Hold the lock file `place`; a second writer gets an error instead of a race.

    Args:
        place: Path or URL.
        wait_s: How long to wait for another process, on this machine only.

    Yields:
        A function that raises where the lock was lost, to call before a step that cannot be undone.
        Only a lock on a URL is lost, by a process that gave no sign of life for two minutes.

    Raises:
        VsdaError: Another process holds the lock, or the server of a URL cannot be reached.
    """
    path = local_path(place)
    if path is None:
        with leased(str(place)) as lease:
            yield lease.check
        return
    with _locked(path, time.monotonic() + wait_s):
        yield _never_lost


@contextmanager
def _locked(path: Path, until: float) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _lock(path, until)
    while file is None:
        file = _lock(path, until)
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _never_lost() -> None:
    """A lock of this machine is held until its process ends."""


def _lock(path: Path, until: float) -> IO[str] | None:
    """Return the locked file `path`, None where it is worth another try.

    That is where its holder removed it while it was opened, or it is not yet `until`.
    """
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        if time.monotonic() < until:
            time.sleep(_POLL_S)
            return None
        raise VsdaError(
            f"{path}: another process is writing here; wait for it, or choose another --out"
        ) from None
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    file.close()
    return None
