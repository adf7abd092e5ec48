"""Work that goes on in a thread of its own while its results are used, a few at a time."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    """After the last item: the error that ended them, None for none."""

    error: BaseException | None


def ahead(
    make: Callable[[], Iterator[T]], most: int, check: Callable[[], None] | None = None
) -> Generator[T, None, None]:
    """Yield the items of `make()`, which a thread makes while earlier ones are used.

    An error of the thread is raised here, after the items before it. When this iterator is closed,
    so is that of the thread, after its current item; a thread that waits for its own input for ever
    is left behind, and does not keep the process from ending.

    Args:
        make: Returns a generator; it is called in the thread.
        most: Items that wait at a time.
        check: Called ten times a second while an item is waited for; may raise.
    """
    waiting: Queue[T | _End[T]] = Queue(most)
    unwanted = threading.Event()
    thread = threading.Thread(target=_fill, args=(make, waiting, unwanted), daemon=True)
    thread.start()
    try:
        while not isinstance(item := _next(waiting, check), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join(_LOOK_EVERY_S * 10)


def _fill(
    make: Callable[[], Iterator[T]], waiting: "Queue[T | _End[T]]", unwanted: threading.Event
) -> None:
    error: BaseException | None = None
    try:
        with closing(make()) as items:  # type: ignore[type-var]  # generators, all of them
            for item in items:
                _put(waiting, item, unwanted)
                if unwanted.is_set():
                    return
    except BaseException as caught:
        error = caught
    _put(waiting, _End(error), unwanted)


def _put(waiting: "Queue[T | _End[T]]", item: "T | _End[T]", unwanted: threading.Event) -> None:
    while not unwanted.is_set():
        try:
            waiting.put(item, timeout=_LOOK_EVERY_S)
        except Full:
            continue
        return


def _next(waiting: "Queue[T | _End[T]]", check: Callable[[], None] | None) -> "T | _End[T]":
    while True:
        if check is not None:
            check()
        try:
            return waiting.get(timeout=_LOOK_EVERY_S)
        except Empty:
            continue
