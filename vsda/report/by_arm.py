"""Classes and videos of a set, arm by arm: what the bars and the table of videos show."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from vsda.report.arms import Arm
from vsda.report.compare import ClassRow, SetResult
from vsda.report.scores import Range, mean_range

MOST_VIDEOS = 300
"""Rows of the table of videos; the hardest ones are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One arm in one class, in points.

    Attributes:
        mean: Over its runs; None where none of them has a number.
        runs: The numbers themselves where there are several.
        range: What other draws of the videos would give, bounds averaged over its runs.
    """

    mean: float | None
    runs: tuple[float, ...]
    range: Range | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassBars:
    """One class on one set: a bar for each arm; see `ClassRow` for the rest."""

    name: str
    share: float | None
    absent: bool
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmVideo:
    """One sequence: the mean of each arm's runs, in points, and its difference to the first arm."""

    name: str
    num_frames: int
    means: tuple[float | None, ...]
    differences: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Videos:
    """The sequences of a set, the hardest first; `num_left_out` easier ones are not listed."""

    set_name: str
    rows: tuple[ArmVideo, ...]
    num_left_out: int


def class_bars(result: SetResult, arms: Sequence[Arm]) -> tuple[ClassBars, ...]:
    """Return the classes of a set with a bar for each arm."""
    return tuple(
        ClassBars(
            name=row.name,
            share=row.share,
            absent=row.absent,
            bars=tuple(_bar(row, arm) for arm in arms),
        )
        for row in result.classes
    )


def arm_videos(result: SetResult, arms: Sequence[Arm]) -> Videos:
    """Return the sequences of a set with a number for each arm."""
    rows = []
    for row in result.videos[:MOST_VIDEOS]:
        means = tuple(_mean([row.points[place] for place in arm.positions]) for arm in arms)
        first, *others = means
        differences = [None if first is None or mean is None else mean - first for mean in others]
        rows.append(
            ArmVideo(
                name=row.name,
                num_frames=row.num_frames,
                means=means,
                differences=(None, *differences),
            )
        )
    return Videos(
        set_name=result.name,
        rows=tuple(rows),
        num_left_out=len(result.videos) - len(rows),
    )


def _bar(row: ClassRow, arm: Arm) -> Bar:
    judged = [place for place in arm.positions if row.points[place] is not None]
    values = tuple(value for place in judged if (value := row.points[place]) is not None)
    return Bar(
        mean=_mean(values),
        runs=values if len(values) > 1 else (),
        range=mean_range([row.ranges[place] for place in judged]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
