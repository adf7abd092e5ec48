"""The two domains of a run: labelled images (source) and unlabelled video frames (target)."""

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

SOURCE_STREAM, TARGET_STREAM = 0, 1


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sees.

    Attributes:
        images: (N, 3, S, S) uint8.
        masks: (N, S, S) uint8 class indices, 255 ignore.
        frames: (M, 3, S, S) uint8, or None in a run without videos.
    """

    images: Tensor
    masks: Tensor
    frames: Tensor | None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`."""
        frames = None if self.frames is None else self.frames.to(device, non_blocking=True)
        images = self.images.to(device, non_blocking=True)
        return Batch(images, self.masks.to(device, non_blocking=True), frames)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a run stands: the process among all, and the step it starts from."""

    rank: int = 0
    world_size: int = 1
    start_step: int = 0


def stream_domains(
    recipe: TrainRecipe, classes: ClassSet, images: Joined, videos: Joined | None, place: Place
) -> Iterator[Batch]:
    """Yield the batches of the steps from `place.start_step` to the recipe's last.

    Args:
        recipe: Sizes, seed, augmentation.
        classes: The classes that the masks are projected to.
        images: Labelled images.
        videos: Unlabelled frames; None in a run without videos.
        place: Rank and first step.
    """
    change = recipe.augmentation
    labelled = LabelledImages(
        images,
        classes,
        recipe.size_px,
        augmentation=Augmentation(**change.model_dump()),
        seed=(recipe.seed, SOURCE_STREAM),
    )
    source = _batches(recipe, labelled, recipe.batch_images, SOURCE_STREAM, place)
    if videos is None:
        for pictures, masks in source:
            yield Batch(pictures, masks, None)
        return
    unlabelled = UnlabelledFrames(
        videos, recipe.size_px, flip=change.flip, seed=(recipe.seed, TARGET_STREAM)
    )
    target = _batches(recipe, unlabelled, recipe.batch_videos, TARGET_STREAM, place)
    for (pictures, masks), frames in zip(source, target, strict=True):
        yield Batch(pictures, masks, frames)


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
