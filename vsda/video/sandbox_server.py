"""The process that forks a child for each call of the sandbox; see `vsda.video.sandbox`.

It never runs a decoder itself. Its pipes: requests on stdin; answers, which the children write, and
reports on their lives on the two descriptors named by its arguments; stdout goes to stderr.
"""

import contextlib
import ctypes
import importlib
import os
import pickle
import select
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

from vsda.errors import FULL_DISK, ItemError, Outcome, VsdaError

HEADER = struct.Struct("<QQ")
"""Before a request: bytes of the name of the function's module, bytes of the pickled call."""
REPORT = struct.Struct("<q")
"""A child's process id when it starts, its wait status when it has ended."""

_PRELOAD = ("av", "decord", "PIL.Image")
"""Slow to import, so done once for all children."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the caller closes its end; a child leaves the loop with its call."""
    answers, reports = int(sys.argv[2]), int(sys.argv[3])
    for module in _PRELOAD:
        with contextlib.suppress(ImportError):  # decord has no wheel for some machines
            importlib.import_module(module)
    call = _serve(answers, reports)
    if call is not None:
        _work(call, answers)


def _serve(answers: int, reports: int) -> bytes | None:
    """Fork a child for each request; return the request in the child, None at the end."""
    wakeup, write_wakeup = os.pipe()
    os.set_blocking(write_wakeup, False)
    signal.set_wakeup_fd(write_wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while header := _read(HEADER.size):
        name_size, call_size = HEADER.unpack(header)
        importlib.import_module(_read(name_size).decode())
        call = _read(call_size)
        server_pid = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_child(server_pid, (wakeup, write_wakeup, reports))
            return call
        with contextlib.suppress(OSError):  # the child does it too; who comes first is open
            os.setpgid(pid, pid)
        os.write(reports, REPORT.pack(pid))
        os.write(reports, REPORT.pack(_wait_for(pid, wakeup)))
    return None


def _become_child(server_pid: int, not_its_own: tuple[int, ...]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)  # so that it can be killed with all it starts
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != server_pid:
        os._exit(1)  # the server died before the line above
    for descriptor in not_its_own:
        os.close(descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _wait_for(pid: int, wakeup: int) -> int:
    """Return the wait status of the child, and end what it left behind.

    The caller's end of stdin closes only when the caller dies; then all end at once.
    """
    while True:
        ready, _, _ = select.select([0, wakeup], [], [])
        if 0 in ready:
            kill_group(pid)
            os._exit(1)
        os.read(wakeup, 4096)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            kill_group(pid)
            return status


def kill_group(pid: int) -> None:
    """Kill the processes of the group that `pid` leads, if there are any."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _work(call: bytes, answers: int) -> None:
    """Write the answer to `call` and end; an exception ends the process with its traceback."""
    function, argument = pickle.loads(call)
    answer = pickle.dumps(_answer(function, argument), pickle.HIGHEST_PROTOCOL)
    view = memoryview(answer)
    while view:
        view = view[os.write(answers, view) :]
    sys.stderr.flush()
    os._exit(0)  # past the clean-up of decoders, which may hang or crash


def _answer(function: Callable[[Any], Any], argument: object) -> tuple[bool, object]:
    """Return whether `function` failed as expected of it, and its result or its error."""
    try:
        return False, function(argument)
    except VsdaError as error:
        return True, error
    except MemoryError as error:
        name = function.__name__
        return True, ItemError(Outcome.OUT_OF_MEMORY, f"{name} got no more memory {error}".rstrip())
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        return True, OSError(error.errno, error.strerror, error.filename)


def _read(size: int) -> bytes:
    """Return the next `size` bytes from stdin, or none where it has ended."""
    data = b""
    while len(data) < size:
        part = os.read(0, min(size - len(data), 1 << 20))
        if not part:
            return b""
        data += part
    return data
