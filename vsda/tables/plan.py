"""What is there of a table, what is left to do, and what that will cost."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vsda.tables.cell import Cell
from vsda.tables.grid import Grid
from vsda.tables.record import State, look


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What is known of a row's runs before any has been made.

    Attributes:
        multiply_adds: Of the forward passes of one training step.
        kept_bytes: Of the checkpoints of one run.
        step_s: Seconds of a step, where it was measured.
    """

    multiply_adds: int
    kept_bytes: int
    step_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRow:
    """One row in one world.

    Attributes:
        row: Its name.
        world: Its world.
        states: Number of its cells by what is there of them.
        steps: Of training, in each run.
        step_s: Seconds of a step; None if nobody has measured.
        measured: `runs` that are finished, or a `probe`; empty if nobody has.
        num_twins: Of its cells that are not done, those that are only judged, as twins of others.
        left_s: Seconds of what is left, one run after another; None where `step_s` is.
        run_bytes: On the disk, of each run.
        peak_bytes: Most memory of a finished run; None without one.
        multiply_adds: Of the forward passes of one training step.
    """

    row: str
    world: str
    states: Mapping[State, int]
    steps: int
    step_s: float | None
    measured: str
    num_twins: int
    left_s: float | None
    run_bytes: int
    peak_bytes: int | None
    multiply_adds: int

    @property
    def num_left(self) -> int:
        """Number of its cells that are not done."""
        return sum(count for state, count in self.states.items() if state is not State.DONE)


def by_row(grid: Grid) -> dict[tuple[str, str], list[Cell]]:
    """Return the cells of each row in each world."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in grid.cells:
        rows.setdefault((cell.row, cell.world), []).append(cell)
    return rows


def plan_table(grid: Grid, forecasts: Mapping[tuple[str, str], Forecast]) -> tuple[PlannedRow, ...]:
    """Return what is there and what is left of each row.

    Args:
        grid: The cells.
        forecasts: By row and world.
    """
    return tuple(_planned(cells, forecasts[key]) for key, cells in by_row(grid).items())


def _planned(cells: list[Cell], forecast: Forecast) -> PlannedRow:
    seen = [(cell, *look(cell)) for cell in cells]
    done = [(cell, record) for cell, state, record in seen if record and state is State.DONE]
    trained = [(cell, record) for cell, record in done if not record.twin]
    left, steps = (
        [cell for cell, state, _ in seen if state is not State.DONE],
        cells[0].recipe.steps,
    )
    num_twins = sum(cell.twin is not None for cell in left)
    step_s, measured = forecast.step_s, "probe" if forecast.step_s else ""
    if trained:
        step_s = sum(record.train_s for _, record in trained) / (max(steps, 1) * len(trained))
        measured = "runs"
    judge_s = sum(record.judge_s for _, record in done) / len(done) if done else 0.0
    train_s = None if step_s is None else steps * step_s
    sizes = [_size_bytes(cell.run_dir) for cell, _ in trained]
    return PlannedRow(
        row=cells[0].row,
        world=cells[0].world,
        states=dict(Counter(state for _, state, _ in seen)),
        steps=steps,
        step_s=step_s,
        measured=measured,
        num_twins=num_twins,
        left_s=_left_s(len(left), len(left) - num_twins, judge_s, train_s),
        run_bytes=sum(sizes) // len(sizes) if sizes else forecast.kept_bytes,
        peak_bytes=max((record.peak_bytes for _, record in trained), default=None),
        multiply_adds=forecast.multiply_adds,
    )


def _left_s(
    num_left: int, num_to_train: int, judge_s: float, train_s: float | None
) -> float | None:
    """Return the seconds of what is left; what is not trained costs but its judging."""
    if num_to_train and train_s is None:
        return None
    return num_left * judge_s + num_to_train * (train_s or 0.0)


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
