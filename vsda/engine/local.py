"""Run tasks in processes of this machine.

A pool of the standard library cannot say which task a lost worker had, and its workers outlive a
parent that is killed; here each worker has a pipe and a process group of its own, and a guard ends
them all with their parent.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from itertools import chain
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self

from vsda.engine.guard import Guard, end_group
from vsda.engine.pool import Done, Result, Task
from vsda.errors import VsdaError
from vsda.signals import held_back

_PRELOAD = ("numpy", "PIL.Image")
"""Slow to import, so done once for all workers."""

_END_S = 1.0
"""What a worker without a task gets to end by itself."""


def num_cpus() -> int:
    """Return the number of CPU cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@dataclass(eq=False, slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    pid: int


class LocalEngine(Generic[Task, Result]):
    """Processes of this machine, each started when it is first needed and again when it dies.

    A worker that is killed, ends by itself or raises anything but a `VsdaError` (whose traceback
    then goes to stderr) is told as the death of its task. What a worker starts belongs to its
    process group and is killed with it, unless it leaves that group.

    Args:
        function: A function of a module; it and the tasks cross process borders.
        num_workers: Most processes at a time.
        daemonic: Workers may start children with `subprocess`, not with `multiprocessing`. Without,
            they may do both, and the engine must be closed before this process ends.
    """

    def __init__(
        self, function: Callable[[Task], Result], num_workers: int, *, daemonic: bool = True
    ) -> None:
        if num_workers < 1:
            raise ValueError(f"num_workers must be at least 1, got {num_workers}")
        self.num_workers = num_workers
        self._function = function
        self._daemonic = daemonic
        self._idle: list[_Worker] = []
        self._running: dict[_Worker, Task] = {}
        self._context = multiprocessing.get_context("forkserver")
        preload = _PRELOAD if num_workers > 1 else ()
        self._context.set_forkserver_preload([function.__module__, *preload])
        with _in_one_go():
            _start_server()
            self._guard = Guard(self._context)

    @property
    def num_running(self) -> int:
        """How many submitted tasks have not come back yet."""
        return len(self._running)

    @property
    def num_free(self) -> int:
        """How many more tasks can be submitted now."""
        return self.num_workers - self.num_running

    def submit(self, task: Task) -> None:
        """Give `task` to a worker that waits, or to a new one.

        Raises:
            ValueError: No worker is free.
        """
        if not self.num_free:
            raise ValueError(f"all {self.num_workers} workers have a task")
        data = ForkingPickler.dumps(task)  # first: a task that cannot travel takes no worker
        with _in_one_go():
            worker = self._free_worker()
            self._running[worker] = task
        with suppress(OSError):  # it died just now, as `wait` finds
            worker.connection.send_bytes(data)

    def wait(self, timeout_s: float) -> list[Done[Task, Result]]:
        """Return what is done as soon as anything is, or nothing after `timeout_s`."""
        sources = {worker: _sources(worker) for worker in self._running}
        ready = set(wait(list(chain.from_iterable(sources.values())), timeout_s))
        return [self._receive(worker) for worker in sources if ready & sources[worker]]

    def close(self) -> None:
        """End all workers and all processes that these started, whatever they are doing."""
        workers = [*self._idle, *self._running]
        for worker in self._idle:
            worker.connection.close()
        for worker in self._running:
            _kill(worker)
        self._idle.clear()
        self._running.clear()
        for worker in workers:
            self._bury(worker)
        self._guard.close()

    def __enter__(self) -> Self:
        """Return the engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _free_worker(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                return worker
            self._bury(worker)
        worker = _start_worker(self._context, self._function, daemonic=self._daemonic)
        self._guard.watch(worker.pid)
        return worker

    def _receive(self, worker: _Worker) -> Done[Task, Result]:
        task = self._running.pop(worker)
        answer = _answer(worker)
        if answer is None:
            return Done(task=task, death=_how(self._bury(worker)))
        self._idle.append(worker)
        result, error = answer
        return Done(task=task, result=result, error=error)

    def _bury(self, worker: _Worker) -> int:
        """See a worker and all that it started to their end; return its exit code."""
        worker.connection.close()
        worker.process.join(_END_S)
        _kill(worker)
        worker.process.join()
        code = worker.process.exitcode or 0
        worker.process.close()
        self._guard.forget(worker.pid)
        return code


def _in_one_go() -> AbstractContextManager[None]:
    """Let nothing stop this process while the server forks a child for it.

    The child would wait for what it is to do, find its parent gone and print a traceback.
    """
    return held_back(signal.SIGINT, signal.SIGTERM)


def _start_server() -> None:
    """Start the process that forks the workers, with Ctrl-C blocked for itself and for them.

    It comes while they import; the parent hears it and ends them all.
    """
    resource_tracker.ensure_running()  # first, since its start unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(
    context: ForkServerContext, function: Callable[[Any], Any], *, daemonic: bool
) -> _Worker:
    ours, theirs = multiprocessing.Pipe()
    surroundings = (Path.cwd(), dict(os.environ))
    arguments = (function, theirs, *surroundings)
    process = context.Process(target=_serve, args=arguments, daemon=daemonic)
    process.start()
    theirs.close()
    return _Worker(process, ours, process.pid or 0)


def _sources(worker: _Worker) -> set[Connection | int]:
    """Return what tells of a worker: its answer, and its end (a child may hold the pipe open)."""
    return {worker.connection, worker.process.sentinel}


def _answer(worker: _Worker) -> tuple[Any, VsdaError | None] | None:
    """Return result and error of a worker's task, None where it died."""
    try:
        return worker.connection.recv() if worker.connection.poll() else None
    except (EOFError, OSError):
        return None


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def _kill(worker: _Worker) -> None:
    worker.process.kill()  # it may not lead a group yet
    end_group(worker.pid)


def _serve(
    function: Callable[[Any], Any],
    connection: Connection,
    folder: Path,
    environment: Mapping[str, str],
) -> None:
    """Answer each task with its result, or with the user's mistake that it found.

    Any other exception ends the worker with a traceback, and the parent tells which task it had.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends its workers
    os.setsid()
    # As the parent is now: it may have changed since the server of the workers was started.
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():  # killed before the guard could find a group
        return
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(_result(function, task))


def _result(function: Callable[[Any], Any], task: Any) -> tuple[Any, VsdaError | None]:
    try:
        return function(task), None
    except VsdaError as error:
        return None, error
