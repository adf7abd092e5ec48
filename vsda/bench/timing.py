"""Times of several ways to do something, taken in turns: a busy machine disturbs all alike."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from vsda.bench.cluster_results import Ratio, Timing
from vsda.progress import progress

Work = Callable[[], object]
Rounds = dict[str, list[float]]
"""Milliseconds of each way by name; the same place in two lists is the same round."""


def take_turns(
    works: Mapping[str, Work],
    num_rounds: int,
    what: str,
    clock: Callable[[], float] = time.perf_counter,
) -> Rounds:
    """Do all `works` in every round, each after the others, and return how long each took.

    A round more comes first and is not counted: it pays for what is set up once. Every round begins
    with another of the works, so that none always follows the same one. On a GPU the clock is read
    when the device has finished.
    """
    names = list(works)
    rounds: Rounds = {name: [] for name in names}
    for index in progress(range(num_rounds + 1), what):
        start = index % len(names)
        for name in names[start:] + names[:start]:
            took_ms = _milliseconds(works[name], clock)
            if index > 0:
                rounds[name].append(took_ms)
    return rounds


def timing(took_ms: Sequence[float]) -> Timing:
    """Return the summary of the rounds of one way, at least one."""
    low, median, high = np.percentile(took_ms, [25, 50, 75]).tolist()
    return Timing(
        median_ms=median,
        low_ms=low,
        high_ms=high,
        fastest_ms=min(took_ms),
        num_rounds=len(took_ms),
    )


def ratio(took_ms: Sequence[float], base_ms: Sequence[float]) -> Ratio:
    """Return how many times as long as the base one way took in the same rounds."""
    each = [one / base for one, base in zip(took_ms, base_ms, strict=True)]
    low, high = np.percentile(each, [25, 75]).tolist()
    of_medians = timing(took_ms).median_ms / timing(base_ms).median_ms
    return Ratio(of_medians=of_medians, low=low, high=high)


def _milliseconds(work: Work, clock: Callable[[], float]) -> float:
    _wait_for_device()
    start = clock()
    work()
    _wait_for_device()
    return (clock() - start) * 1e3


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
