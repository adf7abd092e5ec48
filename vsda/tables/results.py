"""The numbers of a table: means and deviations, differences, shares of the gap, verdicts."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsda.tables.cell import Cell
from vsda.tables.claims import Judgement, judge
from vsda.tables.grid import Grid
from vsda.tables.paired import Estimate, difference
from vsda.tables.record import CellRecord, State, look

MEAN = "mean of all worlds"

BySeed = Mapping[int, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One row in one column, in points.

    Attributes:
        by_seed: What each run came to.
        mean: Over the seeds.
        deviation: Their sample standard deviation; None for one seed.
        difference: To the source row, paired over the seeds; None for that row, or without one.
        share: Of the gap between source and ceiling, by their means; None where there is no gap.
    """

    by_seed: BySeed
    mean: float
    deviation: float | None
    difference: Estimate | None
    share: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One set in one world.

    Attributes:
        world: Its world; `MEAN` for the mean over all.
        set_name: Its set.
        heading: What the table calls it.
        scores: By row; rows without a result are absent.
        gap: From source to ceiling, paired over the seeds; None in a table without one of them.
        classes: Mean over the seeds by row and class, in points; empty for the mean of worlds.
    """

    world: str
    set_name: str
    heading: str
    scores: Mapping[str, Score]
    gap: Estimate | None
    classes: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """A table with its numbers.

    Attributes:
        grid: The table and its cells.
        columns: In order.
        judgements: Of each claim in each column of its set.
        records: Of the finished cells that the table shows.
        missing: Names of those that are not finished.
    """

    grid: Grid
    columns: tuple[Column, ...]
    judgements: tuple[Judgement, ...]
    records: tuple[tuple[Cell, CellRecord], ...]
    missing: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the rows that the table shows."""
        return tuple(row.name for row in self.grid.table.recipe.rows if row.shown)


def gather(grid: Grid) -> Results:
    """Return what the finished cells of `grid` came to."""
    records, missing = [], []
    for cell in grid.cells:
        if not cell.judged_on:
            continue
        state, record = look(cell)
        if record is None or state is not State.DONE:
            missing.append(cell.name)
        else:
            records.append((cell, record))
    columns = _columns(grid, records)
    claims = grid.table.claims
    judgements = [
        judge(claim, {row: score.by_seed for row, score in column.scores.items()}, column.heading)
        for claim in claims
        for column in columns
        if column.set_name == claim.on
    ]
    return Results(
        grid=grid,
        columns=tuple(columns),
        judgements=tuple(judgements),
        records=tuple(records),
        missing=tuple(missing),
    )


def _columns(grid: Grid, records: Sequence[tuple[Cell, CellRecord]]) -> list[Column]:
    sets = grid.table.recipe.sets
    columns = []
    for world in grid.worlds:
        of_world = [(cell, record) for cell, record in records if cell.world == world]
        columns += [_column(grid, world, name, of_world) for name in sets]
    if len(grid.worlds) > 1:
        columns += [_mean_column(grid, name, columns) for name in sets]
    return columns


def _column(
    grid: Grid, world: str, set_name: str, records: Sequence[tuple[Cell, CellRecord]]
) -> Column:
    points: dict[str, dict[int, float]] = {}
    by_class: dict[str, dict[str, list[float]]] = {}
    for cell, record in records:
        score = record.scores[set_name]
        if score.mean_iou is not None:
            points.setdefault(cell.row, {})[cell.seed] = 100 * score.mean_iou
        for name, iou in score.iou.items():
            if iou is not None:
                by_class.setdefault(cell.row, {}).setdefault(name, []).append(100 * iou)
    return Column(
        world=world,
        set_name=set_name,
        heading=" ".join([*([world] if len(grid.worlds) > 1 else []), set_name]),
        scores=_scores(grid, points),
        gap=_gap(grid, points),
        classes={
            row: {name: statistics.fmean(values) for name, values in found.items()}
            for row, found in by_class.items()
        },
    )


def _mean_column(grid: Grid, set_name: str, columns: Sequence[Column]) -> Column:
    """Return the mean over the worlds, of the seeds that a row has in all of them."""
    of_set = [column for column in columns if column.set_name == set_name]
    points: dict[str, dict[int, float]] = {}
    for row in grid.table.rows:
        scores = [column.scores[row].by_seed for column in of_set if row in column.scores]
        if len(scores) == len(of_set):
            seeds = [seed for seed in scores[0] if all(seed in one for one in scores)]
            means = {seed: statistics.fmean(one[seed] for one in scores) for seed in seeds}
            points |= {row: means} if means else {}
    return Column(
        world=MEAN,
        set_name=set_name,
        heading=f"{MEAN}, {set_name}",
        scores=_scores(grid, points),
        gap=_gap(grid, points),
        classes={},
    )


def _scores(grid: Grid, points: Mapping[str, BySeed]) -> dict[str, Score]:
    ceiling = points.get(grid.table.recipe.ceiling)
    shown = [row for row in grid.table.rows if row in points]
    return {row: _score(row, grid.table.baseline(row), ceiling, points) for row in shown}


def _score(row: str, baseline: str, ceiling: BySeed | None, points: Mapping[str, BySeed]) -> Score:
    found = points[row]
    source = points.get(baseline) if row != baseline else None
    return Score(
        by_seed=found,
        mean=statistics.fmean(found.values()),
        deviation=statistics.stdev(found.values()) if len(found) > 1 else None,
        difference=difference(found, source or {}),
        share=_share(found, source, ceiling),
    )


def _gap(grid: Grid, points: Mapping[str, BySeed]) -> Estimate | None:
    table = grid.table.recipe
    return difference(points.get(table.ceiling, {}), points.get(table.source, {}))


def _share(points: BySeed, source: BySeed | None, ceiling: BySeed | None) -> float | None:
    if not source or not ceiling:
        return None
    bottom, top = statistics.fmean(source.values()), statistics.fmean(ceiling.values())
    if top <= bottom:
        return None
    return (statistics.fmean(points.values()) - bottom) / (top - bottom)
