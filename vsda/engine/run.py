"""Choose an engine by name, and run a list of tasks on it."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, get_args

from vsda.engine.local import LocalEngine, num_cpus
from vsda.engine.pool import Done, Engine, Result, Task
from vsda.engine.ray import RayEngine
from vsda.errors import VsdaError

Kind = Literal["local", "ray"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MOST_TRIES = 4
"""How often a task is tried whose node is lost."""

_LOOK_UP_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """Where tasks run.

    Attributes:
        kind: `local`: in processes of this machine; `ray`: on a Ray cluster.
        num_workers: Most tasks at a time; None for one per CPU core of the machine or cluster.
        address: The cluster, as `RayEngine` takes it.
        needs: Files and folders that tasks read or write by these paths, so that all nodes must
            share them.
    """

    kind: Kind = "local"
    num_workers: int | None = None
    address: str | None = None
    needs: tuple[Path, ...] = ()


def open_engine(
    kind: Kind,
    function: Callable[[Task], Result],
    *,
    num_workers: int | None,
    address: str | None = None,
    needs: Sequence[Path] = (),
) -> Engine[Task, Result]:
    """Return an engine that runs `function`; use it in a `with` block, or close it.

    Args:
        kind: `local` or `ray`.
        function: A function of a module; it and the tasks cross process borders.
        num_workers: Most tasks at a time; None for one per CPU core.
        address: For `ray`: the cluster, as `RayEngine` takes it.
        needs: For `ray`: files and folders that all nodes must share.

    Raises:
        VsdaError: Ray is not installed, or the cluster cannot be used.
    """
    if kind == "ray":
        return RayEngine(function, num_workers, address, needs)
    return LocalEngine(function, num_cpus() if num_workers is None else num_workers)


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: Workers,
    name_of: Callable[[Task], str],
    keeps_done: bool = True,
) -> Iterator[Result]:
    """Yield `function(task)` for every task, in the order of `tasks`.

    On this machine with one worker, or one task, all happens in this process. A task whose node is
    lost is tried elsewhere.

    Args:
        function: A function of a module; it and the tasks cross process borders.
        tasks: What to do. A task should take seconds, as each is sent on its own.
        workers: Where, and how many at a time.
        name_of: What to call a task in an error.
        keeps_done: Whether the caller finds done tasks again in its next run, as the error about a
            dead worker then says.

    Raises:
        VsdaError: One that `function` raised, or a worker died; the message has the task's name.
    """
    num_workers = _most_workers(workers, len(tasks))
    if not tasks or (workers.kind == "local" and num_workers == 1):
        return map(function, tasks)
    queue = _Queue[Task, Result](tasks, name_of, keeps_done)
    return _run(queue, function, replace(workers, num_workers=num_workers))


def _most_workers(workers: Workers, num_tasks: int) -> int | None:
    if workers.num_workers is not None and workers.num_workers < 1:
        raise ValueError(f"num_workers must be at least 1, got {workers.num_workers}")
    if workers.num_workers is None and workers.kind != "local":
        return None
    return max(1, min(workers.num_workers or num_cpus(), num_tasks))


class _Queue(Generic[Task, Result]):
    """The tasks that are left, and which ones an engine has."""

    def __init__(
        self, tasks: Sequence[Task], name_of: Callable[[Task], str], keeps_done: bool
    ) -> None:
        self.tasks = tasks
        self._name_of = name_of
        self._keeps_done = keeps_done
        self._todo = deque(range(len(tasks)))
        self._running: dict[int, Task] = {}
        self._num_tries = [0] * len(tasks)

    def feed(self, engine: Engine[Task, Result]) -> None:
        """Give every free worker a task."""
        while self._todo and engine.num_free:
            position = self._todo.popleft()
            self._num_tries[position] += 1
            self._running[position] = self.tasks[position]
            engine.submit(self._running[position])

    def take(self, done: Done[Task, Result]) -> dict[int, Any]:
        """Return position and result of a task; nothing where it is to be tried again."""
        position = next(key for key, task in self._running.items() if task is done.task)
        del self._running[position]
        if done.error is not None:
            raise done.error
        if done.death is None:
            return {position: done.result}
        if not done.node_lost or self._num_tries[position] == MOST_TRIES:
            raise self._death(done)
        self._todo.appendleft(position)
        return {}

    def _death(self, done: Done[Task, Result]) -> VsdaError:
        kept = "what is done so far is kept, so " if self._keeps_done else ""
        return VsdaError(
            f"{self._name_of(done.task)}: {done.lost}; {kept}run the command "
            "again, with fewer --workers if memory was short"
        )


def _run(
    queue: _Queue[Task, Result], function: Callable[[Task], Result], workers: Workers
) -> Iterator[Result]:
    early: dict[int, Any] = {}
    with open_engine(
        workers.kind,
        function,
        num_workers=workers.num_workers,
        address=workers.address,
        needs=workers.needs,
    ) as engine:
        for position in range(len(queue.tasks)):
            while position not in early:
                queue.feed(engine)
                for done in engine.wait(_LOOK_UP_S):
                    early.update(queue.take(done))
            yield early.pop(position)
