"""Weights of the classes in the cross-entropy, from pixel counts, with their source on record."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsda.recipes.train import ClassWeightSettings
from vsda.shards.index import ShardSet
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, ClassSet


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassWeights:
    """One weight per class, background first.

    Attributes:
        values: Length K + 1.
        source: `none`, `images` or `videos`, as in the recipe.
        sets: Names of the sets that were counted.
        uses_target_labels: True if labels of the target domain went in.
    """

    values: tuple[float, ...]
    source: str
    sets: tuple[str, ...]
    uses_target_labels: bool


def class_weights(
    settings: ClassWeightSettings,
    classes: ClassSet,
    images: Sequence[ShardSet],
    videos: Sequence[ShardSet],
) -> ClassWeights:
    """Return the weights that a recipe asks for, counted in the indexes of its sets."""
    if settings.source == "none":
        ones = (1.0,) * (len(classes) + 1)
        return ClassWeights(values=ones, source="none", sets=(), uses_target_labels=False)
    sets = images if settings.source == "images" else videos
    counts = [0] * (len(classes) + 1)
    for shard_set in sets:
        counted = project_counts(shard_set.index.class_pixels, classes)
        counts = [a + b for a, b in zip(counts, counted, strict=True)]
    return ClassWeights(
        values=inverse_log_weights(counts),
        source=settings.source,
        sets=tuple(shard_set.index.name for shard_set in sets),
        uses_target_labels=settings.source == "videos",
    )


def project_counts(class_pixels: Mapping[int, int], classes: ClassSet) -> list[int]:
    """Return the pixels of background and of each class; ids outside `classes` are background."""
    counts = [0] * (len(classes) + 1)
    index_of = {class_id: index for index, class_id in enumerate(classes.ids, start=1)}
    for class_id, pixels in class_pixels.items():
        if class_id != IGNORE_INDEX:
            counts[index_of.get(class_id, BACKGROUND_ID)] += pixels
    return counts


def inverse_log_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """Return 1 / ln(1.02 + share of pixels), divided by the mean over the classes.

    An absent class has share 0 and so the largest weight, about 36 times that of a class which
    covers everything. Ignored pixels must not be among `counts`.

    Reference: ENet, arXiv 1606.02147, section 5.2 (there without the division).
    """
    total = sum(counts)
    raw = [1 / math.log(1.02 + (count / total if total else 0.0)) for count in counts]
    mean = sum(raw) / len(raw)
    return tuple(weight / mean for weight in raw)
