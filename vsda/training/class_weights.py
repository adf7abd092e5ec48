"""Weights of the classes in the cross-entropy, from pixel counts, with their source on record.

The counts are those of the index of each set, at the pictures' own sizes, with ignored pixels left
out. Every formula is divided by its mean over the classes: a common factor changes nothing in a
weighted mean. The paper says that its weights come from DAVIS or FBMS, and gives no formula.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vsda.recipes.train import ClassWeightSettings
from vsda.shards.index import ShardSet
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, ClassSet


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassWeights:
    """One weight per class, background first.

    Attributes:
        values: Length K + 1.
        source: `none`, `labelled` or `videos`, as in the recipe.
        sets: Names of the sets that were counted.
        uses_target_labels: True if labels went in that the cross-entropy of the run does not see: a
            leak from the target domain.
    """

    values: tuple[float, ...]
    source: str
    sets: tuple[str, ...]
    uses_target_labels: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted of each class, background first.

    Attributes:
        pixels: Pixels of the class.
        frames: Frames that hold it. Of the background this is the largest count of one id that
            becomes background, which is exact for a set that was prepared with the same classes.
    """

    pixels: tuple[int, ...]
    frames: tuple[int, ...]


def class_weights(
    settings: ClassWeightSettings,
    classes: ClassSet,
    labelled: Sequence[ShardSet],
    videos: Sequence[ShardSet],
) -> ClassWeights:
    """Return the weights that a recipe asks for, counted in the indexes of its sets.

    Args:
        settings: Whose pixels count, and the formula.
        classes: The classes to learn.
        labelled: The sets whose labels the cross-entropy sees.
        videos: The sets of the target domain; labels of those that are not among `labelled` are a
            leak.
    """
    if settings.source == "none":
        ones = (1.0,) * (len(classes) + 1)
        return ClassWeights(values=ones, source="none", sets=(), uses_target_labels=False)
    sets = labelled if settings.source == "labelled" else videos
    return ClassWeights(
        values=FORMULAS[settings.formula](count_classes(sets, classes)),
        source=settings.source,
        sets=tuple(shard_set.index.name for shard_set in sets),
        uses_target_labels=any(shard_set not in labelled for shard_set in sets),
    )


def count_classes(sets: Sequence[ShardSet], classes: ClassSet) -> Counts:
    """Return what the indexes of `sets` count of background and of each class."""
    pixels: Counter[int] = Counter()
    frames: Counter[int] = Counter()
    for shard_set in sets:
        pixels.update(shard_set.index.class_pixels)
        frames.update(shard_set.index.class_frames)
    return Counts(_project(pixels, classes, sum), _project(frames, classes, max))


def inverse_log(counts: Counts) -> tuple[float, ...]:
    """Return 1 / ln(1.02 + share of pixels), divided by the mean over the classes.

    An absent class has share 0 and so the largest weight, about 36 times that of a class which
    covers everything.

    Reference: ENet, arXiv 1606.02147, section 5.2 (there without the division).
    """
    total = sum(counts.pixels) or 1
    return _over_mean([1 / math.log(1.02 + pixels / total) for pixels in counts.pixels])


def inverse_frequency(counts: Counts) -> tuple[float, ...]:
    """Return 1 / pixels, divided by the mean over the classes.

    An absent class has the weight of the rarest one that is present; with no pixels at all every
    weight is 1.

    Reference: King and Zeng, Logistic regression in rare events data, 2001; `balanced` of
    scikit-learn's `compute_class_weight`, which differs by a common factor.
    """
    return _over_mean(_inverses(counts.pixels))


def inverse_sqrt(counts: Counts) -> tuple[float, ...]:
    """Return 1 / sqrt(pixels), divided by the mean over the classes.

    Half way, in logarithms, between no weights and `inverse_frequency`. An absent class has the
    weight of the rarest one that is present; with no pixels at all every weight is 1.

    Reference: Mahajan et al., arXiv 1805.00932, who resample by this root.
    """
    return _over_mean([math.sqrt(weight) for weight in _inverses(counts.pixels)])


def median_frequency(counts: Counts) -> tuple[float, ...]:
    """Return 1 / (pixels per frame that holds the class), divided by the mean over the classes.

    So a class that is rare, but large where it occurs, gets a smaller weight than by
    `inverse_frequency`. Frames count as if all were of one size, and the median over the classes,
    a common factor, goes out with the mean. An absent class has the largest weight of those that
    are present; with no pixels at all every weight is 1.

    Reference: Eigen and Fergus, arXiv 1411.4734 (median frequency balancing).
    """
    pairs = zip(counts.pixels, counts.frames, strict=True)
    return _over_mean(_inverses([pixels / max(frames, 1) for pixels, frames in pairs]))


FORMULAS: Mapping[str, Callable[[Counts], tuple[float, ...]]] = {
    "inverse-log": inverse_log,
    "inverse-frequency": inverse_frequency,
    "median-frequency": median_frequency,
    "inverse-sqrt": inverse_sqrt,
}


def _project(
    by_id: Mapping[int, int], classes: ClassSet, join: Callable[[list[int]], int]
) -> tuple[int, ...]:
    """Return the counts of background and of each class; ids outside `classes` are background."""
    index_of = {class_id: index for index, class_id in enumerate(classes.ids, start=1)}
    found: list[list[int]] = [[0] for _ in range(len(classes) + 1)]
    for class_id, count in by_id.items():
        if class_id != IGNORE_INDEX:
            found[index_of.get(class_id, BACKGROUND_ID)].append(count)
    return tuple(join(values) for values in found)


def _inverses(shares: Sequence[float]) -> list[float]:
    """Return 1 / share, for a share of 0 that of the smallest one above."""
    rarest = min((share for share in shares if share), default=1)
    return [1 / (share or rarest) for share in shares]


def _over_mean(weights: Sequence[float]) -> tuple[float, ...]:
    mean = sum(weights) / len(weights)
    return tuple(weight / mean for weight in weights)
