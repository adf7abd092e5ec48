"""Progress of long work: a bar on a terminal, a line now and then elsewhere; always on stderr."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

LINE_EVERY_S = 30.0


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, showing how many of `total` are done.

    Args:
        items: What to go through; its length is taken where it has one.
        what: A few words for the bar, such as "davis train".
        total: Number of items, where `items` cannot tell.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    return _bar(items, what, total) if sys.stderr.isatty() else _lines(items, what, total)


@contextmanager
def byte_progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function that shows how many bytes are done, of how many, None if nobody knows."""
    if sys.stderr.isatty():
        with _byte_bar(what) as show:
            yield show
    else:
        yield _byte_lines(what)


@contextmanager
def _byte_bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    from rich import progress as rich_progress  # noqa: PLC0415  rich costs start-up time
    from rich.console import Console  # noqa: PLC0415

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _byte_lines(what: str) -> Callable[[int, int | None], None]:
    start = last = time.monotonic()
    first: int | None = None

    def show(done: int, total: int | None) -> None:
        nonlocal first, last
        first = done if first is None else first  # what an earlier run brought has no speed
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            of = f" of {total / 1e6:.1f}" if total is not None else ""
            speed = (done - first) / 1e6 / (now - start)
            sys.stderr.write(
                f"{what}: {done / 1e6:.1f}{of} MB after {now - start:.0f} s, {speed:.1f} MB/s\n"
            )

    return show


def _bar(items: Iterable[T], what: str, total: int | None) -> Iterator[T]:
    from rich import progress as rich_progress  # noqa: PLC0415  rich costs start-up time
    from rich.console import Console  # noqa: PLC0415

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(items, total=total, description=what)


def _lines(items: Iterable[T], what: str, total: int | None) -> Iterator[T]:
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            of = f"/{total}" if total is not None else ""
            sys.stderr.write(f"{what}: {done}{of} after {now - start:.0f} s\n")
