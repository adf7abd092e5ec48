"""Signals that ask long work to stop: noted, so that the work can end in a sound place."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vsda.errors import ExitCode

STOP_CODES = {
    signal.SIGINT: ExitCode.STOPPED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGUSR1: ExitCode.PREEMPTED,
}
"""How a process ends after a signal."""


@contextmanager
def stop_signals(
    *names: signal.Signals,
) -> Iterator[list[signal.Signals]]:
    """Yield a list that gets the first of the signals `names`; a second one acts as usual.

    A second SIGUSR1, which batch systems send as a warning, is passed over: it would end the
    process. Outside of the main thread nothing can be caught.
    """
    caught: list[signal.Signals] = []

    def note(number: int, _frame: object) -> None:
        caught.append(signal.Signals(number))
        if number != signal.SIGUSR1:
            signal.signal(number, before[signal.Signals(number)])

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before: dict[signal.Signals, Any] = {name: signal.signal(name, note) for name in names}
    try:
        yield caught
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextmanager
def held_back(*names: signal.Signals) -> Iterator[None]:
    """Let the signals `names` act only when the block has ended, as they would have.

    A second one acts at once. Outside of the main thread nothing is held back.
    """
    caught: list[signal.Signals] = []
    try:
        with stop_signals(*names) as caught:
            yield
    finally:
        for name in caught:
            signal.raise_signal(name)
