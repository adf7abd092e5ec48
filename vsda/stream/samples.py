"""Draws to samples: pictures or clips, with or without masks.

A sample, its augmentation included, depends on nothing but the draw and the seed: not on the
worker, not on what was read before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vsda.errors import ShardError
from vsda.shards.read import decode_mask
from vsda.stream.clips import ClipShape, ReadFrame
from vsda.stream.loader import Joined
from vsda.stream.order import Draw
from vsda.stream.remarks import place_of
from vsda.stream.transforms import (
    Augmentation,
    augment,
    decode_resized,
    project_mask,
    resize_mask,
)
from vsda.taxonomy import IGNORE_INDEX, ClassSet

_MASK = "seg.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a sample looks like.

    Attributes:
        size_px: Side of its square.
        augmentation: How far it may be changed at random; a clip is changed as a whole.
        seed: The run's seed and the stream's number, so that no two streams share their draws.
        clip: The shape of a clip; None for single pictures, which have no dimension of time.
    """

    size_px: int
    augmentation: Augmentation
    seed: tuple[int, int]
    clip: ClipShape | None = None


class Samples(Dataset[tuple[Tensor, ...]]):
    """Pictures ([T,] 3, S, S) uint8 and, given `classes`, masks ([T,] S, S) uint8 of their indices.

    A draw is a frame: a clip starts there, or earlier where its sequence ends too soon. Where the
    sequence is shorter than a clip, the clip holds its last frame; so does that of a still image.

    With `classes` frames without a mask are not drawn. One that lies in the clip of another has a
    mask of `IGNORE_INDEX`, as has a last frame that is repeated: its pixels count once.

    Raises:
        ShardError: A set contradicts itself, or no frame has a mask.
    """

    def __init__(self, shards: Joined, look: Look, classes: ClassSet | None = None) -> None:
        self._shards, self._look, self._classes = shards, look, classes
        self._shape = look.clip or ClipShape(frames=1)
        if self._shape.frames > 1:
            shards.sequences()  # so that a set that contradicts itself is refused here
        self._positions: Sequence[int] = range(len(shards))
        if classes is not None:
            self._positions = shards.labelled_positions()
            if not self._positions:
                places = ", ".join(map(place_of, shards.sets))
                raise ShardError(
                    f"{places}: none of {len(shards)} samples has a {_MASK}; prepare with masks, "
                    "or stream them without labels, under videos or with image_labels = false"
                )

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, ...]:
        frames = self._read(self._positions[draw.position])
        parts = [torch.stack([self._picture(frame) for frame in frames])]
        if self._classes is not None:
            masks = [_mask(frame, self._look.size_px, self._classes) for frame in frames]
            parts.append(torch.stack(masks))
        generator = np.random.default_rng([*self._look.seed, draw.index])
        # One draw for the whole clip: frames that are flipped one by one are no video.
        if self._look.augmentation.flip and generator.random() < 0.5:
            parts = [part.flip(-1) for part in parts]
        parts[0] = augment(parts[0], self._look.augmentation, generator)
        pictures, *masks = parts
        repeated = (pictures[-1:], *(torch.full_like(mask[-1:], IGNORE_INDEX) for mask in masks))
        return tuple(map(self._shaped, parts, repeated))

    def _read(self, position: int) -> list[ReadFrame]:
        masks = () if self._classes is None else (_MASK,)
        return self._shards.read(position, self._shape, ("jpg",), optional=masks)

    def _picture(self, frame: ReadFrame) -> Tensor:
        with naming(frame.key):
            return decode_resized(frame.fields["jpg"], self._look.size_px)

    def _shaped(self, clip: Tensor, repeated: Tensor) -> Tensor:
        """Return what is drawn with its dimension of time filled up, or without one."""
        if self._look.clip is None:
            return clip.squeeze(0)
        missing = self._shape.frames - len(clip)
        return torch.cat([clip, repeated.expand(missing, *clip.shape[1:])])


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Say in a decoder's error which sample it was, and what to do."""
    try:
        yield
    except ShardError as error:
        message = f"{key}: {error}; look at the set with `vsda shards verify`"
        raise ShardError(message) from error


def _mask(frame: ReadFrame, size_px: int, classes: ClassSet) -> Tensor:
    if _MASK not in frame.fields:
        return torch.full((size_px, size_px), IGNORE_INDEX, dtype=torch.uint8)
    with naming(frame.key):
        mask = resize_mask(decode_mask(frame.fields[_MASK]), size_px)
    return project_mask(mask, classes)
