"""The numbers and pictures of a run: its own files first, boards beside them."""

import io
import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image

from vsda.storage import write_atomic
from vsda.training.boards import Guarded, Pixels, TensorBoardBoard, loss_chance
from vsda.training.wandb_board import WandbBoard, require_wandb

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.jsonl"
PANELS = "panels"
_PANEL = re.compile(r".+-(\d{6,})\.png")


class MetricsLog:
    """Appends rows to metrics.jsonl and keeps pictures, then shows both on TensorBoard and W&B.

    Rows and pictures of steps after `start_step` are dropped first: a resumed run writes them
    again. A board in trouble is told once and left; the files of the run folder never depend on it.

    Args:
        run_dir: The run folder.
        start_step: Steps done before.
        wandb_project: Project of W&B to write to as well; None for no W&B.
        facts: The resolved recipe as JSON values, and what else W&B shall show as configuration.

    Raises:
        UsageError: A project is given and the package wandb is not installed.
    """

    def __init__(
        self,
        run_dir: Path,
        start_step: int,
        *,
        wandb_project: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        if wandb_project is not None:
            require_wandb()
        facts = facts or {}
        self._run_dir, self._path = run_dir, run_dir / METRICS_FILE
        kept = [row for row in read_metrics(run_dir) if row["step"] <= start_step]
        write_atomic(self._path, b"".join(_line(row) for row in kept))
        _drop_panels(run_dir / PANELS, start_step)
        self._file = self._path.open("ab")
        board = run_dir / "tensorboard"
        self._boards = [
            Guarded("TensorBoard", lambda: TensorBoardBoard(board, start_step, loss_chance(facts)))
        ]
        if wandb_project is not None:
            self._boards.append(Guarded("W&B", lambda: WandbBoard(run_dir, wandb_project, facts)))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append the `values` of `step`."""
        self._file.write(_line({"step": step, **values}))
        self._file.flush()
        for board in self._boards:
            board.write(step, values)

    def picture(self, step: int, name: str, pixels: Pixels) -> None:
        """Keep a picture of `step` as `panels/<name>-<step>.png`.

        Args:
            step: Steps done.
            name: What is seen; part of the file's name.
            pixels: (H, W, 3) uint8 RGB.
        """
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, format="PNG")
        write_atomic(self._run_dir / PANELS / f"{name}-{step:06d}.png", data.getvalue())
        for board in self._boards:
            board.picture(step, name, pixels)

    def sync(self) -> None:
        """Make the rows survive a power cut; called before a checkpoint that counts on them."""
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        for board in self._boards:
            board.close(failed=kind is not None)


def read_metrics(run_dir: Path) -> list[dict[str, float]]:
    """Return the rows of a run's metrics.jsonl up to the first that is cut or damaged."""
    path = run_dir / METRICS_FILE
    rows: list[dict[str, float]] = []
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else []:
        try:
            row = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            row = None
        if not isinstance(row, dict) or "step" not in row:
            logger.warning("%s: damaged after %d rows; the rest is left out", path, len(rows))
            break
        rows.append(row)
    return rows


def _drop_panels(folder: Path, start_step: int) -> None:
    """Remove the pictures of steps after `start_step`."""
    for path in folder.glob("*.png"):
        found = _PANEL.fullmatch(path.name)
        if found and int(found[1]) > start_step:
            path.unlink()


def _line(row: Mapping[str, float]) -> bytes:
    return json.dumps(row).encode() + b"\n"
