"""Judging a network while it trains: one confusion matrix over a sample of the validation sets."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor

from vsda.evaluation.cuts import Cut
from vsda.evaluation.metrics import class_iou, confusion_matrix, mean_iou
from vsda.evaluation.predict import batches_of, cuts_of, predict_batches
from vsda.evaluation.trained import TrainedNetwork
from vsda.models.network import SegmentationNetwork
from vsda.recipes.train import TrainRecipe
from vsda.shards.index import ShardSet, open_set
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import labelled_positions
from vsda.taxonomy import ClassSet
from vsda.training.inputs import check_labels
from vsda.training.validation import SCORE

_OF_CLASS = "validation_iou_"

_Batch = tuple[int, list[Cut]]
"""Number of a set, and what is predicted of it at once."""


class SetValidator:
    """Judges a network on labelled sets as `vsda evaluate` does, on all of them together.

    The samples are the same at every step. They are pictures, or whole clips of a clip network, at
    most the recipe's `validation_samples` frames (but one clip at least), spread evenly over the
    sets. What is predicted at once does not depend on the number of ranks, so that any number of
    them counts the same pixels.

    Args:
        recipe: The run's.
        classes: That the network learns.
        sets: Labelled.
        device: Where the network is.
        uses_target_labels: See the function of this name.

    Raises:
        ShardError: A set contradicts itself.
    """

    def __init__(
        self,
        recipe: TrainRecipe,
        classes: ClassSet,
        sets: Sequence[ShardSet],
        device: torch.device,
        *,
        uses_target_labels: bool,
    ) -> None:
        self.uses_target_labels = uses_target_labels
        self._recipe, self._classes, self._device = recipe, classes, device
        self._shards = [RandomAccessShards(shard_set) for shard_set in sets]
        cuts = [
            (number, cut)
            for number, shards in enumerate(self._shards)
            for cut in cuts_of(recipe, shards, labelled_positions(shards))
        ]
        self._batches = list(_batches(recipe, _spread(cuts, recipe.validation_samples)))

    @property
    def num_frames(self) -> int:
        """The number of frames that are judged, by all ranks together."""
        return sum(len(cut.kept) for _, batch in self._batches for cut in batch)

    def count(self, network: SegmentationNetwork, rank: int, world_size: int) -> Tensor:
        """Return the int64 confusion matrix (K + 1, K + 1) over a rank's share, on the CPU.

        The network's modes and all random streams are left as they were.

        Raises:
            ShardError: A sample cannot be read.
        """
        judged = TrainedNetwork(network=network, recipe=self._recipe, classes=self._classes, step=0)
        counts = np.zeros((judged.num_outputs, judged.num_outputs), dtype=np.int64)
        first, end = (len(self._batches) * each // world_size for each in (rank, rank + 1))
        with _evaluating(network):
            for number, group in groupby(self._batches[first:end], itemgetter(0)):
                batches = [batch for _, batch in group]
                for frame in predict_batches(judged, self._shards[number], batches, self._device):
                    counts += confusion_matrix(frame.truth, frame.predicted, len(counts))
        return torch.from_numpy(counts)

    def scores(self, counts: Tensor) -> dict[str, float]:
        """Return the mean IoU under `SCORE` and `validation_iou_<class>` of each class.

        Args:
            counts: The confusion matrix over all ranks. A class that its truth lacks has no score;
                without a labelled pixel the mean is nan.
        """
        ious = class_iou(counts.numpy())
        names = ("background", *self._classes.names)
        by_class = {
            _OF_CLASS + name.replace(" ", "-"): iou
            for name, iou in zip(names, ious, strict=True)
            if iou is not None
        }
        mean = mean_iou(ious)
        return {SCORE: math.nan if mean is None else mean} | by_class


def open_validator(recipe: TrainRecipe, classes: ClassSet, device: torch.device) -> SetValidator:
    """Return what judges a network of the recipe on the sets under its `validation`.

    Raises:
        ShardError: A set is missing, has no labels or contradicts itself.
        RecipeError: A set was prepared without a class that the recipe learns.
    """
    sets = [open_set(place) for place in recipe.validation]
    for shard_set in sets:
        check_labels(shard_set, classes)
    return SetValidator(
        recipe, classes, sets, device, uses_target_labels=uses_target_labels(recipe, sets)
    )


def uses_target_labels(recipe: TrainRecipe, sets: Sequence[ShardSet]) -> bool:
    """Tell whether choosing by `sets` takes labels of a domain that the run does not learn from.

    That is so of a set unless the run learns from labels of the same dataset, videos from videos
    and still images from still images.

    Raises:
        ShardError: A labelled set of the recipe is missing.
    """
    images = recipe.images if recipe.uses_images and recipe.image_labels else ()
    labelled = {_domain(open_set(place)) for place in (*images, *recipe.labelled_videos)}
    return any(_domain(shard_set) not in labelled for shard_set in sets)


def _domain(shard_set: ShardSet) -> tuple[str, bool]:
    return shard_set.index.dataset, bool(shard_set.index.sequences)


def _spread(cuts: Sequence[tuple[int, Cut]], most: int) -> list[tuple[int, Cut]]:
    """Return evenly spaced ones of `cuts` that keep `most` frames at most, one at least."""
    num_frames = sum(len(cut.kept) for _, cut in cuts)
    number = max(len(cuts) * min(most, num_frames) // max(num_frames, 1), 1)
    while True:
        chosen = [cuts[place] for place in np.linspace(0, len(cuts) - 1, number).astype(int)]
        if number == 1 or sum(len(cut.kept) for _, cut in chosen) <= most:
            return chosen
        number -= 1


def _batches(recipe: TrainRecipe, cuts: Sequence[tuple[int, Cut]]) -> Iterator[_Batch]:
    for number, group in groupby(cuts, itemgetter(0)):
        for batch in batches_of(recipe, [cut for _, cut in group]):
            yield number, batch


@contextmanager
def _evaluating(network: SegmentationNetwork) -> Iterator[None]:
    """Put the network into evaluation mode, and each of its modules back into its own after."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
