"""Differences paired over seeds: their mean, and in which interval the true one lies.

Runs of two rows with one seed share the order of their batches, and their first weights where they
start from the same network, so their difference varies less than either.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean difference, in the unit of the differences.

    Attributes:
        mean: Of the differences.
        low: Where its interval at `LEVEL` begins, by Student's distribution; -inf for one seed.
        high: Where it ends; inf for one seed.
        num: Differences.
    """

    mean: float
    low: float
    high: float
    num: int


def estimate(differences: Sequence[float]) -> Estimate | None:
    """Return the mean of `differences` with its interval, None where there are none."""
    num = len(differences)
    if not num:
        return None
    mean = statistics.fmean(differences)
    if num == 1:
        return Estimate(mean=mean, low=-math.inf, high=math.inf, num=num)
    quantile = float(stdtrit(num - 1, (1 + LEVEL) / 2))
    half = quantile * statistics.stdev(differences) / math.sqrt(num)
    return Estimate(mean=mean, low=mean - half, high=mean + half, num=num)


def difference(points: Mapping[int, float], other: Mapping[int, float]) -> Estimate | None:
    """Return how much more `points` are than `other`, both by seed; None without a common seed."""
    return estimate([points[seed] - other[seed] for seed in points if seed in other])
