"""Where clips lie in a set, and how they are read.

A clip takes every `stride`-th frame of one sequence. Its sequence lies in one shard in the order of
its frames, as the writer of shards guarantees, so a clip is a range of positions; a still image is
a sequence of its own. Where a set contradicts that, it is refused.
"""

import itertools
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError
from vsda.sample import legal_key
from vsda.shards.index import ShardInfo
from vsda.shards.read import RandomAccessShards


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipShape:
    """The frames of a clip, and how many frames lie from one of them to the next."""

    frames: int
    stride: int = 1


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """One frame of a clip: the key of its sample and the bytes of its fields."""

    key: str
    fields: dict[str, bytes]


def clip_around(position: int, sequence: range, shape: ClipShape) -> range:
    """Return the positions of the clip that starts at the frame `position` of `sequence`.

    It is moved forward as far as it must to lie inside of the sequence, by whole strides, so that
    it holds `position` wherever it lies. It has fewer than `shape.frames` positions where the
    sequence is shorter.
    """
    track = sequence[(position - sequence.start) % shape.stride :: shape.stride]
    start = max(min(track.index(position), len(track) - shape.frames), 0)
    return track[start : start + shape.frames]


def cut_sequence(sequence: range, shape: ClipShape) -> Iterator[tuple[range, range]]:
    """Yield clips that hold every frame, each with the part of it that no earlier clip holds.

    Clips follow each other; with a stride s, s of them share a stretch of frames. The last ones
    reach back so that they are whole. A sequence shorter than that has shorter clips.
    """
    length = shape.frames * shape.stride
    for begin in range(sequence.start, sequence.stop, length):
        start = max(min(begin, sequence.stop - length), sequence.start)
        stretch = range(start, min(start + length, sequence.stop))
        for phase in range(min(shape.stride, len(stretch))):
            clip = stretch[phase :: shape.stride]
            yield clip, clip[sum(position < begin for position in clip) :]


class Sequences:
    """Which samples of a set belong together, by position.

    Raises:
        ShardError: The set's index contradicts itself or the set's keys.
    """

    def __init__(self, shards: RandomAccessShards) -> None:
        _refuse_parted(shards)
        self._ends = np.cumsum(
            np.concatenate([np.zeros(0, np.int64), *_lengths_by_shard(shards)]), dtype=np.int64
        )

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of frames of each sequence, in order; 1 for a still image."""
        return np.diff(self._ends, prepend=0)

    def around(self, position: int) -> range:
        """Return the positions of the sequence that holds `position`."""
        number = int(np.searchsorted(self._ends, position, side="right"))
        return range(int(self._ends[number - 1]) if number else 0, int(self._ends[number]))


def labelled_positions(shards: RandomAccessShards) -> list[int]:
    """Return the positions of the samples that have a mask."""
    positions: list[int] = shards.positions_with("seg.png").tolist()
    return positions


def read_clip(shards: RandomAccessShards, wanted: Mapping[int, tuple[str, ...]]) -> list[ReadFrame]:
    """Return the frames of a clip with the fields that are `wanted` at each position, in order.

    Raises:
        ShardError: A frame lacks a field, or the frames are not of one sequence.
    """
    keys = {position: shards.entry(position).key for position in sorted(wanted)}
    first, *others = keys.values()
    for key in others:
        if _folder(key) != _folder(first):
            raise ShardError(
                f"{_place(shards)}: the index has {key} and {first} in one sequence, their keys "
                "do not; prepare the set again"
            )
    found = shards.read_several(wanted)
    return [ReadFrame(key, found[position]) for position, key in keys.items()]


def _lengths_by_shard(shards: RandomAccessShards) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of frames of each shard's sequences, 1 for a still image, in order."""
    start = 0
    for info in shards.shard_set.index.shards:
        num_frames = sum(row.num_frames for row in info.sequences)
        if num_frames > info.nsamples:
            raise ShardError(
                f"{shards.shard_set.place(info.url)}: its sequences have {num_frames} frames, the "
                f"shard {info.nsamples} samples; prepare the set again"
            )
        if not info.sequences:
            yield np.ones(info.nsamples, np.int64)
        elif num_frames == info.nsamples:
            yield np.array([row.num_frames for row in info.sequences], np.int64)
        else:
            yield np.array(list(_mixed_lengths(shards, info, start)), np.int64)
        start += info.nsamples


def _mixed_lengths(shards: RandomAccessShards, info: ShardInfo, start: int) -> Iterator[int]:
    """Yield the lengths in a shard that holds still images, too: only its keys tell them apart."""
    entries = shards.entries[start : start + info.nsamples]
    left = deque(info.sequences)
    for folder, group in itertools.groupby(_folder(entry.key) for entry in entries):
        length = len(list(group))
        if left and left[0].num_frames == length and folder.endswith(_endings(left[0].name)):
            left.popleft()
            yield length
        else:
            yield from itertools.repeat(1, length)
    if left:
        raise ShardError(
            f"{shards.shard_set.place(info.url)}: the index says that {left[0].num_frames} "
            f"neighbours are the sequence {left[0].name!r}, the keys do not; prepare the set again"
        )


def _refuse_parted(shards: RandomAccessShards) -> None:
    """Refuse a sequence in several places; sets that were merged may share a name, not a folder."""
    names = Counter(row.name for row in shards.shard_set.index.sequences)
    parted = tuple(ending for name in names if names[name] > 1 for ending in _endings(name))
    if not parted:
        return
    seen: set[str] = set()
    for (_, folder), _ in itertools.groupby(
        shards.entries, lambda entry: (entry.shard, _folder(entry.key))
    ):
        if folder in seen and folder.endswith(parted):
            raise ShardError(
                f"{_place(shards)}: the frames of {folder} lie in several places; a sequence lies "
                "in one shard, so prepare the set again"
            )
        seen.add(folder)


def _endings(name: str) -> tuple[str, str]:
    """Return how the folder of a sequence's keys may end."""
    return f"/{name}", f"/{legal_key(name)}"


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def _place(shards: RandomAccessShards) -> str:
    return f"{shards.shard_set.folder}/{shards.shard_set.index.name}"
