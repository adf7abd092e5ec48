"""Pixels and masks of frames, as a network sees them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vsda.evaluation.cuts import Cut, batched
from vsda.gap.frames import Frames
from vsda.progress import progress
from vsda.recipes.train import TrainRecipe
from vsda.sample import Mask
from vsda.shards.masks import decode_mask
from vsda.stream.clips import ClipShape, clip_around, read_clip
from vsda.stream.geometry import View
from vsda.stream.samples import naming
from vsda.stream.transforms import decode_resized, show_mask
from vsda.taxonomy import IGNORE_INDEX, ClassSet

_BATCH_FRAMES = 16
_MASK = "seg.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Some frames as a network takes them.

    Attributes:
        pictures: (N, 3, S, S) uint8, or the clips (N, t, 3, S, S) that the frames lie in.
        inside: (N,) place of each frame in its clip; 0 where there are no clips.
        numbers: (N,) place of each frame in the `Frames` that it is one of.
        masks: N masks (S, S) uint8 of class indices, `IGNORE_INDEX` all over where none is read.
    """

    pictures: Tensor
    inside: list[int]
    numbers: list[int]
    masks: list[Mask]


def read_frames(
    frames: Frames, recipe: TrainRecipe, classes: ClassSet | None, what: str
) -> Iterator[Seen]:
    """Yield frames in batches, resized to the recipe's square.

    A clip network sees the clip that starts at a frame, see `clip_around`; a still image is a clip
    of one frame.

    Args:
        frames: Which.
        recipe: Of the network.
        classes: That masks are projected to; None leaves labels unread.
        what: A few words for the progress.

    Raises:
        ShardError: A sample cannot be read.
    """
    shape = ClipShape(frames=recipe.clip_frames or 1, stride=recipe.clip_stride)
    numbers = {int(position): number for number, position in enumerate(frames.positions)}
    cuts = (
        Cut(clip_around(position, frames.sequences.around(position), shape), (position,))
        for position in numbers
    )
    batches = list(batched(cuts, max(_BATCH_FRAMES // shape.frames, 1)))
    for batch in progress(batches, what):
        clips, masks = zip(*(_read(frames, cut, recipe, classes) for cut in batch), strict=True)
        pictures = torch.stack(clips)
        kept = [cut.kept[0] for cut in batch]
        yield Seen(
            pictures=pictures.squeeze(1) if recipe.clip_frames is None else pictures,
            inside=[
                cut.positions.index(position) for cut, position in zip(batch, kept, strict=True)
            ],
            numbers=[numbers[position] for position in kept],
            masks=list(masks),
        )


def _read(
    frames: Frames, cut: Cut, recipe: TrainRecipe, classes: ClassSet | None
) -> tuple[Tensor, Mask]:
    """Return a clip (t, 3, S, S) uint8 and the mask (S, S) of the frame that it is read for."""
    position = cut.kept[0]
    is_labelled = classes is not None and _MASK in frames.shards.entry(position).fields
    wanted = {
        each: ("jpg", _MASK) if is_labelled and each == position else ("jpg",)
        for each in cut.positions
    }
    read = read_clip(frames.shards, wanted)
    pictures = []
    for frame in read:
        with naming(frame.key):
            pictures.append(decode_resized(frame.fields["jpg"], recipe.size_px))
    mask = np.full((recipe.size_px, recipe.size_px), IGNORE_INDEX, dtype=np.uint8)
    if classes is not None and is_labelled:
        own = read[cut.positions.index(position)]
        with naming(own.key):
            table = classes.projection().tobytes()
            show_mask(decode_mask(own.fields[_MASK]), View(), table, mask)
    return torch.stack(pictures), mask
