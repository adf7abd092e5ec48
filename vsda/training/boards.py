"""Where a run can be watched besides its own files: TensorBoard, and W&B where a run asks for it.

Whatever goes wrong with a board is told once; the run and its metrics.jsonl go on without it.
"""

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
"""(H, W, 3) RGB."""


class Board(Protocol):
    """What shows a run's numbers and pictures."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Show the `values` of `step`."""

    def picture(self, step: int, name: str, pixels: Pixels) -> None:
        """Show a picture of `step`."""

    def close(self, *, failed: bool) -> None:
        """Finish; `failed` says that the run ended with an error."""


class TensorBoardBoard:
    """Writes event files for TensorBoard, whose page gets charts of what belongs together.

    Args:
        folder: Of the event files.
        start_step: Steps after it that the folder holds are forgotten.
        loss_chance: The adversarial loss of a discriminator that guesses; None where the loss has
            no such level.
    """

    def __init__(self, folder: Path, start_step: int, loss_chance: float | None) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=start_step + 1)
        self._chances = {"accuracy": 0.5}
        if loss_chance is not None:
            self._chances["loss_adversarial"] = loss_chance
        self._writer.add_custom_scalars(_LAYOUT)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the `values` of `step`, and the level of chance beside those that have one."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        for prefix, level in self._chances.items():
            if any(name.startswith(prefix) for name in values):
                self._writer.add_scalar(f"chance/{prefix}", level, step)

    def picture(self, step: int, name: str, pixels: Pixels) -> None:
        """Write a picture of `step`."""
        self._writer.add_image(f"panels/{name}", pixels, step, dataformats="HWC")

    def close(self, *, failed: bool) -> None:
        """Write out what is left."""
        del failed
        self._writer.close()


class Guarded:
    """A board that can neither end a run nor be heard twice: after its first trouble it is left.

    Args:
        name: For the warning.
        make: Opens the board.
    """

    def __init__(self, name: str, make: Callable[[], Board]) -> None:
        self._name = name
        self._board: Board | None = None
        self._try(lambda: setattr(self, "_board", make()))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Show the `values` of `step`."""
        if (board := self._board) is not None:
            self._try(lambda: board.write(step, values))

    def picture(self, step: int, name: str, pixels: Pixels) -> None:
        """Show a picture of `step`."""
        if (board := self._board) is not None:
            self._try(lambda: board.picture(step, name, pixels))

    def close(self, *, failed: bool) -> None:
        """Finish."""
        if (board := self._board) is not None:
            self._try(lambda: board.close(failed=failed))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # what a board's service can raise has no end
            self._board = None
            logger.warning(
                "%s: gets nothing more from this run: %s: %s; the run goes on, and its "
                "metrics.jsonl has all numbers",
                self._name,
                type(error).__name__,
                " ".join(str(error).split()) or "no reason given",
            )


def loss_chance(recipe: Mapping[str, Any]) -> float | None:
    """Return the adversarial loss of a discriminator that guesses; None if `recipe` sums the loss.

    Args:
        recipe: Resolved, as JSON values.
    """
    settings = recipe.get("adversarial", {})
    return None if settings.get("reduction") == "sum" else math.log(2)


def _lines(*names: str) -> list[str | list[str]]:
    """Return a chart with a line for each name; TensorBoard takes names as regular expressions."""
    return ["Multiline", [f"^{name}$" for name in names]]


_LAYOUT = {
    "adversarial": {
        "loss, and a guess": _lines("loss_adversarial", "chance/loss_adversarial"),
        "accuracies, and a guess": _lines("accuracy_.*", "chance/accuracy"),
        "gradient ratio at the reversal": _lines("gradient_ratio"),
    },
    "segmentation": {
        "losses": _lines("loss_segmentation", "loss_auxiliary"),
        "mean IoU": _lines("train_miou", "validation_miou"),
    },
    "unlabelled frames": {
        "losses": _lines("loss_unlabelled", "loss_consistency"),
        "teacher": _lines("teacher_confidence", "pseudo_label_share", "pseudo_object_share"),
    },
    "machine": {
        "images per second": _lines("images_per_s"),
        "share of the time spent waiting for data": _lines("data_wait"),
    },
}
