"""The rows of a set, world by world on one axis, as geometry; the template draws it.

Coordinates are those of a drawing WIDTH units wide, about one CSS pixel each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vsda.report.curves import Scale, nice_ticks
from vsda.report.text import axis_text
from vsda.tables.looks import RowLook, row_looks
from vsda.tables.results import Column, Results, Score
from vsda.tables.text import num_seeds, score_text

WIDTH = 360
RIGHT = 328
"""Where the plot ends inside of the drawing; it begins where the longest name leaves room."""
TOP = 18
"""Where the plot begins; labels of its vertical lines stand above."""

_LETTER, _BESIDE = 5.9, 12
"""Widths: of a letter of a name, and of what is left free beside it."""
_ROW, _GROUP, _BELOW = 21, 9, 20
"""Heights: of a row, between groups, and of what stands below the plot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dots:
    """One row in a panel.

    Attributes:
        look: The row.
        y: Height of its mean.
        mean: Where it lies; None for a row without a result.
        spread: Ends of a standard deviation to both sides; None for one seed.
        runs: One place for each seed.
        text: The score, printed.
    """

    look: RowLook
    y: int
    mean: float | None
    spread: tuple[float, float] | None
    runs: tuple[float, ...]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """A vertical line at the mean of a row that others are compared with, and its label."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One world.

    Attributes:
        heading: The world.
        rows: All shown ones.
        left: Where the plot begins.
        levels: Source and ceiling, where there are such.
        ticks: (x, label).
        bottom: Where the plot ends.
        height: Of the drawing.
    """

    heading: str
    rows: tuple[Dots, ...]
    left: int
    levels: tuple[Level, ...]
    ticks: tuple[tuple[float, str], ...]
    bottom: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DotChart:
    """One set: a panel for each world, all with the same axis."""

    set_name: str
    panels: tuple[Panel, ...]


def dot_charts(results: Results) -> tuple[DotChart, ...]:
    """Return a chart for each set in which any row has a result."""
    charts = []
    for set_name in results.grid.table.recipe.sets:
        columns = [one for one in results.columns if one.set_name == set_name and one.scores]
        if columns:
            panels = tuple(_panels(results, columns))
            charts.append(DotChart(set_name=set_name, panels=panels))
    return tuple(charts)


def _panels(results: Results, columns: Sequence[Column]) -> Iterator[Panel]:
    ticks = nice_ticks(*_span(columns), at_most=6)
    looks = row_looks(results)
    left = round(_LETTER * max(len(look.short) for look in looks)) + _BESIDE
    scale = Scale(low=ticks[0], high=ticks[-1], start=left, stop=RIGHT)
    heights = _heights(results)
    bottom = heights[-1] + _ROW - 4
    for column in columns:
        places = zip(looks, heights, strict=True)
        yield Panel(
            heading=column.world if len(results.grid.worlds) > 1 else column.set_name,
            rows=tuple(_dots(results, column, look, y, scale) for look, y in places),
            left=left,
            levels=_levels(results, column, scale),
            ticks=tuple((scale.at(tick), axis_text(tick)) for tick in ticks),
            bottom=bottom,
            height=bottom + _BELOW,
        )


def _span(columns: Sequence[Column]) -> tuple[float, float]:
    ends = [
        end
        for column in columns
        for score in column.scores.values()
        for end in (*score.by_seed.values(), *_deviated(score))
    ]
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low - 1, high + 1)


def _deviated(score: Score) -> tuple[float, float]:
    deviation = score.deviation or 0.0
    return score.mean - deviation, score.mean + deviation


def _heights(results: Results) -> list[int]:
    """Return where each row's mean lies, groups a little apart."""
    y, before, heights = TOP - _ROW // 2 + 2, "", []
    for number, name in enumerate(results.shown):
        group = results.grid.table.rows[name].group
        y += _ROW + (_GROUP if number and group != before else 0)
        before = group
        heights.append(y)
    return heights


def _dots(results: Results, column: Column, look: RowLook, y: int, scale: Scale) -> Dots:
    score = column.scores.get(look.name)
    low_high = _deviated(score) if score and score.deviation is not None else None
    return Dots(
        look=look,
        y=y,
        mean=scale.at(score.mean) if score else None,
        spread=(scale.at(low_high[0]), scale.at(low_high[1])) if low_high else None,
        runs=tuple(map(scale.at, score.by_seed.values())) if score else (),
        text=score_text(score, num_seeds(results, look.name)),
    )


def _levels(results: Results, column: Column, scale: Scale) -> tuple[Level, ...]:
    """Return the lines from left to right: labels stand outside of the two."""
    recipe = results.grid.table.recipe
    named = {"source": recipe.source, "ceiling": recipe.ceiling}
    found = sorted(
        (scale.at(column.scores[row].mean), label)
        for label, row in named.items()
        if row in column.scores
    )
    return tuple(
        Level(x=x, label=label, anchor="start" if number else "end")
        for number, (x, label) in enumerate(found)
    )
