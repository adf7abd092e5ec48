"""A process that outlives a killed parent just long enough to end what it leaves behind.

A worker cannot see to that itself: it may be killed together with its parent, or be stuck in a
library that holds Python's lock, and what it started knows nothing of either.
"""

import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext


def end_group(pid: int) -> None:
    """Kill all processes of the group that process `pid` leads."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: not permitted on a dead leader
        os.killpg(pid, signal.SIGKILL)


class Guard:
    """Kills the process groups that it watches when this process ends, however that happens."""

    def __init__(self, context: ForkServerContext) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._process = context.Process(target=_keep_watch, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._is_up = False

    def watch(self, pid: int) -> None:
        """Take on the group that process `pid` leads; return when that is sure."""
        if not self._is_up:
            with suppress(EOFError, ConnectionError):  # somebody killed it; see `_tell`
                self._connection.recv()
            self._is_up = True
        self._tell(pid, True)

    def forget(self, pid: int) -> None:
        """Let go of a group; its number may become another's."""
        self._tell(pid, False)

    def close(self) -> None:
        """Kill the groups that are left, and end."""
        if self._connection.closed:
            return
        self._connection.close()
        self._process.join()
        self._process.close()

    def _tell(self, pid: int, watched: bool) -> None:
        with suppress(BrokenPipeError):  # somebody killed it; the work can go on without
            self._connection.send((pid, watched))


def _keep_watch(connection: Connection) -> None:
    os.setsid()  # out of reach of signals to the parent's group
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # sent where the parent ends unclosed
    pids: set[int] = set()
    try:
        connection.send("up")
        while True:
            pid, watched = connection.recv()
            (pids.add if watched else pids.discard)(pid)
    except (EOFError, ConnectionError):
        pass
    finally:
        for pid in pids:
            end_group(pid)
