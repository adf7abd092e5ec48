"""A network's tokens at every tap, a few of each frame, so that memory is bounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsda.gap.discriminator import Hearing, Verdict
from vsda.gap.frames import Compared
from vsda.gap.networks import Measured
from vsda.gap.reading import Seen, read_frames
from vsda.gap.tokens import IMAGE, VIDEO, Tokens, join_tokens
from vsda.models.network import Levels, Side, Tap
from vsda.sample import Mask
from vsda.stream.transforms import normalise
from vsda.taxonomy import IGNORE_INDEX, ClassSet

DOMINANT = 0.75
"""Share of a cell's pixels that one class has, so that its token counts as one of this class."""
CLASS_TOKENS = 2
"""Of each class in a frame, at most: a large object counts as much as a small one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """What is taken of each frame.

    Attributes:
        tokens: Places of each map, drawn at random.
        side: Of each tap's norm where features are taken.
        classes: That labels are read for; None leaves them unread.
        seed: Of the draws.
        device: Where the network runs, by torch's name.
    """

    tokens: int
    side: Side
    classes: ClassSet | None
    seed: int
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True, slots=True)
class TapTokens:
    """What was taken at one tap.

    Attributes:
        places: Tokens of places drawn at random from all of each map.
        frames: One for each frame, the mean over its map; without a class.
        of_classes: Tokens of places that one class dominates, a few of each class and frame.
    """

    places: Tokens
    frames: Tokens
    of_classes: Tokens


def collect(
    measured: Measured, compared: Compared, sampling: Sampling
) -> tuple[dict[str, TapTokens], Verdict | None]:
    """Return the tokens of both sets by tap, and what the run's discriminator says of the frames.

    Raises:
        ShardError: A sample cannot be read.
    """
    network = measured.trained.network.to(sampling.device)
    hearing = None
    if measured.opponent is not None:
        measured.opponent.loss.to(sampling.device)
        hearing = Hearing(measured.opponent, sampling.seed)
    found: dict[str, list[TapTokens]] = {tap: [] for tap in network.taps}
    for domain, frames in ((IMAGE, compared.images), (VIDEO, compared.videos)):
        first_group = compared.images.num_groups if domain == VIDEO else 0
        what = f"{measured.name}: {frames.shard_set.index.name}"
        for seen in read_frames(frames, measured.trained.recipe, sampling.classes, what):
            with torch.inference_mode():
                levels = network.encode(normalise(seen.pictures.to(sampling.device)))
                if hearing is not None:
                    hearing.take(levels, domain)
            origins = [
                _Origin(domain, number, first_group + int(frames.groups[number]))
                for number in seen.numbers
            ]
            for tap, tokens in _taken(levels, seen, origins, network.taps, sampling).items():
                found[tap].append(tokens)
    verdict = None if hearing is None else hearing.verdict()
    return {tap: _joined(parts) for tap, parts in found.items()}, verdict


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a frame comes from: its domain, its number there, and its group in both together."""

    domain: int
    number: int
    group: int


def _taken(
    levels: Levels,
    seen: Seen,
    origins: Sequence[_Origin],
    taps: Mapping[str, Tap],
    sampling: Sampling,
) -> dict[str, TapTokens]:
    """Return the tokens of a batch at every tap."""
    # A frame's draws follow from the seed and the frame, whatever else is in its batch.
    generators = [
        np.random.default_rng([sampling.seed, origin.domain, origin.number]) for origin in origins
    ]
    taken = {}
    for tap, level in levels.items():
        features = _frames_of(level.on(sampling.side), seen.inside).float().cpu()
        parts = [
            _of_frame(each, cell_classes(mask, taps[tap].stride_px), origin, draws, sampling.tokens)
            for each, mask, origin, draws in zip(
                features, seen.masks, origins, generators, strict=True
            )
        ]
        taken[tap] = _joined(parts)
    return taken


def _frames_of(features: Tensor, inside: Sequence[int]) -> Tensor:
    """Return the features (N, h, w, C) of one frame of each clip, or of each picture."""
    if features.dim() == 4:
        return features
    return torch.stack([clip[number] for clip, number in zip(features, inside, strict=True)])


def _of_frame(
    features: Tensor,
    cells: NDArray[np.uint8],
    origin: _Origin,
    draws: np.random.Generator,
    number: int,
) -> TapTokens:
    """Return what is taken of one frame's map (h, w, C), whose cells (h, w) have classes."""
    flat, classes = features.flatten(0, 1), cells.ravel()
    order = draws.permutation(len(flat))
    of_class = [
        order[classes[order] == each][:CLASS_TOKENS]
        for each in np.unique(classes[classes != IGNORE_INDEX])
    ]
    unknown = np.full(1, IGNORE_INDEX)
    return TapTokens(
        places=_tokens(flat, order[:number], classes[order[:number]], origin),
        frames=_tokens(flat.mean(dim=0, keepdim=True), np.zeros(1, np.int64), unknown, origin),
        of_classes=_tokens(flat, chosen := _together(of_class), classes[chosen], origin),
    )


def _together(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _tokens(
    flat: Tensor, chosen: NDArray[np.int64], classes: NDArray[Any], origin: _Origin
) -> Tokens:
    return Tokens(
        features=flat[torch.from_numpy(chosen)],
        domains=torch.full((len(chosen),), origin.domain),
        groups=torch.full((len(chosen),), origin.group),
        classes=torch.from_numpy(classes.astype(np.int64)),
    )


def cell_classes(mask: Mask, stride_px: int) -> NDArray[np.uint8]:
    """Return the class (h, w) that has `DOMINANT` of each cell's pixels, or `IGNORE_INDEX`.

    Args:
        mask: (H, W) class indices or `IGNORE_INDEX`. Pixels that a cell has beyond it are unknown.
        stride_px: Side of a cell.
    """
    filled = np.pad(
        mask, [(0, -side_px % stride_px) for side_px in mask.shape], constant_values=IGNORE_INDEX
    )
    rows, columns = (side_px // stride_px for side_px in filled.shape)
    cells = filled.reshape(rows, stride_px, columns, stride_px).swapaxes(1, 2)
    found = np.full((rows, columns), IGNORE_INDEX, dtype=np.uint8)
    for each in np.unique(mask[mask != IGNORE_INDEX]):
        found[(cells == each).mean(axis=(2, 3)) >= DOMINANT] = each
    return found


def _joined(parts: list[TapTokens]) -> TapTokens:
    return TapTokens(
        places=join_tokens([part.places for part in parts]),
        frames=join_tokens([part.frames for part in parts]),
        of_classes=join_tokens([part.of_classes for part in parts]),
    )
