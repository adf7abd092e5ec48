"""A shard without some of its sequences; the bytes of the other samples stay as they are."""

import hashlib
import itertools
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from vsda.errors import ShardError
from vsda.sample import FrameFacts
from vsda.shards.idx import Member, make_idx, tar_members
from vsda.shards.index import ShardInfo, ShardSet
from vsda.shards.masks import decode_mask
from vsda.shards.names import idx_place
from vsda.shards.tars import whole_tar
from vsda.shards.write import boxed_classes, class_pixels
from vsda.storage import Place, atomic_file, sha256_file, write_atomic


def cut_sequences(
    shard_set: ShardSet, info: ShardInfo, names: Collection[str], target: Place
) -> ShardInfo | None:
    """Write a shard without the sequences `names` at `target`; return what it holds then.

    The tar is what `write_shard` makes of the samples that stay. Where none stays, nothing is
    written and None is returned.

    Args:
        shard_set: The set of the shard.
        info: The shard.
        names: Sequences that it may hold.
        target: Path or URL of the new tar; its `.idx` is written beside it.

    Raises:
        ShardError: The tar is not the one that the index lists.
    """
    left = tuple(row for row in info.sequences if row.name not in names)
    if not left and info.sequences:
        return None
    with whole_tar(shard_set, info) as source, atomic_file(target) as file:
        found = list(pieces(source, shard_set.place(info.url)))
        gone = [piece for piece in found if piece.facts.sequence in names]
        write_pieces(file, source, [one for one in found if one.facts.sequence not in names])
        part = Path(file.name)
        idx, sha256, size_bytes = make_idx(part), sha256_file(part), part.stat().st_size
    write_atomic(idx_place(target), idx)
    return replace(
        info,
        nsamples=info.nsamples - len(gone),
        filesize=size_bytes,
        sha256=sha256,
        idx_sha256=hashlib.sha256(idx).hexdigest(),
        class_pixels=_less(info.class_pixels, [piece.pixels for piece in gone]),
        class_frames=_less(info.class_frames, [piece.frames for piece in gone]),
        sequences=left,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One sample in a tar.

    Attributes:
        key: Its key.
        start: Where its bytes start in the tar, headers included.
        end: Where they end.
        facts: Its facts.
        seg: Its `seg.png`, None where it has none.
    """

    key: str
    start: int
    end: int
    facts: FrameFacts
    seg: bytes | None

    @property
    def pixels(self) -> dict[int, int]:
        """The number of pixels of each COCO id, 0 and 255 included."""
        return class_pixels(None if self.seg is None else decode_mask(self.seg))

    @property
    def frames(self) -> dict[int, int]:
        """A one for each COCO id in the mask or in a box that is present."""
        return dict.fromkeys(self.pixels.keys() | boxed_classes(self.facts), 1)


def pieces(source: IO[bytes], place: str) -> Iterator[Piece]:
    """Yield the samples of an open tar, which lies at `place`.

    Raises:
        ShardError: It is no tar of samples, or a sample has no json.
    """
    try:
        for key, members in itertools.groupby(tar_members(source), lambda member: member.key):
            yield _piece(source, key, {member.field: member for member in members})
    except ShardError as error:
        raise ShardError(f"{place}: {error}") from error


def write_pieces(file: IO[bytes], source: IO[bytes], kept: Iterable[Piece]) -> None:
    """Write the samples `kept` of the tar `source` as a tar of their own, byte for byte."""
    for piece in kept:
        source.seek(piece.start)
        file.write(source.read(piece.end - piece.start))
    _end_tar(file)
    file.flush()


def _piece(source: IO[bytes], key: str, found: Mapping[str, Member]) -> Piece:
    if "json" not in found:
        raise ShardError(f"{key} has no json")
    try:
        facts = FrameFacts.from_json(_content(source, found["json"]))
    except ShardError as error:
        raise ShardError(f"{key}: {error}") from error
    return Piece(
        key=key,
        start=min(member.start for member in found.values()),
        end=max(_padded(member.offset + member.size) for member in found.values()),
        facts=facts,
        seg=_content(source, found["seg.png"]) if "seg.png" in found else None,
    )


def _content(source: IO[bytes], member: Member) -> bytes:
    source.seek(member.offset)
    return source.read(member.size)


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _end_tar(file: IO[bytes]) -> None:
    """Write the two empty blocks that end a tar, and fill its last record."""
    file.write(bytes(2 * tarfile.BLOCKSIZE))
    file.write(bytes(-file.tell() % tarfile.RECORDSIZE))


def _less(counts: Mapping[int, int], taken: list[dict[int, int]]) -> dict[int, int]:
    """Return `counts` without what the samples that are gone had added to them."""
    left = Counter(dict(counts))
    for one in taken:
        left.subtract(one)
    return {coco_id: count for coco_id, count in sorted(left.items()) if count > 0}
