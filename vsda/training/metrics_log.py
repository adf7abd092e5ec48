"""The numbers of a run: metrics.jsonl first, TensorBoard beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from torch.utils.tensorboard import SummaryWriter

from vsda.storage import write_atomic

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
    """Return the rows of a run's metrics.jsonl; a last line cut by a kill is passed over."""
    path = run_dir / METRICS_FILE
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def _line(row: Mapping[str, float]) -> bytes:
    return json.dumps(row).encode() + b"\n"
