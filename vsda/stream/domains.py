"""The streams of a run: images (source), unlabelled videos and labelled videos (target)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsda.recipes.train import TrainRecipe
from vsda.stream.clips import ClipShape
from vsda.stream.damage import Damage
from vsda.stream.loader import Joined, StepDraws, stream_batches
from vsda.stream.order import StreamOrder
from vsda.stream.remarks import place_of, tell_short
from vsda.stream.samples import Look, Samples
from vsda.stream.shares import share_of
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
        """Return the part on `device`; from pinned memory, without waiting for it."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin(self) -> "Part":
        """Return the part in pinned memory."""
        return self._with(Tensor.pin_memory)

    def pieces(self, count: int) -> "list[Part]":
        """Return `count` equal parts of its samples, which share its memory."""
        if len(self.pictures) % count:
            raise ValueError(
                f"{len(self.pictures)} samples cannot be cut into {count} equal pieces"
            )
        pictures = self.pictures.chunk(count)
        masks = [None] * count if self.masks is None else self.masks.chunk(count)
        return [Part(*each) for each in zip(pictures, masks, strict=True)]

    def _with(self, change: Callable[[Tensor], Tensor]) -> "Part":
        return Part(change(self.pictures), None if self.masks is None else change(self.masks))

    @property
    def num_pictures(self) -> int:
        """The number of pictures, each frame of a clip counted."""
        return self.pictures.shape[:-3].numel()


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one device sees in one step; None for what the run does not stream.

    Attributes:
        images: Of the source domain. Its masks are None in a run that leaves their labels out.
        videos: Of the target domain, without labels.
        labelled_videos: Of the target domain, with labels.
        damaged: Samples that could not be read and were replaced; the recipe allows it.
    """

    images: Part | None = None
    videos: Part | None = None
    labelled_videos: Part | None = None
    damaged: tuple[Damage, ...] = ()

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`; from pinned memory, without waiting for it."""
        return self._with(lambda part: part.to(device))

    def pin(self) -> "Batch":
        """Return the batch in pinned memory, itself where there is no GPU to copy it to."""
        return self._with(Part.pin) if torch.cuda.is_available() else self

    def pieces(self, count: int) -> "list[Batch]":
        """Return `count` batches with equal parts of each kind, which share this one's memory.

        What was replaced is told by the first of them. `check_batches` answers for the sizes.
        """
        parts = {
            name: part.pieces(count)
            for name in STREAM_NUMBERS
            if (part := getattr(self, name)) is not None
        }
        return [
            Batch(
                **{name: each[number] for name, each in parts.items()},
                damaged=() if number else self.damaged,
            )
            for number in range(count)
        ]

    def _with(self, change: Callable[[Part], Part]) -> "Batch":
        parts = (getattr(self, name) for name in STREAM_NUMBERS)
        images, videos, labelled_videos = (None if part is None else change(part) for part in parts)
        return replace(self, images=images, videos=videos, labelled_videos=labelled_videos)

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
    `Samples` for how they are drawn. The batches of the recipe are over all devices: this one gets
    its share, and a step is the same set of samples whatever the number of devices.

    Args:
        recipe: Sizes, seed, augmentation, shape of the clips.
        classes: The classes that the masks are projected to.
        sources: The sets of each stream.
        place: Rank and first step.

    Raises:
        RecipeError: A batch cannot be shared equally by the devices, see `check_batches`.
        ShardError: A sample cannot be read, or a set contradicts itself.
    """
    streams = _streams(recipe, classes, sources, place)
    _tell_short(recipe, sources)
    if not streams:
        raise ValueError("expected sets of images, videos or labelled videos, got none")
    batches = [_parts(recipe, stream, place) for stream in streams.values()]
    for drawn in zip(*batches, strict=True):
        parts = {name: part for name, (part, _) in zip(streams, drawn, strict=True)}
        damaged = tuple(each for _, replaced in drawn for each in replaced)
        yield Batch(**parts, damaged=damaged)


def check_batches(recipe: TrainRecipe, world_size: int) -> None:
    """Refuse batches that `world_size` devices cannot share equally, piece by piece.

    Raises:
        RecipeError: A batch is no multiple of devices and pieces, or leaves too little for each.
    """
    streams = {
        "images": recipe.uses_images,
        "videos": recipe.uses_videos,
        "labelled_videos": bool(recipe.labelled_videos),
    }
    for name, is_used in streams.items():
        if is_used:
            share_of(recipe, name, world_size)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stream:
    """What is drawn, this device's samples per step, and the number that seeds the draws."""

    samples: Samples
    batch_size: int
    number: int


def _streams(
    recipe: TrainRecipe, classes: ClassSet, sources: DomainSets, place: Place
) -> dict[str, _Stream]:
    """Return the streams that the run has, by the field of `Batch`."""
    labels = {
        "images": classes if recipe.image_labels else None,
        "videos": None,
        "labelled_videos": classes,
    }
    return {
        name: _Stream(
            samples=Samples(
                shards,
                _look(recipe, name),
                labels[name],
                skip_damaged=recipe.damaged == "skip",
            ),
            batch_size=share_of(recipe, name, place.world_size),
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
    change = Augmentation.of(recipe.augmentation)
    if name == "videos":
        # What has no labels only serves to tell what videos look like: it stays as it is.
        change = change.of_geometry()
    return Look(
        size_px=recipe.size_px,
        augmentation=change,
        seed=(recipe.seed, STREAM_NUMBERS[name]),
        clip=_clip_shape(recipe, name),
    )


def _clip_shape(recipe: TrainRecipe, name: str) -> ClipShape | None:
    if recipe.clip_frames is None:
        return None
    if name == "images":
        return ClipShape(frames=1)
    return ClipShape(frames=recipe.clip_frames, stride=recipe.clip_stride)


def _parts(
    recipe: TrainRecipe, stream: _Stream, place: Place
) -> Iterator[tuple[Part, tuple[Damage, ...]]]:
    order = StreamOrder(
        length=len(stream.samples),
        batch_size=stream.batch_size,
        seed=recipe.seed,
        stream=stream.number,
        rank=place.rank,
        world_size=place.world_size,
    )
    draws = StepDraws(order, place.start_step, recipe.steps)
    for tensors, damaged in stream_batches(stream.samples, draws, recipe.workers, recipe.prefetch):
        yield Part(*tensors), damaged
