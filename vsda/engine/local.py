"""Run tasks in processes of this machine.

A pool of the standard library cannot say which task a lost worker had, and its workers outlive a
parent that is killed; here each worker has a pipe of its own and ends with its parent.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from vsda.errors import VsdaError

Task = TypeVar("Task")
Result = TypeVar("Result")

_PRELOAD = ("webdataset.writer",)
"""Slow to import, so done once for all workers."""


def num_cpus() -> int:
    """Return the number of CPU cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    num_workers: int,
    name_of: Callable[[Task], str],
    keeps_done: bool = True,
) -> Iterator[Result]:
    """Yield `function(task)` for every task, in the order of `tasks`.

    With one worker, or one task, all happens in this process.

    Args:
        function: A function of a module; it and the tasks cross process borders.
        tasks: What to do. A task should take seconds, as each is sent on its own.
        num_workers: Most processes at a time.
        name_of: What to call a task in an error.
        keeps_done: Whether the caller finds done tasks again in its next run, as the error about a
            dead worker then says.

    Raises:
        VsdaError: One that `function` raised, or a worker died; the message has the task's name.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1, got {num_workers}")
    if min(num_workers, len(tasks)) <= 1:
        return map(function, tasks)
    return _run(_Pool(function, tasks, name_of, keeps_done), min(num_workers, len(tasks)))


@dataclass(eq=False, slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    position: int = -1


class _Pool(Generic[Task, Result]):
    """The workers and which task each one has."""

    def __init__(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        name_of: Callable[[Task], str],
        keeps_done: bool,
    ) -> None:
        self.function = function
        self.tasks = tasks
        self.name_of = name_of
        self.keeps_done = keeps_done
        self.workers: dict[Connection, _Worker] = {}
        self._next = 0

    def start(self, num_workers: int) -> None:
        """Start the workers and give each a task."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([self.function.__module__, *_PRELOAD])
        _start_server()
        for _ in range(num_workers):
            worker = _start_worker(context, self.function)
            self.workers[worker.connection] = worker
            self._feed(worker)

    def collect(self) -> list[tuple[int, Result]]:
        """Wait for workers; return position and result of the tasks they have done."""
        ready = set(wait(list(self.workers)))
        return [
            self._receive(worker)
            for worker in list(self.workers.values())
            if worker.connection in ready
        ]

    def stop(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self.workers.values():
            worker.connection.close()
            worker.process.terminate()
        for worker in self.workers.values():
            worker.process.join()

    def _feed(self, worker: _Worker) -> None:
        if self._next == len(self.tasks):
            worker.connection.close()
            del self.workers[worker.connection]
            worker.process.join()
            return
        worker.position = self._next
        self._next += 1
        try:
            worker.connection.send(self.tasks[worker.position])
        except OSError:
            raise self._death(worker) from None

    def _receive(self, worker: _Worker) -> tuple[int, Result]:
        try:
            result = worker.connection.recv()
        except (EOFError, OSError):
            raise self._death(worker) from None
        if isinstance(result, VsdaError):
            raise result
        position = worker.position
        self._feed(worker)
        return position, result

    def _death(self, worker: _Worker) -> VsdaError:
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        kept = "what is done so far is kept, so " if self.keeps_done else ""
        return VsdaError(
            f"{self.name_of(self.tasks[worker.position])}: its worker {how}; {kept}run the command "
            "again, with fewer --workers if memory was short"
        )


def _run(pool: _Pool[Task, Result], num_workers: int) -> Iterator[Result]:
    early: dict[int, Result] = {}
    try:
        pool.start(num_workers)
        for position in range(len(pool.tasks)):
            while position not in early:
                early.update(pool.collect())
            yield early.pop(position)
    finally:
        pool.stop()


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


def _start_worker(context: ForkServerContext, function: Callable[[Any], Any]) -> _Worker:
    ours, theirs = multiprocessing.Pipe()
    process = context.Process(target=_serve, args=(function, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """Answer each task with its result, or with the user's mistake that it found.

    Any other exception ends the worker with a traceback, and the parent tells which task it had.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            answer = function(task)
        except VsdaError as error:
            answer = error
        connection.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
