"""Run a function on one video in a process that may hang, crash or eat memory without harm.

Decoders are large bodies of C that read files from strangers: they loop forever, write where they
must not, or ask for all memory, and nothing inside the process can stop them. A server process with
everything imported forks one child for each call; the caller watches the child, and kills it and
all it started at the first limit. Plain pipes and processes are used, as the daemonic workers of
`multiprocessing` must not have children of its kind.
"""

import atexit
import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, TypeVar

from vsda.errors import ItemError, Outcome, VsdaError
from vsda.video.sandbox_server import HEADER, REPORT, kill_group

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_START_TIMEOUT_S = 120
"""For the imports of a server; a machine under load or a network file system may need seconds."""
_LOOK_EVERY_S = 0.02
_TAIL_BYTES = 4096
_NUM_LAST_LINES = 4
_READ_BYTES = 1 << 16
_DEATH_TIMEOUT_S = 10
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SERVER_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from vsda.video.sandbox_server import main; main()"
)


def run_limited(
    function: Callable[[Argument], Result],
    argument: Argument,
    *,
    timeout_s: float,
    memory_bytes: int,
) -> Result:
    """Return `function(argument)`, computed in a child process of its own.

    Args:
        function: A function of a module; it, its argument and its result cross process borders.
        argument: What to call it with.
        timeout_s: Wall-clock limit of the call.
        memory_bytes: Most resident memory of the child, which starts with about 100 MB for the
            interpreter and the decoders. Address space would be a poor measure, as threads and
            allocators reserve gigabytes that they never touch. Looked at every 20 ms, on Linux.

    Raises:
        VsdaError: One that `function` raised, an ItemError with its outcome; or an ItemError about
            the child: HUNG at the time limit, OUT_OF_MEMORY at the memory limit or for a
            MemoryError, CRASHED for a signal, another exception or an early exit. Or the server
            does not start: this machine is at fault, not the argument.
        OSError: The disk is full, or the quota used up, in `function`.
    """
    call = pickle.dumps((function, argument), pickle.HIGHEST_PROTOCOL)
    module = function.__module__.encode()
    request = HEADER.pack(len(module), len(call)) + module + call
    failed, answer = _ask_a_server(function.__name__, request, timeout_s, memory_bytes)
    if failed:
        raise answer
    result: Result = answer
    return result


def _ask_a_server(
    name: str, request: bytes, timeout_s: float, memory_bytes: int
) -> tuple[bool, Any]:
    """Return whether the call failed, and its result or error."""
    while True:
        server = _take_server()
        watch = _Watch(name, server, timeout_s, memory_bytes)
        try:
            outcome = watch.run(request)
        except _LostServerError:
            server.kill()
        except BaseException:  # whatever happened here, the child must not live on
            watch.end_child()
            server.kill()
            raise
        else:
            _idle_servers.append(server)
            return outcome


class _LostServerError(Exception):
    """A server that had served before died before it began the call, so another one may do it."""


class _Server:
    """A server process and our ends of its pipes; it has a session of its own, away from Ctrl-C."""

    def __init__(self) -> None:
        self.has_served = False
        their_requests, self.requests = os.pipe()
        self.answers, their_answers = os.pipe()
        self.reports, their_reports = os.pipe()
        self.words, their_words = os.pipe()
        for descriptor in (self.answers, self.words):
            os.set_blocking(descriptor, False)
        theirs = [str(their_answers), str(their_reports)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVER_CODE, json.dumps(sys.path), *theirs],
            stdin=their_requests,
            stdout=their_words,
            stderr=their_words,
            pass_fds=(their_answers, their_reports),
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        for descriptor in (their_requests, their_answers, their_reports, their_words):
            os.close(descriptor)

    def kill(self) -> None:
        """End the server and wait for it."""
        kill_group(self.process.pid)
        self.process.wait()
        self.let_go()

    def let_go(self) -> None:
        """Close the pipes."""
        for descriptor in (self.requests, self.answers, self.reports, self.words):
            os.close(descriptor)


