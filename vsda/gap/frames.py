"""Which pictures and frames of a set are looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError
from vsda.shards.index import ShardSet
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import Sequences
from vsda.training.inputs import set_identity

LEAST_GROUPS = 2
"""Pictures or sequences of each domain, so that one can be held out from the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """Frames of one set, those of a sequence or a single picture forming a group.

    Attributes:
        shards: The set.
        positions: (N,) int64 in the set, ascending.
        groups: (N,) int64 in [0, num_groups), the group of each.
        sequences: Says which neighbours a frame has.
    """

    shards: RandomAccessShards
    positions: NDArray[np.int64]
    groups: NDArray[np.int64]
    sequences: Sequences

    @property
    def shard_set(self) -> ShardSet:
        """The set that the frames are of."""
        return self.shards.shard_set

    @property
    def num_groups(self) -> int:
        """The number of groups that the frames are from."""
        return int(self.groups.max()) + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Frames of both domains.

    Attributes:
        images: Of the first set.
        videos: Of the second one.
        is_control: Both are one set, of which each has one half of the groups.
    """

    images: Frames
    videos: Frames
    is_control: bool


def draw_compared(images: ShardSet, videos: ShardSet, number: int, seed: int) -> Compared:
    """Return at most `number` frames of each set; of halves of it, given the same set twice.

    Raises:
        ShardError: As `draw_frames` does.
    """
    is_control = set_identity(images) == set_identity(videos)
    first, second = (0, 1) if is_control else (None, None)
    return Compared(
        images=draw_frames(RandomAccessShards(images), number, seed, half=first),
        videos=draw_frames(RandomAccessShards(videos), number, seed, half=second),
        is_control=is_control,
    )


def draw_frames(
    shards: RandomAccessShards, number: int, seed: int, *, half: int | None = None
) -> Frames:
    """Return at most `number` frames, equally many of each group as far as it has them.

    Args:
        shards: The set.
        number: Of frames wanted.
        seed: Of the draw, on which nothing else depends.
        half: 0 or 1 draws from one half of the groups and from nothing of the other.

    Raises:
        ShardError: The set contradicts itself, or its frames are of fewer than two groups.
    """
    sequences = Sequences(shards)
    lengths = sequences.lengths()
    generator = np.random.default_rng([seed, 0])
    turns = generator.permutation(len(lengths))
    drawn = generator.permutation(int(lengths.sum()))
    group_of = np.repeat(np.arange(len(lengths)), lengths)
    by_group = drawn[np.argsort(group_of[drawn], kind="stable")]  # shuffled inside of each group
    rank = np.arange(len(by_group)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    turn = turns[group_of]
    order = np.lexsort((turn, rank))  # one frame of each group, then a second of each...
    if half is not None:
        order = order[turn[order] % 2 == half]
    positions = np.sort(by_group[order[:number]])
    _, groups = np.unique(group_of[positions], return_inverse=True)
    if len(set(groups.tolist())) < LEAST_GROUPS:
        raise ShardError(_too_few(shards, half))
    return Frames(shards=shards, positions=positions, groups=groups, sequences=sequences)


def _too_few(shards: RandomAccessShards, half: int | None) -> str:
    place = f"{shards.shard_set.folder}/{shards.shard_set.index.name}"
    wanted = LEAST_GROUPS if half is None else 2 * LEAST_GROUPS
    return (
        f"{place}: a probe is judged on pictures or sequences that it has not seen, and the "
        f"{len(shards)} samples of this set are too few of them; give a set of {wanted} sequences "
        "or pictures at least, and more --samples than one"
    )
