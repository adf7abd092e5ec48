"""A lease: a file on a URL that says who writes there, and dies with its holder.

The holder writes it again every `REFRESH_S`. One that was not written for `STALE_S`, or whose
process was on this machine and is dead, is taken over. Ages are measured with the server's clock
alone. S3, Google Cloud Storage and fsspec's memory create a file for one of two writers only; on
other file systems two that start in the same moment may both go on, and a warning says so.
"""

import json
import logging
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from vsda.errors import VsdaError
from vsda.storage.places import creates_exclusively, filesystem_of
from vsda.storage.read import exists, modified_ns, read_bytes
from vsda.storage.remote import WRITTEN, remote_errors
from vsda.storage.tree import remove
from vsda.storage.write import write_atomic

logger = logging.getLogger(__name__)

REFRESH_S = 20.0
STALE_S = 120.0
_SETTLE_S = 1.0
"""Of two that take over one lease, the later wins; so long the earlier waits for a later one."""


def _machine() -> str:
    """Return what no two machines or containers share, as far as this one can tell."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    processes = Path("/proc/self/ns/pid")
    try:
        return f"{socket.gethostname()} {boot.read_text().strip()} {processes.readlink()}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode():x}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Who holds a lease; `machine` tells containers of one host name apart."""

    host: str
    machine: str
    pid: int
    since: str
    token: str

    @classmethod
    def this_process(cls) -> "Holder":
        """Return a holder that no other is equal to."""
        return cls(
            host=socket.gethostname(),
            machine=_machine(),
            pid=os.getpid(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            token=secrets.token_hex(16),
        )

    def to_json(self) -> bytes:
        """Return the content of the lease."""
        return json.dumps(asdict(self)).encode()

    def is_dead(self) -> bool:
        """Return whether it was a process of this machine that has ended."""
        if self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False


class Lease:
    """A lease that this process holds and keeps alive."""

    def __init__(self, url: str, holder: Holder) -> None:
        self._url, self._holder = url, holder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name=f"lease {url}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Make sure that nobody has taken the lease over, before a step that cannot be undone.

        Raises:
            VsdaError: Somebody has, because this process was asleep or cut off for long.
        """
        holder = _read(self._url)
        if holder is None or holder.token != self._holder.token:
            who = "somebody" if holder is None else _name(holder)
            raise VsdaError(
                f"{self._url}: {who} has taken over, since this process gave no sign of life for "
                f"{STALE_S:g} s; run again when the other is done"
            )

    def end(self) -> None:
        """Stop refreshing, and remove the lease if it is ours."""
        self._ended.set()
        self._thread.join()
        holder = _read(self._url)
        if holder is not None and holder.token == self._holder.token:
            remove(self._url)

    def _refresh(self) -> None:
        while not self._ended.wait(REFRESH_S):
            with suppress(VsdaError):  # the next try may succeed; `check` has the last word
                self.check()
                write_atomic(self._url, self._holder.to_json())


@contextmanager
def leased(url: str) -> Iterator[Lease]:
    """Hold the lease at `url` during the block.

    Raises:
        VsdaError: Another process holds it, or the server cannot be reached.
    """
    holder = Holder.this_process()
    _acquire(url, holder)
    lease = Lease(url, holder)
    try:
        yield lease
    except BaseException:
        with suppress(VsdaError):  # what went wrong in the block is told, not what followed
            lease.end()
        raise
    lease.end()


def _acquire(url: str, holder: Holder) -> None:
    is_new = _create(url, holder)
    if not is_new:
        _refuse_if_alive(url)
        write_atomic(url, holder.to_json())
        time.sleep(_SETTLE_S)
    winner = _read(url)
    if winner is None or winner.token != holder.token:
        raise _held(url, winner)


def _create(url: str, holder: Holder) -> bool:
    """Return whether the lease was made; False where one is there."""
    filesystem, path = filesystem_of(url)
    if exists(url):
        return False
    if not creates_exclusively(filesystem):
        logger.warning(
            "%s: this kind of place has no locks; make sure that no other process writes here", url
        )
        write_atomic(url, holder.to_json())
        return True
    try:
        with remote_errors(url, WRITTEN):
            filesystem.pipe_file(path, holder.to_json(), mode="create")
    except VsdaError:
        if not exists(url):
            raise
        return (found := _read(url)) is not None and found.token == holder.token
    return True


def _refuse_if_alive(url: str) -> None:
    holder = _read(url)
    if holder is not None and holder.is_dead():
        return
    age_s = _age_s(url)
    if age_s is not None and age_s < STALE_S:
        raise _held(url, holder)


def _held(url: str, holder: Holder | None) -> VsdaError:
    return VsdaError(
        f"{url}: another process is writing here ({_name(holder)}); wait for it, or choose another "
        f"--out. If it has died, run again {STALE_S:g} s after its death, or delete this file first"
    )


def _name(holder: Holder | None) -> str:
    return (
        f"process {holder.pid} on {holder.host} since {holder.since}"
        if holder
        else "it says not which"
    )


def _age_s(url: str) -> float | None:
    """Return how long ago the lease was written, None if it is gone; by the server's clock."""
    probe = f"{url}.{secrets.token_hex(8)}"
    write_atomic(probe, b"")
    try:
        now_ns, written_ns = modified_ns(probe), modified_ns(url)
    finally:
        remove(probe)
    return None if now_ns is None or written_ns is None else (now_ns - written_ns) / 1e9


def _read(url: str) -> Holder | None:
    """Return who holds the lease, None if nobody does or the file does not say."""
    if not exists(url):
        return None
    try:
        return Holder(**json.loads(read_bytes(url)))
    except (ValueError, TypeError):
        return None
