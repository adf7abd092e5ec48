"""The streams of a run: images (source), unlabelled videos and labelled videos (target)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vsda.recipes.train import TrainRecipe
from vsda.stream.clips import ClipShape
from vsda.stream.loader import Joined, StepDraws, stream_batches
from vsda.stream.order import StreamOrder
from vsda.stream.remarks import place_of, tell_short
from vsda.stream.samples import Look, Samples
from vsda.stream.transforms import Augmentation
from vsda.taxonomy import ClassSet

STREAM_NUMBERS = {"images": 0, "videos": 1, "labelled_videos": 2}
"""The streams by the field of `Batch` that they fill; the number seeds a stream's draws."""


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

    A clip network gets images as clips of one frame and videos as clips of `clip_frames`; see
    `Samples` for how they are drawn.

    Args:
        recipe: Sizes, seed, augmentation, shape of the clips.
        classes: The classes that the masks are projected to.
        sources: The sets of each stream.
        place: Rank and first step.

    Raises:
        ShardError: A sample cannot be read, or a set contradicts itself.
    """
    streams = _streams(recipe, classes, sources)
    _tell_short(recipe, sources)
    if not streams:
        raise ValueError("expected sets of images, videos or labelled videos, got none")
    batches = [_parts(recipe, stream, place) for stream in streams.values()]
    for parts in zip(*batches, strict=True):
        yield Batch(**dict(zip(streams, parts, strict=True)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stream:
    """What is drawn, how many samples per step, and the number that seeds the draws."""

    samples: Samples
    batch_size: int
    number: int


def _streams(recipe: TrainRecipe, classes: ClassSet, sources: DomainSets) -> dict[str, _Stream]:
    """Return the streams that the run has, by the field of `Batch`."""
    labels = {
        "images": classes if recipe.image_labels else None,
        "videos": None,
        "labelled_videos": classes,
    }
    batch_sizes = {
        "images": recipe.batch_images,
        "videos": recipe.batch_videos,
        "labelled_videos": recipe.batch_labelled_videos,
    }
    return {
        name: _Stream(
            samples=Samples(shards, _look(recipe, name), labels[name]),
            batch_size=batch_sizes[name],
            number=STREAM_NUMBERS[name],
        )
        for name in STREAM_NUMBERS
        if (shards := getattr(sources, name)) is not None
    }


def _tell_short(recipe: TrainRecipe, sources: DomainSets) -> None:
    """Say once of each set how many of its sequences are shorter than a clip."""
    shape = _clip_shape(recipe, "videos")
    if shape is None or shape.frames == 1:
        return
    videos = [joined for joined in (sources.videos, sources.labelled_videos) if joined is not None]
    sets = {
        place_of(shards): (shards, sequences)
        for joined in videos
        for shards, sequences in zip(joined.sets, joined.sequences(), strict=True)
    }
    for shards, sequences in sets.values():
        tell_short(shards, sequences, shape)


def _look(recipe: TrainRecipe, name: str) -> Look:
    change = recipe.augmentation
    return Look(
        size_px=recipe.size_px,
        # What has no labels only serves to tell what videos look like: their colours stay.
        augmentation=Augmentation(**change.model_dump())
        if name != "videos"
        else Augmentation(flip=change.flip),
        seed=(recipe.seed, STREAM_NUMBERS[name]),
        clip=_clip_shape(recipe, name),
    )


def _clip_shape(recipe: TrainRecipe, name: str) -> ClipShape | None:
    if recipe.clip_frames is None:
        return None
    if name == "images":
        return ClipShape(frames=1)
    return ClipShape(frames=recipe.clip_frames, stride=recipe.clip_stride)


def _parts(recipe: TrainRecipe, stream: _Stream, place: Place) -> Iterator[Part]:
    order = StreamOrder(
        length=len(stream.samples),
        batch_size=stream.batch_size,
        seed=recipe.seed,
        stream=stream.number,
        rank=place.rank,
        world_size=place.world_size,
    )
    draws = StepDraws(order, place.start_step, recipe.steps)
    for tensors in stream_batches(stream.samples, draws, recipe.workers):
        yield Part(*tensors)
