"""The samples of a shard that belong to one part of a set, byte for byte."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vsda.errors import ShardError
from vsda.sample import FrameFacts
from vsda.shards.cut import Piece, pieces, write_pieces
from vsda.shards.idx import make_idx
from vsda.shards.index import ShardInfo, ShardSet
from vsda.shards.names import idx_place
from vsda.shards.read import RandomAccessShards
from vsda.shards.tars import whole_tar
from vsda.storage import atomic_file, sha256_file, write_atomic
from vsda.toolbox.task import Written


@dataclass(frozen=True, slots=True)
class Take:
    """What lies together: the sequences and, by key, the still images to take."""

    units: frozenset[str]

    def write(self, source: ShardSet, target: str) -> Written:
        """Write the samples of `units`; the tar is what `write_shard` makes of them.

        Raises:
            ShardError: The shard is missing or damaged, or holds none of them.
        """
        (info,) = source.index.shards
        place = source.place(info.url)
        with whole_tar(source, info) as tar, atomic_file(target) as file:
            kept = [piece for piece in pieces(tar, place) if unit_of(piece) in self.units]
            if not kept:
                raise ShardError(f"{place}: holds none of the samples that its index lists")
            write_pieces(file, tar, kept)
            part = Path(file.name)
            idx, sha256, size_bytes = make_idx(part), sha256_file(part), part.stat().st_size
        write_atomic(idx_place(target), idx)
        taken = replace(
            info,
            nsamples=len(kept),
            filesize=size_bytes,
            sha256=sha256,
            idx_sha256=hashlib.sha256(idx).hexdigest(),
            class_pixels=_sum(piece.pixels for piece in kept),
            class_frames=_sum(piece.frames for piece in kept),
            sequences=tuple(row for row in info.sequences if row.name in self.units),
        )
        return Written(shard=taken)


def unit_of(sample: Piece) -> str:
    """Return what a sample cannot be parted from: its sequence, or itself if it is a still."""
    return sample.key if sample.facts.sequence is None else sample.facts.sequence


def units_in(source: ShardSet, info: ShardInfo) -> list[str]:
    """Return the sequences of a shard and the keys of its still images, from its `.idx`.

    Raises:
        ShardError: The `.idx` is missing or damaged.
    """
    names = [row.name for row in info.sequences]
    if sum(row.num_frames for row in info.sequences) == info.nsamples:
        return names
    alone = ShardSet(replace(source.index, shards=(info,)), source.folder)
    shards = RandomAccessShards(alone)
    keys = [entry.key for entry in shards.entries]
    return names + (_stills(shards, keys) if names else keys)


def _stills(shards: RandomAccessShards, keys: list[str]) -> list[str]:
    """Return the keys of still images in a shard that has sequences, too."""
    facts = (FrameFacts.from_json(shards.read(row, ("json",))["json"]) for row in range(len(keys)))
    return [key for key, one in zip(keys, facts, strict=True) if one.sequence is None]


def _sum(counts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    total: Counter[int] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))
