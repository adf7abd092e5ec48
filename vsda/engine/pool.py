"""What every engine offers: a pool of workers that take one task at a time.

The caller decides when to submit, so pacing, retries and giving up are its own.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from vsda.errors import VsdaError

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Done(Generic[Task, Result]):
    """What became of one submitted task: a result, unless `death` or `error` says otherwise.

    Attributes:
        task: The task as it was submitted.
        result: What the function returned.
        death: How its worker was lost, such as `was killed by SIGKILL`; words that follow
            "its worker" or, where `node_lost`, "its node". None where the function came to an end.
        error: What the function raised, where that is a `VsdaError`; anything else is a death.
        node: Where it ran, for logs; empty on this machine.
        node_lost: Whether the node or its Ray is at fault, not the task: another node may do it.
    """

    task: Task
    result: Result | None = None
    death: str | None = None
    error: VsdaError | None = None
    node: str = ""
    node_lost: bool = False

    @property
    def lost(self) -> str | None:
        """The death as a clause, such as `its worker was killed by SIGKILL`; None without one."""
        return self.death and f"its {'node' if self.node_lost else 'worker'} {self.death}"


class Engine(Protocol[Task, Result]):
    """A pool of workers that run one function; not for use by several threads."""

    @property
    def num_workers(self) -> int:
        """How many tasks can run at a time."""

    @property
    def num_running(self) -> int:
        """How many submitted tasks have not come back yet."""

    @property
    def num_free(self) -> int:
        """How many more tasks can be submitted now."""

    def submit(self, task: Task) -> None:
        """Give `task` to a worker.

        Raises:
            ValueError: No worker is free.
        """

    def wait(self, timeout_s: float) -> list[Done[Task, Result]]:
        """Return what is done as soon as anything is, or nothing after `timeout_s`."""

    def close(self) -> None:
        """End all workers and all processes that these started, whatever they are doing."""

    def __enter__(self) -> Self:
        """Return the engine itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
