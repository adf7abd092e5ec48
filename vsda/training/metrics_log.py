"""The numbers of a run: metrics.jsonl first, TensorBoard beside it."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from torch.utils.tensorboard import SummaryWriter

from vsda.storage import write_atomic

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.jsonl"


class MetricsLog:
    """Appends rows to metrics.jsonl and to TensorBoard.

    Rows of steps after `start_step` are dropped first: a resumed run writes them again.
    """

    def __init__(self, run_dir: Path, start_step: int) -> None:
        self._path = run_dir / METRICS_FILE
        kept = [row for row in read_metrics(run_dir) if row["step"] <= start_step]
        write_atomic(self._path, b"".join(_line(row) for row in kept))
        self._file = self._path.open("ab")
        self._board = SummaryWriter(str(run_dir / "tensorboard"), purge_step=start_step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append the `values` of `step`."""
        self._file.write(_line({"step": step, **values}))
        self._file.flush()
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

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
        self._board.close()


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


def _line(row: Mapping[str, float]) -> bytes:
    return json.dumps(row).encode() + b"\n"
