"""What a run reads: its sets of shards, its classes and the weights of its cross-entropy."""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from vsda.errors import RecipeError, ShardError
from vsda.recipes.train import TrainRecipe
from vsda.shards.index import ShardSet, open_set
from vsda.shards.read import RandomAccessShards
from vsda.stream.loader import Joined
from vsda.taxonomy import ClassSet, class_set
from vsda.training.class_weights import ClassWeights, class_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInputs:
    """The sets of a run, opened and checked against its recipe.

    Attributes:
        classes: The classes to learn.
        image_sets: Sets of labelled images.
        video_sets: Sets of unlabelled frames; empty in a source-only run.
        weights: Of the cross-entropy.
    """

    classes: ClassSet
    image_sets: tuple[ShardSet, ...]
    video_sets: tuple[ShardSet, ...]
    weights: ClassWeights

    def identity(self) -> dict[str, Any]:
        """Return what must be the same when a run is continued: sets, their hashes, weights."""
        return {
            "images": [set_identity(shard_set) for shard_set in self.image_sets],
            "videos": [set_identity(shard_set) for shard_set in self.video_sets],
            "class_weights": list(self.weights.values),
        }

    @property
    def images(self) -> Joined:
        """The labelled images, ready to be read."""
        return Joined([RandomAccessShards(shard_set) for shard_set in self.image_sets])

    @property
    def videos(self) -> Joined | None:
        """The unlabelled frames, None in a source-only run."""
        if not self.video_sets:
            return None
        return Joined([RandomAccessShards(shard_set) for shard_set in self.video_sets])


def open_inputs(recipe: TrainRecipe) -> RunInputs:
    """Open and check the sets of a run, whose places are the recipe's `images` and `videos`.

    A place is `<folder>/<set>` or a folder with one set.

    Raises:
        ShardError: A set is missing, empty or has no labels where they are needed.
        RecipeError: A set was prepared without a class that the recipe learns.
    """
    classes = class_set(recipe.classes)
    image_sets = tuple(_open(place) for place in recipe.images)
    video_sets = tuple(_open(place) for place in recipe.videos) if recipe.needs_videos else ()
    if not image_sets:
        raise RecipeError("no set of labelled images; name one with --images or in the recipe")
    if recipe.needs_videos and not video_sets:
        raise RecipeError("no set of videos; name one with --videos or in the recipe")
    counts_video_labels = recipe.class_weights.source == "videos"
    for shard_set in (*image_sets, *(video_sets if counts_video_labels else ())):
        check_labels(shard_set, classes)
    weights = class_weights(recipe.class_weights, classes, image_sets, video_sets)
    if weights.uses_target_labels:
        logger.warning("class weights use the labels of the target videos: %s", weights.sets)
    return RunInputs(
        classes=classes,
        image_sets=image_sets,
        video_sets=video_sets if recipe.uses_videos else (),
        weights=weights,
    )


def _open(place: str) -> ShardSet:
    shard_set = open_set(place)
    if not shard_set.index.num_samples:
        raise ShardError(f"{place}: the set has no samples")
    return shard_set


def set_identity(shard_set: ShardSet) -> dict[str, str]:
    """Return a set's name and the hash of its index, which holds the hashes of its files."""
    index = shard_set.index
    return {"name": index.name, "index_sha256": hashlib.sha256(index.to_json()).hexdigest()}


def check_labels(shard_set: ShardSet, classes: ClassSet) -> None:
    """Check that a set's labels can be those of `classes`.

    Raises:
        ShardError: The set has no semantic labels.
        RecipeError: A class was made background when the set was prepared.
    """
    index = shard_set.index
    if not index.class_pixels:
        raise ShardError(f"{shard_set.folder}/{index.name}: has no seg.png; prepare --remap coco")
    kept = index.settings.get("classes")
    if kept is None:  # not made by `vsda prepare`: nothing is known of what was left out
        return
    lost = [name for name in classes.names if name not in kept]
    if lost:
        raise RecipeError(
            f"{shard_set.folder}/{index.name}: was prepared without {lost}, whose pixels are "
            f"{index.settings.get('outside', 'background')} there; prepare it with more --classes, "
            "or train fewer with --set classes=NAMES"
        )
