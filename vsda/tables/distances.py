"""How far apart images and videos are inside of the networks, beside what the networks score.

The distances are those that `vsda gap` has left in run folders. Coordinates are those of a drawing
as `vsda.report.curves` has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsda.errors import RunError
from vsda.report.curves import BOTTOM, LEFT, RIGHT, TOP, Scale, nice_ticks
from vsda.report.gaps import GAP, GAP_FILE, Measured, Probe, read_measured
from vsda.report.text import axis_text, points_text
from vsda.tables.looks import RowLook, row_looks
from vsda.tables.results import Results

_FARTHEST = 2.0
"""The proxy A-distance where a probe is never wrong."""
_ROOM = 0.5
"""Points that a score stays away from the edge of the plot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One run.

    Attributes:
        look: Its row.
        x: Of its distance.
        ends: Of the distance's interval.
        y: Of its score.
        text: Both, printed.
    """

    look: RowLook
    x: float
    ends: tuple[float, float]
    y: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TapPlot:
    """One tap.

    Attributes:
        tap: Its name.
        points: At least one.
        x_ticks: (x, label).
        y_ticks: (y, label).
    """

    tap: str
    points: tuple[Point, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldDistances:
    """One world: a plot for each tap, between the two sets that were compared."""

    world: str
    sets: tuple[str, str]
    rows: tuple[RowLook, ...]
    plots: tuple[TapPlot, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Distances:
    """All that was measured; `damage` is what cannot be read."""

    worlds: tuple[WorldDistances, ...]
    damage: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """A measured run: its row, its score in points, and the distance of tokens by tap."""

    row: str
    score: float
    probes: Mapping[str, Probe]


def distances(results: Results) -> Distances:
    """Return what `vsda gap` has left in the run folders of finished cells."""
    damage: list[str] = []
    first_set = results.grid.table.recipe.sets[0]
    groups: dict[tuple[str, tuple[str, str]], list[_Run]] = {}
    for cell, record in results.records:
        path = cell.run_dir / GAP / GAP_FILE
        mean_iou = record.scores[first_set].mean_iou
        if not path.is_file() or mean_iou is None:
            continue
        try:
            measured = read_measured(path)
            probes = _probes(measured, path)
        except RunError as error:
            damage.append(str(error))
            continue
        key = (cell.world, (measured.images.name, measured.videos.name))
        run = _Run(row=cell.row, score=100 * mean_iou, probes=probes)
        groups.setdefault(key, []).append(run)
    looks = row_looks(results)
    worlds = tuple(
        _world(world, sets, runs, looks)
        for place in results.grid.worlds
        for (world, sets), runs in groups.items()
        if world == place
    )
    return Distances(worlds=worlds, damage=tuple(damage))


def _probes(measured: Measured, path: Path) -> dict[str, Probe]:
    """Return the distances inside of the run itself: what it started from may stand beside it."""
    run_dir = path.parent.parent.resolve()
    for network in measured.networks:
        if run_dir.match(network.name):  # the folder's name, and parents where others had it, too
            return {tap: found.tokens.probe for tap, found in network.taps.items()}
    raise RunError(f"{path}: is not about the run {run_dir.name}; run `vsda gap` again")


def _world(
    world: str, sets: tuple[str, str], runs: Sequence[_Run], looks: Sequence[RowLook]
) -> WorldDistances:
    taps = dict.fromkeys(tap for run in runs for tap in run.probes)
    rows = {run.row for run in runs}
    return WorldDistances(
        world=world,
        sets=sets,
        rows=tuple(look for look in looks if look.name in rows),
        plots=tuple(_plot(tap, runs, looks) for tap in taps),
    )


def _plot(tap: str, runs: Sequence[_Run], looks: Sequence[RowLook]) -> TapPlot:
    """Return the plot of a tap; all taps have the same axes."""
    scores = [run.score for run in runs]
    low = min(0.0, *(probe.low for run in runs for probe in run.probes.values()))
    x_ticks = nice_ticks(low, _FARTHEST, at_most=4)
    y_ticks = nice_ticks(min(scores) - _ROOM, max(scores) + _ROOM, at_most=4)
    x = Scale(low=x_ticks[0], high=x_ticks[-1], start=LEFT, stop=RIGHT)
    y = Scale(low=y_ticks[0], high=y_ticks[-1], start=BOTTOM, stop=TOP)
    by_name = {look.name: look for look in looks}
    return TapPlot(
        tap=tap,
        points=tuple(
            _point(by_name[run.row], run.score, run.probes[tap], (x, y))
            for run in runs
            if tap in run.probes
        ),
        x_ticks=tuple((x.at(tick), axis_text(tick)) for tick in x_ticks),
        y_ticks=tuple((y.at(tick), axis_text(tick)) for tick in y_ticks),
    )


def _point(look: RowLook, score: float, probe: Probe, scales: tuple[Scale, Scale]) -> Point:
    x, y = scales
    return Point(
        look=look,
        x=x.at(probe.distance),
        ends=(x.at(probe.low), x.at(probe.high)),
        y=y.at(score),
        text=f"{look.name}: distance {probe.distance:.2f}, mean IoU {points_text(score)}",
    )
