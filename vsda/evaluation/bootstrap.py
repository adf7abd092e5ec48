"""How far a mean IoU may be from what other videos of the same kind would give.

Neighbouring frames are nearly alike, so it is videos that are drawn anew, with replacement, not
frames; a still image is a video of its own. The mean IoU is computed again from the summed pixels
of each draw, and the interval holds the middle 95 % of the draws. With few videos it is too narrow,
and all that varies from training to training is not in it: repeat the run with other seeds.

Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentiles).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsda.evaluation.metrics import Confusion

NUM_DRAWS = 1_000
CONFIDENCE = 0.95
FEWEST_UNITS = 2
"""One video drawn with replacement is always itself: that has no interval."""
_SEED = 20_170_525

Interval = list[float]
"""Its lower and its upper end."""
Draws = NDArray[np.float64]
"""(NUM_DRAWS, ...) values, one for each draw; nan where a draw has none."""


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """All of a confusion matrix that IoUs depend on, each (K + 1,) int64 pixels or sums of them.

    With leading dimensions (units, K + 1) it holds those of many videos.
    """

    hits: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @classmethod
    def of(cls, confusion: Confusion) -> "ClassCounts":
        """Return the counts of a confusion matrix."""
        return cls(np.diag(confusion).copy(), confusion.sum(axis=1), confusion.sum(axis=0))

    @classmethod
    def stacked(cls, units: Sequence["ClassCounts"]) -> "ClassCounts":
        """Return the counts of several videos as one, (units, K + 1)."""
        return cls(
            np.stack([unit.hits for unit in units]),
            np.stack([unit.truth for unit in units]),
            np.stack([unit.predicted for unit in units]),
        )

    def __add__(self, other: "ClassCounts") -> "ClassCounts":
        return ClassCounts(
            self.hits + other.hits, self.truth + other.truth, self.predicted + other.predicted
        )


def drawn_ious(units: ClassCounts, key: int = 0) -> Draws:
    """Return the IoU (NUM_DRAWS, K + 1) of each class in each draw; nan where its truth lacks it.

    The draws depend on the number of units and on `key` alone: runs that were judged on the same
    set are compared on the same draws.

    Args:
        units: (units, K + 1) counts.
        key: Sets with different keys are drawn independently of each other.
    """
    num_units = len(units.hits)
    rng = np.random.default_rng([_SEED, key])
    times = rng.multinomial(num_units, np.full(num_units, 1 / num_units), size=NUM_DRAWS)
    weights = times.astype(np.float64)  # sums of pixels stay whole numbers below 2**53
    hits, truth, predicted = (
        weights @ counts.astype(np.float64) for counts in (units.hits, units.truth, units.predicted)
    )
    union = truth + predicted - hits
    ious: Draws = np.divide(hits, union, out=np.full(hits.shape, np.nan), where=truth > 0)
    return ious


def mean_over_classes(ious: Draws) -> Draws:
    """Return the mean (NUM_DRAWS,) of IoUs (NUM_DRAWS, classes), over the classes that have one."""
    has_iou = np.isfinite(ious)
    number = has_iou.sum(axis=1)
    total = np.where(has_iou, ious, 0.0).sum(axis=1)
    means: Draws = np.divide(total, number, out=np.full(len(ious), np.nan), where=number > 0)
    return means


def interval(values: Draws, num_units: int) -> Interval | None:
    """Return the middle 95 % of draws (NUM_DRAWS,).

    None where there are too few units, or where no draw has a value.
    """
    finite = values[np.isfinite(values)]
    if num_units < FEWEST_UNITS or not len(finite):
        return None
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(finite, [outside, 1 - outside])
    return [float(low), float(high)]
