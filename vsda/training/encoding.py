"""Labelled pictures through the encoder, whatever their kind: images, frames, clips."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vsda.models.network import Level, Levels, SegmentationNetwork, join_levels


@dataclass(frozen=True, slots=True)
class Encoded:
    """The levels of several groups of pictures.

    Attributes:
        groups: Those of each group by itself.
        joined: Those of all groups as one group of single frames, in the same order.
        origins: Those that all others were made from, so that every gradient goes through them.
    """

    groups: Mapping[str, Levels]
    joined: Levels
    origins: tuple[Levels, ...]


def encode_groups(network: SegmentationNetwork, groups: Mapping[str, Tensor]) -> Encoded:
    """Return the levels of groups (N_i, [T_i,] 3, H, W) of normalised pictures.

    Groups of one shape pass the encoder as one batch, so that batch normalisation sees the mix that
    the network is to work on. Images and clips of another length pass it one after the other.
    """
    if len({group.shape[1:] for group in groups.values()}) > 1:
        apart = {name: network.encode(group) for name, group in groups.items()}
        return Encoded(apart, join_levels(list(apart.values())), tuple(apart.values()))
    joined = network.encode(torch.cat(list(groups.values())))
    sizes = [len(group) for group in groups.values()]
    parts = {tap: _split(level, sizes) for tap, level in joined.items()}
    split = {
        name: {tap: levels[index] for tap, levels in parts.items()}
        for index, name in enumerate(groups)
    }
    return Encoded(split, joined, (joined,))


def _split(level: Level, sizes: list[int]) -> list[Level]:
    raw = torch.split(level.raw, sizes)
    normed = raw if level.raw is level.normed else torch.split(level.normed, sizes)
    return [Level(*pair) for pair in zip(raw, normed, strict=True)]
