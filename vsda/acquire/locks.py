"""Who may write a set: one run over all of it, or one run for each of its parts."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vsda.acquire.layout import Layout
from vsda.errors import VsdaError
from vsda.shards.names import file_name
from vsda.storage import exclusive, list_files

_MAX_TRIES = 20
_RETRY_S = 0.1


@contextmanager
def hold(layout: Layout, task: tuple[int, int] | None) -> Iterator[Callable[[], None]]:
    """Hold the lock of a run; a run over a part shuts out runs over the whole, and the reverse.

    Yields:
        A function that raises where the lock was lost, as `exclusive` does.

    Raises:
        VsdaError: Another run writes there.
    """
    if task is None:
        with exclusive(layout.lock) as check:
            for place in _task_locks(layout):
                _try(place)
            yield check
        return
    with exclusive(layout.task_lock(*task)) as check:  # first, so that one of two sees the other
        own_suffix = f"-of-{task[1]:04d}.lock"
        for place in _task_locks(layout):
            if not place.endswith(own_suffix):
                _try(place)
        _try_patiently(layout.lock)
        yield check


def _task_locks(layout: Layout) -> list[str]:
    start = f".{layout.name}.task-"
    return [
        place for place in list_files(layout.out, ".lock") if file_name(place).startswith(start)
    ]


def _try(place: str) -> None:
    """Raise if somebody holds a lock."""
    with exclusive(place):
        pass


def _try_patiently(place: str) -> None:
    """Raise if somebody holds a lock for longer than the other parts need to try it too."""
    for _ in range(_MAX_TRIES):
        try:
            return _try(place)
        except VsdaError:
            time.sleep(random.uniform(0.5, 1.5) * _RETRY_S)
    return _try(place)
