"""The streams of a run: images (source), unlabelled videos and labelled videos (target)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vsda.recipes.train import TrainRecipe
from vsda.stream.loader import (
    Joined,
    LabelledImages,
    StepDraws,
    UnlabelledFrames,
    stream_batches,
)
from vsda.stream.order import StreamOrder
from vsda.stream.transforms import Augmentation
from vsda.taxonomy import ClassSet

IMAGES_STREAM, VIDEOS_STREAM, LABELLED_VIDEOS_STREAM = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures of one kind, single ones or clips of T frames.

    Attributes:
        pictures: (N, [T,] 3, S, S) uint8.
        masks: (N, [T,] S, S) uint8 class indices, 255 ignore; None where no labels were read.
    """

    pictures: Tensor
    masks: Tensor | None = None

    def to(self, device: torch.device) -> "Part":
        """Return the part on `device`."""
        masks = None if self.masks is None else self.masks.to(device, non_blocking=True)
        return Part(self.pictures.to(device, non_blocking=True), masks)

    @property
    def num_pictures(self) -> int:
        """The number of pictures, each frame of a clip counted."""
        return self.pictures.shape[:-3].numel()


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step sees; None for what the run does not stream.

    Attributes:
        images: Of the source domain. Its masks are None in a run that leaves their labels out.
        videos: Of the target domain, without labels.
        labelled_videos: Of the target domain, with labels.
    """

    images: Part | None = None
    videos: Part | None = None
    labelled_videos: Part | None = None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`."""
        return Batch(
            images=None if self.images is None else self.images.to(device),
            videos=None if self.videos is None else self.videos.to(device),
            labelled_videos=(
                None if self.labelled_videos is None else self.labelled_videos.to(device)
            ),
        )

    @property
    def num_pictures(self) -> int:
        """The number of pictures, each frame of a clip counted."""
        parts = (self.images, self.videos, self.labelled_videos)
        return sum(part.num_pictures for part in parts if part is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainSets:
    """The sets that a run streams, joined by kind; None for what it does not stream."""

    images: Joined | None = None
    videos: Joined | None = None
    labelled_videos: Joined | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a run stands: the process among all, and the step it starts from."""

    rank: int = 0
    world_size: int = 1
    start_step: int = 0


def stream_domains(
    recipe: TrainRecipe, classes: ClassSet, sources: DomainSets, place: Place
) -> Iterator[Batch]:
    """Yield the batches of the steps from `place.start_step` to the recipe's last.

    Args:
        recipe: Sizes, seed, augmentation.
        classes: The classes that the masks are projected to.
        sources: The sets of each stream.
        place: Rank and first step.
    """
    change = recipe.augmentation
    streams: dict[str, Iterator[Any]] = {}
    if sources.images is not None:
        labelled = LabelledImages(
            sources.images,
            classes,
            recipe.size_px,
            augmentation=Augmentation(**change.model_dump()),
            seed=(recipe.seed, IMAGES_STREAM),
        )
        streams["images"] = _batches(recipe, labelled, recipe.batch_images, IMAGES_STREAM, place)
    if sources.videos is not None:
        unlabelled = UnlabelledFrames(
            sources.videos, recipe.size_px, flip=change.flip, seed=(recipe.seed, VIDEOS_STREAM)
        )
        streams["videos"] = _batches(recipe, unlabelled, recipe.batch_videos, VIDEOS_STREAM, place)
    for parts in zip(*streams.values(), strict=True):
        yield Batch(**{name: _part(part) for name, part in zip(streams, parts, strict=True)})


def _part(collated: Any) -> Part:
    return Part(collated) if isinstance(collated, Tensor) else Part(*collated)


def _batches(
    recipe: TrainRecipe,
    dataset: LabelledImages | UnlabelledFrames,
    batch_size: int,
    stream: int,
    place: Place,
) -> Iterator[Any]:
    order = StreamOrder(
        length=len(dataset),
        batch_size=batch_size,
        seed=recipe.seed,
        stream=stream,
        rank=place.rank,
        world_size=place.world_size,
    )
    draws = StepDraws(order, place.start_step, recipe.steps)
    return stream_batches(dataset, draws, recipe.workers)
