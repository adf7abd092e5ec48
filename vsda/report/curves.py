"""Logged numbers over steps as geometry; the template draws it, so colours follow the page.

Coordinates are those of a drawing of WIDTH by HEIGHT units, about one CSS pixel each.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsda.report.log import Log
from vsda.report.quantities import place, quantity
from vsda.report.read import Run
from vsda.report.text import axis_text

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 40, 350, 12, 186
"""Edges of the plot inside the drawing."""

MAX_POINTS = 120
"""A longer log is drawn as means over equal parts, inside the span from least to largest."""

Floats = NDArray[np.float64]

_SHARES = ("accuracy", "cluster_source_share", "data_wait")
"""Prefixes of quantities in [0, 1]."""
_FACTORS = {"train_miou": 100.0, "validation_": 100.0, "memory_bytes": 2.0**-30}
"""From what is logged to what is drawn, by prefix."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One run in a chart.

    Attributes:
        run: Position of the run, which decides the colour.
        letter: Of the run.
        path: SVG path of the means.
        band: SVG path around least and largest; empty where each point is drawn.
        start: Height at which the first tenth lies, on average.
        end: (x, y) of the last point.
        last: The last value, printed.
        num_left_out: Values that were not finite.
    """

    run: int
    letter: str
    path: str
    band: str
    start: float
    end: tuple[float, float]
    last: str
    num_left_out: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A horizontal line that means something, at height `y`, with room for words at `label_y`."""

    y: float
    label_y: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One quantity over steps, for all runs that logged it.

    Attributes:
        name: As logged.
        title: For people.
        meaning: What it tells; empty where that is unknown.
        is_main: Belongs among those shown first.
        lines: At least one.
        x_ticks: (x, label).
        y_ticks: (y, label).
        reference: Chance, where the quantity has one.
        silent: Letters of the runs that logged no such thing.
    """

    name: str
    title: str
    meaning: str
    is_main: bool
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    reference: Reference | None
    silent: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """A linear map from [low, high] to [start, stop]."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, values: Floats) -> Floats:
        """Return where values lie."""
        share = (values - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def at(self, value: float) -> float:
        """Return where one value lies, in tenths of a unit."""
        return round(float(self(np.array([value]))[0]), 1)


def charts(runs: Sequence[Run]) -> tuple[Chart, ...]:
    """Return a chart for every quantity that any run logged: the main ones first."""
    names = {name for run in runs if run.log for name in run.log.values}
    return tuple(_chart(name, runs) for name in sorted(names, key=place))


def chance(name: str, runs: Sequence[Run]) -> tuple[float, str] | None:
    """Return where a discriminator that guesses would be in the quantity `name`, and its label.

    A guess between two domains is right half of the time, and its mean cross-entropy is ln 2; a
    loss summed over tokens has no such level.
    """
    if name.startswith("accuracy"):
        return 0.5, "chance"
    if name != "loss_adversarial" or any(map(_sums_loss, runs)):
        return None
    return math.log(2), "ln 2: guessing"


def nice_ticks(low: float, high: float, at_most: int = 5) -> list[float]:
    """Return round numbers, at most `at_most` + 1 of them, that span [low, high]."""
    raw = (high - low) / at_most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def _chart(name: str, runs: Sequence[Run]) -> Chart:
    logged = [
        (position, run.letter, run.log)
        for position, run in enumerate(runs)
        if run.log and name in run.log.values
    ]
    level = chance(name, [runs[position] for position, _, _ in logged])
    x_ticks = nice_ticks(0, max(1, *(log.steps[-1] for _, _, log in logged)))
    y_ticks = nice_ticks(*_span(name, [log for _, _, log in logged], level[0] if level else 0.0))
    x = Scale(low=0, high=x_ticks[-1], start=LEFT, stop=RIGHT)
    y = Scale(low=y_ticks[0], high=y_ticks[-1], start=BOTTOM, stop=TOP)
    lines = tuple(_line(place, letter, log, name, (x, y)) for place, letter, log in logged)
    known = quantity(name)
    heard = {letter for _, letter, _ in logged}
    return Chart(
        name=name,
        title=known.title,
        meaning=known.meaning,
        is_main=known.is_main,
        lines=lines,
        x_ticks=tuple((x.at(tick), axis_text(tick)) for tick in x_ticks),
        y_ticks=tuple((y.at(tick), axis_text(tick)) for tick in y_ticks),
        reference=_reference(y.at(level[0]), level[1], lines) if level else None,
        silent=tuple(run.letter for run in runs if run.letter not in heard),
    )


def _drawn(log: Log, name: str) -> Floats:
    """Return the numbers of a quantity in the unit that they are drawn in."""
    factor = next((_FACTORS[prefix] for prefix in _FACTORS if name.startswith(prefix)), 1.0)
    return np.asarray(log.values[name]) * factor


def _reference(y: float, label: str, lines: Sequence[Line]) -> Reference:
    """Put the label below where most curves begin above, so that it hides none of them."""
    below = sum(line.start < y for line in lines) * 2 >= len(lines)
    return Reference(y=y, label_y=y + 13 if below else y - 5, label=label)


def _sums_loss(run: Run) -> bool:
    settings = run.recipe.get("adversarial")
    return isinstance(settings, Mapping) and settings.get("reduction") == "sum"


def _span(name: str, logs: Sequence[Log], level: float) -> tuple[float, float]:
    """Return the range of the y axis: [0, 1] for shares, else around 0, `level` and all values."""
    if name.startswith(_SHARES):
        return 0.0, 1.0
    values = np.concatenate([_drawn(log, name) for log in logs])
    values = values[np.isfinite(values)]
    low, high = min(0.0, float(values.min())), max(level, float(values.max()))
    return low, high if high > low else low + 1


def _line(run: int, letter: str, log: Log, name: str, scales: tuple[Scale, Scale]) -> Line:
    steps, values = np.asarray(log.steps, dtype=np.float64), _drawn(log, name)
    finite = np.isfinite(values)
    last = f"{values[finite][-1]:.3g}"
    x, y = scales
    steps, values = x(steps[finite]), y(values[finite])
    parts = list(_parts(steps, values))
    means = [(float(xs.mean()), float(ys.mean())) for xs, ys in parts]
    bundled = len(parts) < len(steps)
    return Line(
        run=run,
        letter=letter,
        path=_path(means),
        band=_band(means, [ys for _, ys in parts]) if bundled else "",
        start=float(values[: max(1, len(values) // 10)].mean()),
        end=(round(means[-1][0], 1), round(means[-1][1], 1)),
        last=last,
        num_left_out=log.num_wrong[name],
    )


def _parts(steps: Floats, values: Floats) -> Iterator[tuple[Floats, Floats]]:
    num_parts = min(MAX_POINTS, len(steps))
    return zip(np.array_split(steps, num_parts), np.array_split(values, num_parts), strict=True)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _band(means: Sequence[tuple[float, float]], parts: Sequence[Floats]) -> str:
    upper = [(x, float(part.min())) for (x, _), part in zip(means, parts, strict=True)]
    lower = [(x, float(part.max())) for (x, _), part in zip(means, parts, strict=True)]
    return _path([*upper, *reversed(lower)]) + "Z"
