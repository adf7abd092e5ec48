"""Which frames a network sees together when a set is predicted."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import ClipShape, Sequences, cut_sequence


@dataclass(frozen=True, slots=True)
class Cut:
    """A picture or a clip.

    Attributes:
        positions: Of its frames in the set, ascending.
        kept: Those of them whose prediction is taken from here.
    """

    positions: range
    kept: tuple[int, ...]


def single_pictures(positions: Iterable[int]) -> Iterator[Cut]:
    """Yield one cut per position, in the order given."""
    for position in positions:
        yield Cut(range(position, position + 1), (position,))


def clips(shards: RandomAccessShards, positions: Sequence[int], shape: ClipShape) -> Iterator[Cut]:
    """Yield the clips that hold `positions`, as `cut_sequence` cuts their sequences.

    Each position is kept in one clip, which does not depend on what else is asked for. A still
    image is a clip of one frame. The order is that of the set; with a stride, clips of a stretch
    interleave.

    Raises:
        ShardError: The set contradicts itself.
    """
    wanted, sequences = set(positions), Sequences(shards)
    for sequence in dict.fromkeys(sequences.around(position) for position in sorted(wanted)):
        for clip, own in cut_sequence(sequence, shape):
            if kept := tuple(position for position in own if position in wanted):
                yield Cut(clip, kept)


def batched(cuts: Iterable[Cut], size: int) -> Iterator[list[Cut]]:
    """Yield up to `size` neighbours at a time, all of the same number of frames."""
    for _, alike in itertools.groupby(cuts, lambda cut: len(cut.positions)):
        while batch := list(itertools.islice(alike, size)):
            yield batch
