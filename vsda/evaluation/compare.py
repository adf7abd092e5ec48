"""Two mean IoUs side by side: two runs on one set, or one run on images and on videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vsda.evaluation.bootstrap import ClassCounts, drawn_ious, interval, mean_over_classes
from vsda.evaluation.metrics import count_iou


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A run judged on a set.

    Attributes:
        scores: As they are written.
        names: Of the classes, background first.
        units: Counts (units, K + 1) of the videos and still images.
        is_video: The set has sequences.
    """

    scores: dict[str, Any]
    names: tuple[str, ...]
    units: ClassCounts
    is_video: bool

    @property
    def ious(self) -> dict[str, float | None]:
        """The IoU of each class over the whole set."""
        units = self.units
        ious = count_iou(*(part.sum(axis=0) for part in (units.hits, units.truth, units.predicted)))
        return dict(zip(self.names, ious, strict=True))


def with_comparisons(by_run: Sequence[Sequence[Verdict]]) -> list[dict[str, Any]]:
    """Return all scores, run after run, with what can only be said of several together.

    `difference` is that to the first run on the same set; `gaps`, on a set of videos, those of the
    run's mean IoU on each set of images to the one on the videos.

    Args:
        by_run: For each run its verdicts on the same sets.
    """
    found = []
    for verdicts in by_run:
        images = [verdict for verdict in verdicts if not verdict.is_video]
        for first, verdict in zip(by_run[0], verdicts, strict=True):
            scores = dict(verdict.scores)
            if verdict is not first:
                scores["difference"] = {"to": first.scores["run"], **difference(verdict, first)}
            if verdict.is_video and images:
                scores["gaps"] = [
                    {"from": each.scores["set"], **difference(each, verdict, is_paired=False)}
                    for each in images
                ]
            found.append(scores)
    return found


def difference(one: Verdict, other: Verdict, *, is_paired: bool = True) -> dict[str, Any]:
    """Return by how much the mean IoU of `one` is above that of `other`, with its interval.

    Both means are over the classes that have a labelled pixel in both, and so is each draw's: it is
    the mean of the differences of the classes that it has in both.

    Args:
        one: A verdict.
        other: Another one.
        is_paired: Both are on the same set: the same videos are drawn for both.
    """
    ious = one.ious, other.ious
    classes = [name for name in one.names if all(each.get(name) is not None for each in ious)]
    if not classes:
        return {"classes": [], "mean_iou": None, "interval": None}
    means = [sum(each[name] or 0.0 for name in classes) / len(classes) for each in ious]
    draws = [
        drawn_ious(verdict.units, key)[:, [verdict.names.index(name) for name in classes]]
        for verdict, key in ((one, 0), (other, 0 if is_paired else 1))
    ]
    fewest = min(len(one.units.hits), len(other.units.hits))
    return {
        "classes": classes,
        "of": means[0],
        "to_mean_iou": means[1],
        "mean_iou": means[0] - means[1],
        "interval": interval(mean_over_classes(np.subtract(*draws)), fewest),
    }
