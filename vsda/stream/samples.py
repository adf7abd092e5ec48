"""Draws to samples: pictures or clips, with or without masks.

A sample, its augmentation included, depends on nothing but the draw and the seed: not on the
worker, not on what was read before.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from vsda.errors import ShardError
from vsda.sample import Mask
from vsda.shards.masks import decode_mask
from vsda.stream.artefacts import Exposure, Pixels, draw_exposure, expose
from vsda.stream.clips import ClipShape, ReadFrame
from vsda.stream.damage import MAX_ATTEMPTS, Damage, SampleError, replacement
from vsda.stream.geometry import View, Window, draw_squares, fill_outside, first_varied
from vsda.stream.loader import Drawn, Joined
from vsda.stream.order import Draw
from vsda.stream.remarks import place_of
from vsda.stream.transforms import (
    GREY,
    Augmentation,
    Colours,
    augment,
    decode_picture,
    draw_colours,
    show_mask,
)
from vsda.taxonomy import IGNORE_INDEX, ClassSet

_FIELDS, _MASK = ("jpg",), "seg.png"
_ARTEFACT_DRAWS = 1
"""Tells the draws of artefacts from the sample's others."""

Frames = list[ReadFrame]


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

    Args:
        shards: The sets.
        look: What a sample looks like.
        classes: That the masks are projected to; None leaves labels unread.
        skip_damaged: Replace a sample that cannot be read by another one, instead of raising.

    Raises:
        ShardError: A set contradicts itself, or no frame has a mask.
    """

    def __init__(
        self,
        shards: Joined,
        look: Look,
        classes: ClassSet | None = None,
        *,
        skip_damaged: bool = False,
    ) -> None:
        self._shards, self._look, self._skip_damaged = shards, look, skip_damaged
        self._table = b"" if classes is None else classes.projection().tobytes()
        self._optional = () if classes is None else (_MASK,)
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
        tensors, _ = self.__getitems__([draw])
        return tuple(tensor[0] for tensor in tensors)

    def __getitems__(self, draws: Sequence[Draw]) -> Drawn:
        """Return the samples of `draws` side by side, and what had to be replaced.

        Each is decoded straight into its place in the batch. The pictures are channels last in
        memory, as decoders give them.
        """
        frames, size_px = self._shape.frames, self._look.size_px
        pictures = _empty(len(draws), frames, size_px, size_px, 3)
        masks = _empty(len(draws), frames, size_px, size_px) if self._table else None
        damaged: list[Damage] = []
        positions = (self._positions[draw.position] for draw in draws)
        self._shards.prefetch(positions, self._shape, _FIELDS, self._optional)
        # Python's short steps take a third of the time when a decoder does not come between them.
        found = [self._read(draw) for draw in draws]
        for number, draw in enumerate(draws):
            mask = None if masks is None else masks[number].numpy()
            damaged += self._fill(draw, found[number], pictures[number], mask)
        tensors = [pictures.movedim(-1, 2)] + ([] if masks is None else [masks])
        if self._look.clip is None:
            tensors = [tensor.squeeze(1) for tensor in tensors]
        return tuple(tensors), tuple(damaged)

    def _read(self, draw: Draw) -> Frames | ShardError:
        """Return the frames of a sample, or why they cannot be read."""
        position = self._positions[draw.position]
        try:
            return self._shards.read(position, self._shape, _FIELDS, self._optional)
        except ShardError as error:
            return error

    def _fill(
        self, draw: Draw, found: Frames | ShardError, clip: Tensor, masks: Pixels | None
    ) -> list[Damage]:
        """Fill `clip` (T, S, S, 3) and `masks` (T, S, S) with what was `found` for the draw.

        Returns what could not be read or decoded, and was replaced.
        """
        damaged: list[Damage] = []
        chosen = draw
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                if isinstance(found, ShardError):
                    raise found
                self._draw_into(found, draw, clip, masks)
            except ShardError as error:
                if not self._skip_damaged:
                    raise
                damaged.append(self._damage(chosen, error))
            else:
                return damaged
            chosen = replacement(draw, attempt, len(self), self._look.seed)
            found = self._read(chosen)
        raise ShardError(
            f"{damaged[0].message}; nor can {MAX_ATTEMPTS - 1} others be read that were drawn in "
            "its place, so the set is out of reach, or damaged as a whole"
        )

    def _damage(self, draw: Draw, error: ShardError) -> Damage:
        if isinstance(error, SampleError):
            return Damage(error.key, str(error))
        return Damage(self._shards.name(self._positions[draw.position]), str(error))

    def _draw_into(self, frames: Frames, draw: Draw, clip: Tensor, masks: Pixels | None) -> None:
        decoded = [] if masks is None else [_decoded_mask(frame) for frame in frames]
        # One draw for the whole clip: frames that are changed one by one are no video.
        view, colours = self._drawn(draw, [mask for mask in decoded if mask is not None])
        pictures = clip.numpy()
        windows = [
            self._picture(frame, view, out) for frame, out in zip(frames, pictures, strict=False)
        ]
        exposure = self._exposure(draw)
        if colours is not None:
            seen = clip[: len(frames)].movedim(-1, 1)
            seen.copy_(augment(seen, self._look.augmentation, colours))
        if exposure is not None:
            expose(pictures[: len(frames)], exposure)
        if colours is not None or exposure is not None:
            for window, out in zip(windows, pictures, strict=False):
                fill_outside(out, window, GREY)  # so that its shade does not tell the domains apart
        pictures[len(frames) :] = pictures[len(frames) - 1]
        if masks is not None:
            masks.fill(IGNORE_INDEX)
            for mask, out in zip(decoded, masks, strict=False):
                if mask is not None:
                    show_mask(mask, view, self._table, out)

    def _drawn(self, draw: Draw, masks: Sequence[Mask]) -> tuple[View, Colours | None]:
        """Return how a sample with these `masks` is looked at, and how far its colours change."""
        change = self._look.augmentation
        if not change.is_random:
            return View(), None
        generator = np.random.default_rng([*self._look.seed, draw.index])
        mirrored = change.flip and generator.random() < 0.5
        colours = draw_colours(generator)
        if not change.moves:
            return View(mirrored=mirrored), colours if change.colours else None
        squares = draw_squares(change.resize, generator)
        square = squares[0]
        if masks:
            square = first_varied(squares, masks, self._table, change.max_class_share)
        return View(mirrored=mirrored, square=square), colours if change.colours else None

    def _exposure(self, draw: Draw) -> Exposure | None:
        """Return how a sample is taken anew, by draws of its own: they move no others."""
        artefacts = self._look.augmentation.artefacts
        if not artefacts.occur:
            return None
        generator = np.random.default_rng([*self._look.seed, draw.index, _ARTEFACT_DRAWS])
        return draw_exposure(artefacts, generator)

    def _picture(self, frame: ReadFrame, view: View, out: Pixels) -> Window:
        with naming(frame.key):
            return decode_picture(frame.fields["jpg"], view, out)


def _empty(*shape: int) -> Tensor:
    """Return an uninitialised tensor, in a worker in the memory that it shares with the trainer."""
    if get_worker_info() is None:
        return torch.empty(shape, dtype=torch.uint8)
    # As PyTorch's own collation does: sending a batch from elsewhere would copy it there.
    shared = torch.UntypedStorage._new_shared(math.prod(shape))  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(shared).view(shape)


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Say in a decoder's error which sample it was, and what to do."""
    try:
        yield
    except ShardError as error:
        raise SampleError(key, str(error)) from error


def _decoded_mask(frame: ReadFrame) -> Mask | None:
    if _MASK not in frame.fields:
        return None
    with naming(frame.key):
        return decode_mask(frame.fields[_MASK])
