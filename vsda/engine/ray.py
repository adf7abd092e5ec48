"""Run tasks on a Ray cluster.

A Ray task here only watches over a worker of `LocalEngine` on its node. So a task that crashes
comes back as a value, as on this machine; what Ray itself reports is the loss of a node; and no
process outlives its node, whether the node, the task or the caller is killed.
"""

import functools
import importlib
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Generic, Self

from vsda.engine.local import LocalEngine
from vsda.engine.pool import Done, Result, Task
from vsda.engine.ray_cluster import check_nodes, connect, last_line

logger = logging.getLogger(__name__)

_STALL_S = 60.0
"""After so long without a free CPU for a task, the log says so."""

_LOOK_UP_S = 60.0

_LOSSES = {
    "NodeDiedError": "died",
    "OutOfMemoryError": "ran out of memory, so that Ray ended the task",
    "WorkerCrashedError": "lost the Ray process of the task",
}


@dataclass(slots=True)
class _Running(Generic[Task]):
    task: Task
    node: str = ""
    """Empty until a node has begun with the task."""


class RayEngine(Generic[Task, Result]):
    """The CPUs of a Ray cluster, one for each task.

    Ray tries nothing again by itself: a task whose node is lost comes back as such. Tasks run in
    the caller's working folder on nodes that have it; all else that they write to stdout and
    stderr stays in Ray's logs on the node.

    Args:
        function: A function of a module that all nodes have; tasks and results travel.
        num_workers: Most tasks at a time; None for one per CPU that the cluster has now.
        address: `host:port` of the cluster's head, `auto` for the cluster that this machine
            belongs to, None to start Ray on this machine alone.
        needs: Files and folders that all nodes must share.

    Raises:
        UsageError: An address of another form.
        VsdaError: Ray is not installed, the cluster is out of reach, or a node has another vsda or
            does not share what is needed.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        num_workers: int | None,
        address: str | None,
        needs: Sequence[Path] = (),
    ) -> None:
        if num_workers is not None and num_workers < 1:
            raise ValueError(f"num_workers must be at least 1, got {num_workers}")
        self._ray: ModuleType = connect(address, num_workers)
        try:
            check_nodes(self._ray, needs)
            self.num_workers = num_workers or self._num_cpus()
        except BaseException:
            self._ray.shutdown()
            raise
        settings = {"num_cpus": 1, "max_retries": 0, "num_returns": "streaming"}
        self._watch_over = self._ray.remote(**settings)(_watch_over)
        self._function = function
        self._running: dict[Any, _Running[Task]] = {}
        self._last_start = time.monotonic()

    @property
    def num_running(self) -> int:
        """How many submitted tasks have not come back yet."""
        return len(self._running)

    @property
    def num_free(self) -> int:
        """How many more tasks can be submitted now."""
        return self.num_workers - self.num_running

    def submit(self, task: Task) -> None:
        """Give `task` to the cluster.

        Raises:
            ValueError: No worker is free.
        """
        if not self.num_free:
            raise ValueError(f"all {self.num_workers} workers have a task")
        if all(one.node for one in self._running.values()):
            self._last_start = time.monotonic()  # none waited until now
        answers = self._watch_over.remote(self._function, task, Path.cwd())
        self._running[answers] = _Running(task)

    def wait(self, timeout_s: float) -> list[Done[Task, Result]]:
        """Return what is done as soon as anything is, or nothing after `timeout_s`."""
        end = time.monotonic() + timeout_s
        while True:
            found = [self._receive(answers) for answers in self._ready(end - time.monotonic())]
            self._tell_of_stall()
            done = [one for one in found if one is not None]
            if done or time.monotonic() >= end:
                return done

    def close(self) -> None:
        """End all workers and all processes that these started, and leave the cluster."""
        for answers in self._running:
            self._ray.cancel(answers, force=True)
        self._running.clear()
        self._ray.shutdown()

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

    def _ready(self, timeout_s: float) -> list[Any]:
        if not self._running:
            time.sleep(max(0.0, timeout_s))
            return []
        sources = list(self._running)
        first, _ = self._ray.wait(sources, timeout=max(0.0, min(timeout_s, _STALL_S)))
        if not first:
            return []
        ready: list[Any] = self._ray.wait(sources, num_returns=len(sources), timeout=0)[0]
        return ready

    def _receive(self, answers: Any) -> Done[Task, Result] | None:
        """Return what became of a task, None where it only has begun."""
        running = self._running[answers]
        try:
            answer = self._ray.get(next(answers))
        except self._ray.exceptions.RayError as error:
            del self._running[answers]
            return self._lost(running, error)
        if not running.node:
            running.node = answer
            self._last_start = time.monotonic()
            return None
        del self._running[answers]
        done: Done[Task, Result] = replace(answer, task=running.task, node=running.node)
        if done.death is not None:
            logger.warning(
                "a worker on node %s %s; Ray's logs there say more", done.node, done.death
            )
        return done

    def _lost(self, running: _Running[Task], error: Exception) -> Done[Task, Result]:
        by_task = isinstance(error, self._ray.exceptions.RayTaskError)
        words = f"{'could not run it' if by_task else 'was lost to Ray'}: {last_line(error)}"
        death = _LOSSES.get(type(error).__name__, words)
        logger.warning("node %s %s", running.node or "(not told which)", death)
        return Done(task=running.task, death=death, node=running.node, node_lost=not by_task)

    def _num_cpus(self) -> int:
        return max(1, int(self._ray.cluster_resources().get("CPU", 0)))

    def _tell_of_stall(self) -> None:
        waiting = sum(not one.node for one in self._running.values())
        now = time.monotonic()
        if not waiting or now - self._last_start < _STALL_S:
            return
        self._last_start = now
        logger.warning(
            "%d tasks wait for a free CPU since %.0f s: the Ray cluster has %d CPUs, all in use",
            waiting,
            _STALL_S,
            int(self._ray.cluster_resources().get("CPU", 0)),
        )


def _watch_over(function: Callable[[Any], Any], task: Any, folder: Path) -> Iterator[Any]:
    """Yield this node's name, then what became of `task`; runs on a node."""
    ray = importlib.import_module("ray")
    yield f"{platform.node()}/{ray.get_runtime_context().get_node_id()[:8]}"
    engine = _engine_of(function, folder)
    engine.submit(task)
    done: list[Done[Any, Any]] = []
    while not done:
        done = engine.wait(_LOOK_UP_S)
    yield replace(done[0], task=None)  # the caller has it


@functools.cache
def _engine_of(function: Callable[[Any], Any], folder: Path) -> LocalEngine[Any, Any]:
    """Return the worker of this Ray process, which Ray uses for one task at a time."""
    with suppress(OSError):  # absent on this node; what has full paths or URLs goes on
        os.chdir(folder)
    return LocalEngine(function, 1)