class _Watch:
    """One call: what has come from the child so far, and its limits."""

    def __init__(self, name: str, server: _Server, timeout_s: float, memory_bytes: int) -> None:
        self.name = name
        self.server = server
        self.timeout_s = timeout_s
        self.memory_bytes = memory_bytes
        self.deadline = time.monotonic() + _START_TIMEOUT_S
        self.answer = bytearray()
        self.tail = b""
        self.child_pid: int | None = None
        self.status: int | None = None
        self.verdict: ItemError | None = None

    def run(self, request: bytes) -> tuple[bool, Any]:
        """Return whether the call failed, and its result or error."""
        with DefaultSelector() as selector:
            for descriptor in (self.server.answers, self.server.reports, self.server.words):
                selector.register(descriptor, EVENT_READ)
            self._send(request)
            while self.status is None:
                for key, _ in selector.select(_LOOK_EVERY_S):
                    self._receive(key.fd)
                self._check_limits()
        self._drain(self.server.answers)
        self._drain(self.server.words)
        return self._conclude(os.waitstatus_to_exitcode(self.status))

    def end_child(self) -> None:
        """Kill the child, if it runs, with all it started."""
        if self.child_pid is not None and self.status is None:
            kill_group(self.child_pid)

    def _send(self, request: bytes) -> None:
        view = memoryview(request)
        try:
            while view:
                view = view[os.write(self.server.requests, view) :]
        except BrokenPipeError:
            raise self._server_died() from None

    def _receive(self, descriptor: int) -> None:
        if not self._take(descriptor):
            raise self._server_died()

    def _take(self, descriptor: int) -> bool:
        """Take what has come and return True; False at the end, where nothing will come."""
        data = os.read(descriptor, _READ_BYTES)
        if descriptor == self.server.answers:
            self.answer += data
        elif descriptor == self.server.words:
            self.tail = (self.tail + data)[-_TAIL_BYTES:]
        else:
            for (number,) in REPORT.iter_unpack(data):
                self._note(number)
        return bool(data)

    def _note(self, number: int) -> None:
        self.server.has_served = True
        if self.child_pid is None:
            self.child_pid = number
            self.deadline = time.monotonic() + self.timeout_s
        else:
            self.status = number

    def _drain(self, descriptor: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._take(descriptor):
                pass

    def _check_limits(self) -> None:
        if self.status is not None:
            return
        if time.monotonic() > self.deadline:
            if self.verdict or self.child_pid is None:
                raise self.verdict or self._server_died()
            self._condemn(Outcome.HUNG, f"gave no answer within {self.timeout_s:g} s")
        elif self.child_pid and not self.verdict:
            used_bytes = _resident_bytes(self.child_pid)
            if used_bytes > self.memory_bytes:
                what = f"took {used_bytes >> 20} MiB of memory, more than {self.memory_bytes >> 20}"
                self._condemn(Outcome.OUT_OF_MEMORY, what)

    def _condemn(self, outcome: Outcome, what: str) -> None:
        """Kill the child and wait for the server's word that it is dead."""
        self.verdict = ItemError(outcome, f"{self.name} {what} and was stopped{self._last_words()}")
        self.deadline = time.monotonic() + _DEATH_TIMEOUT_S
        self.end_child()

    def _conclude(self, exit_code: int) -> tuple[bool, Any]:
        if self.verdict:
            return True, self.verdict
        if exit_code == 0 and self.answer:
            failed, answer = pickle.loads(self.answer)
            return failed, answer
        if exit_code < 0:
            how = f"was killed by {signal.Signals(-exit_code).name}"
        else:
            how = f"ended with {exit_code} and without an answer"
        return True, self._crash(f"{self.name} {how}")

    def _server_died(self) -> Exception:
        self._drain(self.server.words)
        if self.child_pid is not None:
            return self._crash(f"the server process of {self.name} died")
        if self.server.has_served:
            return _LostServerError()
        return VsdaError(
            f"{sys.executable}: the process in which {self.name} would run does not start on this "
            f"machine{self._last_words()}; mend that (vsda doctor shows what is here), then run "
            "again"
        )

    def _crash(self, what: str) -> ItemError:
        return ItemError(Outcome.CRASHED, what + self._last_words())

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.tail.decode(errors="replace").splitlines()]
        last = [line for line in lines if line.strip("~^")][-_NUM_LAST_LINES:]
        return f"; its last words: {' | '.join(last)}" if last else ""


def _resident_bytes(pid: int) -> int:
    """Return the memory that a process holds; 0 where it has ended or no /proc tells."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


_idle_servers: list[_Server] = []


def _take_server() -> _Server:
    while _idle_servers:
        server = _idle_servers.pop()
        if server.process.poll() is None:
            return server
        server.let_go()
    return _Server()


def close_servers() -> None:
    """End the idle servers of this process; the next call starts a new one."""
    while _idle_servers:
        _idle_servers.pop().kill()


def _forget_servers() -> None:
    """After a fork: the servers are the parent's, and must not outlive it for our sake."""
    for server in _idle_servers:
        server.let_go()
        server.process.returncode = 0  # not ours to wait for
    _idle_servers.clear()


atexit.register(close_servers)
os.register_at_fork(after_in_child=_forget_servers)
