"""J and F of a network that names classes, where DAVIS has objects.

A class of the truth of a video is taken for one of its objects: all pixels of the class in a frame
are its mask. So the numbers are those of DAVIS's public evaluation on these masks. Every labelled
frame counts, since the network is given none; the public evaluation of the semi-supervised task
leaves out the first, which is given, and the last. A frame without the class in truth and
prediction counts as 1. The background is no object. A class that the truth of a video lacks is no
object of it: where it is predicted, the objects that it covers lose those pixels.

The mean is over the objects of all videos, as in DAVIS; that of a class over the videos that have
it, that of a video over its classes. A still image is a video of one frame.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vsda.evaluation.similarity import Series, series
from vsda.evaluation.tally import UnitTally


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """J and F of class `index` (1..K) in one video."""

    index: int
    j: Series
    f: Series


def object_scores(unit: UnitTally) -> list[ObjectScore]:
    """Return the scores of the classes that the truth of a video has."""
    return [
        ObjectScore(index, *(series([values[part] for values in frames]) for part in (0, 1)))
        for index in range(1, len(unit.counts.truth))
        if unit.counts.truth[index]
        for frames in [_frames(unit, index)]
    ]


def likeness_scores(units: Iterable[UnitTally], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the statistics over all objects and by class, as plain values.

    Args:
        units: The videos.
        names: Of the classes, background first.
    """
    found = [score for unit in units for score in object_scores(unit)]
    by_class = {
        name: statistics([score for score in found if score.index == index])
        for index, name in enumerate(names)
        if index
    }
    return {"num_objects": len(found), **statistics(found), "by_class": by_class}


def statistics(scores: Sequence[ObjectScore]) -> dict[str, float | None]:
    """Return the means over objects by the names that DAVIS gives them; None without objects."""
    found: dict[str, float | None] = {
        f"{letter}_{name}": _mean([getattr(getattr(score, letter), name) for score in scores])
        for letter in ("j", "f")
        for name in ("mean", "recall", "decay")
    }
    j_mean, f_mean = found["j_mean"], found["f_mean"]
    both = None if j_mean is None or f_mean is None else (j_mean + f_mean) / 2
    return {"j_and_f": both, **found}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _frames(unit: UnitTally, index: int) -> list[tuple[float, float]]:
    """Return J and F of a class in each frame, in order; a frame without it counts as 1."""
    known = unit.likeness.get(index, {})
    return [known.get(number, (1.0, 1.0)) for number in sorted(unit.frame_numbers)]
