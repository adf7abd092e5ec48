"""Who may write a set: one run over all of it, or one run for each of its parts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vsda.acquire.layout import Layout
from vsda.storage import exclusive, list_files


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
            for place in list_files(layout.out, ".lock"):
                if place.rpartition("/")[2].startswith(f".{layout.name}.task-"):
                    _try(place)
            yield check
        return
    _try(layout.lock)
    with exclusive(layout.task_lock(*task)) as check:
        yield check


def _try(place: str) -> None:
    """Raise if somebody holds a lock."""
    with exclusive(place):
        pass
