"""Counts as scores: plain values by name, as they are written and printed."""

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

from vsda.evaluation.attributes import Attributes
from vsda.evaluation.bootstrap import (
    CONFIDENCE,
    ClassCounts,
    drawn_ious,
    interval,
    mean_over_classes,
)
from vsda.evaluation.likeness import likeness_scores, object_scores, statistics
from vsda.evaluation.metrics import count_iou, mean_iou
from vsda.evaluation.stability import Changes, consistency
from vsda.evaluation.tally import Metric, Tally, UnitTally


def set_scores(tally: Tally, names: tuple[str, ...], attributes: Attributes) -> dict[str, Any]:
    """Return the scores of a set, of its videos and of its attributes.

    Args:
        tally: The counts of the whole set.
        names: Of the classes, background first.
        attributes: Of its sequences.
    """
    scores: dict[str, Any] = {"num_frames": tally.num_frames, **_iou_scores(tally, names)}
    if Metric.JF in tally.metrics:
        scores["davis"] = likeness_scores(tally.units, names)
    if Metric.STABILITY in tally.metrics:
        scores["stability"] = _stability(unit.changes for unit in tally.units)
    if attributes:
        scores["attributes"] = _attribute_scores(tally, names, attributes)
    scores["videos"] = {
        name: _video_scores(tally.sequences[name], tally, names) for name in sorted(tally.sequences)
    }
    return scores


def _iou_scores(tally: Tally, names: tuple[str, ...]) -> dict[str, Any]:
    by_class = _class_scores(ClassCounts.of(tally.confusion), names)
    return {
        **by_class,
        "confidence": CONFIDENCE,
        "num_units": len(tally.units),
        **_intervals([unit.counts for unit in tally.units], names),
        "pixels": dict(zip(names, tally.confusion.sum(axis=1).tolist(), strict=True)),
        "absent": [name for name, iou in by_class["iou"].items() if iou is None],
        "classes": list(names),
        "confusion": tally.confusion.tolist(),
    }


def _intervals(units: list[ClassCounts], names: tuple[str, ...]) -> dict[str, Any]:
    if not units:
        return {"interval": None, "iou_interval": dict.fromkeys(names)}
    stacked = ClassCounts.stacked(units)
    ious = drawn_ious(stacked)
    num_with_class = (stacked.truth > 0).sum(axis=0).tolist()  # a class of one video has no spread
    by_class = {
        name: interval(ious[:, index], num_with_class[index]) for index, name in enumerate(names)
    }
    return {
        "interval": interval(mean_over_classes(ious), len(units)),
        "iou_interval": by_class,
    }


def _class_scores(counts: ClassCounts, names: tuple[str, ...]) -> dict[str, Any]:
    ious = count_iou(counts.hits, counts.truth, counts.predicted)
    return {"mean_iou": mean_iou(ious), "iou": dict(zip(names, ious, strict=True))}


def _video_scores(unit: UnitTally, tally: Tally, names: tuple[str, ...]) -> dict[str, Any]:
    scores: dict[str, Any] = {
        "num_frames": unit.num_frames,
        **_class_scores(unit.counts, names),
    }
    if Metric.JF in tally.metrics:
        scores["davis"] = statistics(object_scores(unit))
    if Metric.STABILITY in tally.metrics:
        scores["stability"] = _stability([unit.changes])
    return scores


def _stability(changes: Iterable[Changes | None]) -> dict[str, Any] | None:
    """Return what the neighbours of some videos come to together; None without neighbours."""
    known = [each for each in changes if each is not None]
    if not known:
        return None
    total = reduce(add, known)
    return {
        "num_pairs": total.num_pairs,
        "flicker": total.flicker,
        "consistency": consistency(total.predicted),
        "truth_consistency": consistency(total.truth),
    }


def _attribute_scores(
    tally: Tally, names: tuple[str, ...], attributes: Attributes
) -> dict[str, Any]:
    """Return the scores over the videos of each attribute that the set has any of."""
    found = {}
    for attribute, sequences in attributes.items():
        here = sorted(sequences & tally.sequences.keys())
        if here:
            units = [tally.sequences[name].counts for name in here]
            found[attribute] = {
                "num_videos": len(here),
                **_class_scores(reduce(add, units), names),
                "interval": _intervals(units, names)["interval"],
            }
    return found
