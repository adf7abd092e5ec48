"""How far a run is: one display on a terminal, a line for each logged row elsewhere; on stderr."""

import logging
import os
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich import progress as rich_progress
from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.text import Text

logger = logging.getLogger(__name__)

_REDRAW_S = 0.25
_GIB = 1 << 30
_LOSSES = {
    "loss": "loss",
    "loss_segmentation": "segmentation",
    "loss_adversarial": "adversarial",
    "loss_unlabelled": "unlabelled",
}
_ACCURACIES = {
    "accuracy_source": "images",
    "accuracy_target": "frames",
    "accuracy_same": "same domain",
    "accuracy_cross": "cross domain",
}


class Live:
    """Shows the steps done, the time left and the latest numbers of a run.

    On a terminal that is a display which is drawn anew a few times a second, by the training
    process itself: a thread would be copied, locks and all, into every process that reads data.

    Args:
        total_steps: The run's last step.
        start_step: Steps done before.
    """

    def __init__(self, total_steps: int, start_step: int) -> None:
        self._total_steps = total_steps
        self._pace = _Pace(start_step)
        self._screen = _Screen(total_steps, start_step) if _is_terminal() else None

    def advance(self, step: int) -> None:
        """Show that `step` steps are done."""
        self._pace.saw(step)
        if self._screen is not None:
            self._screen.advance(step, self._left(step))

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """Show the numbers logged after `step` steps."""
        if self._screen is not None:
            self._screen.show(values)
            return
        parts = (f"step {step}/{self._total_steps}", self._left(step), *numbers_text(values))
        logger.info("%s", "  ".join(part for part in parts if part))

    def __enter__(self) -> Self:
        if self._screen is not None:
            self._screen.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._screen is not None:
            self._screen.stop()

    def _left(self, step: int) -> str:
        seconds = self._pace.seconds_for(self._total_steps - step)
        return "" if seconds is None else f"{duration_text(seconds)} left"


def numbers_text(values: Mapping[str, float]) -> list[str]:
    """Return the logged numbers that a person wants to see, in words, as far as they are there."""
    parts = [f"{word} {values[name]:.4g}" for name, word in _LOSSES.items() if name in values]
    for name, of in (("train_miou", "batch"), ("validation_miou", "validation")):
        if name in values:
            parts.append(f"mIoU {100 * values[name]:.1f} ({of})")
    told = [
        f"{word} {100 * values[name]:.0f} %" for name, word in _ACCURACIES.items() if name in values
    ]
    if told:
        parts.append(f"told right: {', '.join(told)}")
    if "images_per_s" in values:
        parts.append(f"{values['images_per_s']:.3g} img/s")
    if "data_wait" in values:
        parts.append(f"data wait {100 * values['data_wait']:.0f} %")
    if "memory_bytes" in values:
        parts.append(f"{values['memory_bytes'] / _GIB:.1f} GiB")
    if values.get("skipped_steps"):
        parts.append(f"{values['skipped_steps']:.0f} steps skipped")
    if values.get("damaged_samples"):
        parts.append(f"{values['damaged_samples']:.0f} samples damaged")
    return parts


def duration_text(seconds: float) -> str:
    """Return a duration in its two largest units, as people say it: 12 min, 3 h 20 min, 2 d 5 h."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


class _Pace:
    """How long a step takes: the mean over this process's steps, validation and all.

    The first step is left out, as it holds what happens once.
    """

    def __init__(self, start_step: int) -> None:
        self._first_step, self._first = start_step + 1, 0.0
        self._step, self._now = start_step, 0.0

    def saw(self, step: int) -> None:
        self._step, self._now = step, time.monotonic()
        if step <= self._first_step:
            self._first = self._now

    def seconds_for(self, steps: int) -> float | None:
        done = self._step - self._first_step
        return steps * (self._now - self._first) / done if done > 0 and steps > 0 else None


class _Screen:
    """The display on a terminal: a bar, and below it the latest numbers."""

    def __init__(self, total_steps: int, start_step: int) -> None:
        self._bar = rich_progress.Progress(
            rich_progress.TextColumn("training"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TaskProgressColumn(),
            rich_progress.TextColumn("{task.fields[left]}"),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=total_steps, completed=start_step, left="")
        self._values: dict[str, float] = {}
        self._drawn = 0.0
        self._live = RichLive(
            console=Console(stderr=True), auto_refresh=False, redirect_stdout=False
        )

    def start(self) -> None:
        self._live.start()

    def stop(self) -> None:
        self._draw()
        self._live.stop()

    def advance(self, step: int, left: str) -> None:
        self._bar.update(self._task, completed=step, left=left)
        self._draw_now_and_then()

    def show(self, values: Mapping[str, float]) -> None:
        self._values.update(values)
        self._draw_now_and_then()

    def _draw_now_and_then(self) -> None:
        if time.monotonic() - self._drawn >= _REDRAW_S:
            self._draw()

    def _draw(self) -> None:
        numbers = Text("  ".join(numbers_text(self._values)))
        self._live.update(Group(self._bar.get_renderable(), numbers), refresh=True)
        self._drawn = time.monotonic()


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
