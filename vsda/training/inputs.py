"""What a run reads: its sets of shards, its classes and the weights of its cross-entropy."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vsda.errors import RecipeError, ShardError
from vsda.recipes.train import TrainRecipe
from vsda.shards.cache import Cache
from vsda.shards.index import ShardSet, open_set
from vsda.shards.read import RandomAccessShards
from vsda.storage import is_local
from vsda.stream.domains import DomainSets
from vsda.stream.loader import Joined
from vsda.taxonomy import ClassSet, class_set
from vsda.training.class_weights import ClassWeights, class_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInputs:
    """The sets of a run, opened and checked against its recipe.

    Attributes:
        classes: The classes to learn.
        image_sets: Sets of images.
        video_sets: Sets of unlabelled frames; empty in a run that does not stream any.
        labelled_video_sets: Sets of labelled frames.
        weights: Of the cross-entropy.
        cache: Keeps what is read of sets on URLs; None for nothing.
    """

    classes: ClassSet
    image_sets: tuple[ShardSet, ...] = ()
    video_sets: tuple[ShardSet, ...] = ()
    labelled_video_sets: tuple[ShardSet, ...] = ()
    weights: ClassWeights
    cache: Cache | None = None

    def identity(self) -> dict[str, Any]:
        """Return what must be the same when a run is continued: sets, their hashes, weights."""
        sets = {name: list(map(set_identity, found)) for name, found in self.sets().items()}
        return {**sets, "class_weights": list(self.weights.values)}

    def sets(self) -> dict[str, tuple[ShardSet, ...]]:
        """Return the sets by the recipe's names of them."""
        return {
            "images": self.image_sets,
            "videos": self.video_sets,
            "labelled_videos": self.labelled_video_sets,
        }

    def domains(self) -> DomainSets:
        """Return the sets ready to be read; None where there is none."""
        return DomainSets(**{name: self._joined(found) for name, found in self.sets().items()})

    def _joined(self, sets: Sequence[ShardSet]) -> Joined | None:
        cache = self.cache
        return Joined([RandomAccessShards(one, cache=cache) for one in sets]) if sets else None


def open_inputs(recipe: TrainRecipe, cache: Cache | None = None) -> RunInputs:
    """Open and check the sets of a run, whose places are the recipe's.

    A place is `<folder>/<set>` or a folder with one set.

    Args:
        recipe: Names the sets and says what is read of them.
        cache: Where to keep what is read of sets on URLs; those on this machine do not use it.

    Raises:
        ShardError: A set is missing, empty or has no labels where they are needed.
        RecipeError: A set was prepared without a class that the recipe learns.
        VsdaError: A set is on a URL and the cache cannot be written.
    """
    classes = class_set(recipe.classes)
    images = _open_all(recipe.images) if recipe.uses_images else ()
    videos = _open_all(recipe.videos) if recipe.needs_videos else ()
    labelled_videos = _open_all(recipe.labelled_videos)
    labelled = (*(images if recipe.image_labels else ()), *labelled_videos)
    counts_video_labels = recipe.class_weights.source == "videos" and not labelled_videos
    for shard_set in (*labelled, *(videos if counts_video_labels else ())):
        check_labels(shard_set, classes)
    weights = class_weights(recipe.class_weights, classes, labelled, labelled_videos or videos)
    if weights.uses_target_labels and not labelled_videos:
        logger.warning("class weights use the labels of the target videos: %s", weights.sets)
    inputs = RunInputs(
        classes=classes,
        image_sets=images,
        video_sets=videos if recipe.uses_videos else (),
        labelled_video_sets=labelled_videos,
        weights=weights,
    )
    _warn_of_doubles(inputs)
    return replace(inputs, cache=_cache_for(inputs, cache))


def _open_all(places: Sequence[str]) -> tuple[ShardSet, ...]:
    return tuple(_open(place) for place in places)


def _cache_for(inputs: RunInputs, cache: Cache | None) -> Cache | None:
    """Return the cache for the sets of a run that lie on URLs; None where there are none."""
    sets = [found for of_use in inputs.sets().values() for found in of_use]
    remote = {found.place(found.index.name): found for found in sets if not is_local(found.folder)}
    sizes = [info.filesize for found in remote.values() for info in found.index.shards]
    if cache is None or not sizes:
        return None
    cache.check()
    return cache.for_data(sum(sizes))


def _open(place: str) -> ShardSet:
    shard_set = open_set(place)
    if not shard_set.index.num_samples:
        raise ShardError(f"{place}: the set has no samples")
    return shard_set


def set_identity(shard_set: ShardSet) -> dict[str, str]:
    """Return a set's name and the hash of its index, which holds the hashes of its files."""
    index = shard_set.index
    return {"name": index.name, "index_sha256": hashlib.sha256(index.to_json()).hexdigest()}


def _warn_of_doubles(inputs: RunInputs) -> None:
    """Warn of sets that the run reads more than once."""
    uses = [(use, found) for use, sets in inputs.sets().items() for found in sets]
    by_digest: dict[str, list[tuple[str, ShardSet]]] = {}
    for use, found in uses:
        by_digest.setdefault(set_identity(found)["index_sha256"], []).append((use, found))
    for (first, found), *others in by_digest.values():
        if others:
            names = (first, *(use for use, _ in others))
            place = f"{found.folder}/{found.index.name}"
            logger.warning("%s: is in %s: %s", place, " and in ".join(names), _meaning(names))


def _meaning(uses: Sequence[str]) -> str:
    """Return what it means that the same set is in several places."""
    if len(set(uses)) == 1:
        return "its samples are drawn so much more often than those of others"
    if "images" in uses:
        return "the discriminator gets the same samples as both domains"
    return "its frames are streamed with their labels, and once more without"


def _way_to_labels(command: str) -> str:
    """Return what gives labels to a set that `command` has made."""
    if command.startswith("vsda prepare folder"):
        return "prepare it with --masks and --class-map, or name it under videos"
    if command.startswith("vsda fetch"):
        return "its videos come without masks: name it under videos"
    return "prepare --remap coco"


def check_labels(shard_set: ShardSet, classes: ClassSet) -> None:
    """Check that a set's labels can be those of `classes`.

    Raises:
        ShardError: The set has no semantic labels.
        RecipeError: A class was made background when the set was prepared.
    """
    index = shard_set.index
    if not index.class_pixels:
        place = f"{shard_set.folder}/{index.name}"
        raise ShardError(f"{place}: has no seg.png; {_way_to_labels(index.command)}")
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
