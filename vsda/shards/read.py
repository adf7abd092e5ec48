"""Read shards: samples in order, or any sample by its position."""

import bisect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, overload

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError
from vsda.sample import FrameFacts, Sample
from vsda.shards.cache import Cache
from vsda.shards.extents import Extent, LocalExtents
from vsda.shards.idx import MAX_FIELDS, MAX_SAMPLE_BYTES, IdxTable, Member, tar_members
from vsda.shards.index import ShardSet
from vsda.shards.masks import decode_mask
from vsda.shards.pictures import PictureError, opened_picture
from vsda.shards.remote import RemoteExtents
from vsda.shards.tars import load_idx, whole_tar
from vsda.storage import is_local


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """Where one sample lies.

    Attributes:
        key: Its key.
        shard: Index of its shard in the set.
        fields: Field name to offset and size of its data inside the tar, in bytes.
    """

    key: str
    shard: int
    fields: Mapping[str, tuple[int, int]]


class RandomAccessShards:
    """Any sample of a set by its position; one read per sample.

    The `.idx` of a shard is parsed when the first of its samples is asked for and kept as arrays,
    which travel with a pickle; open files stay behind and are opened anew in each process.

    A tar is as good as its size, and each piece of it as the tar's own header before it: both are
    compared at every read, which takes microseconds. So other samples than the one asked for are
    never returned; a bit that turned inside of a picture shows at best when that is decoded.

    Samples on a URL are asked for at the same time, up to 16, and again where the server fails for
    a while. `prefetch` does so for all that a batch is going to read.

    Args:
        shard_set: The set.
        hashed: Read each tar once as a whole, when the first of its samples is asked for, and
            compare its hash, so that no changed byte is ever returned. On a URL that is a download.
        cache: Where to keep what was read of a set on a URL.
    """

    def __init__(
        self, shard_set: ShardSet, *, hashed: bool = False, cache: Cache | None = None
    ) -> None:
        self._set = shard_set
        counts = [info.nsamples for info in shard_set.index.shards]
        self._starts = list(itertools.accumulate(counts, initial=0))
        self._tables: dict[int, IdxTable] = {}
        self._last: tuple[int, SampleEntry] | None = None
        self._remote = (
            None
            if is_local(shard_set.folder)
            else RemoteExtents(shard_set, hashed=hashed, cache=cache)
        )
        self._extents = self._remote or LocalExtents(shard_set, hashed=hashed)

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def shard_set(self) -> ShardSet:
        """The set that is read."""
        return self._set

    @property
    def is_remote(self) -> bool:
        """Whether the set lies on a URL, so that `prefetch` saves time."""
        return self._remote is not None

    @property
    def entries(self) -> Sequence[SampleEntry]:
        """Where each sample lies, in the order of the shards; entries are made when asked for."""
        return _Entries(self)

    def entry(self, position: int) -> SampleEntry:
        """Return where the sample at `position` in [0, len) lies.

        Raises:
            ShardError: The `.idx` of its shard is missing, damaged or contradicts the index.
        """
        last = self._last  # asked for several times in a row: for its fields, its key, its place
        if last is not None and last[0] == position:
            return last[1]
        shard = self._shard_of(position)
        table = self._table(shard)
        row = position - self._starts[shard]
        found = SampleEntry(table.keys[row], shard, table.sample_fields(row))
        self._last = (position, found)
        return found

    def positions_with(self, field: str) -> NDArray[np.int64]:
        """Return the positions of the samples that have a field, in order.

        Raises:
            ShardError: The `.idx` of a shard is missing, damaged or contradicts the index.
        """
        self._load(range(len(self._starts) - 1))
        rows = [self._table(shard).rows_with(field) for shard in range(len(self._starts) - 1)]
        found = [start + each for start, each in zip(self._starts, rows, strict=False)]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def read(self, position: int, fields: tuple[str, ...]) -> dict[str, bytes]:
        """Return the data of `fields` of the sample at `position` in [0, len).

        All of it is one read from the first to the last field: one request where the set is remote.

        Raises:
            ShardError: The sample lacks a field, its shard is missing or cut, or has something else
            where the sample should be.
        """
        return self.read_several({position: fields})[position] if fields else {}

    def read_several(self, wanted: Mapping[int, tuple[str, ...]]) -> dict[int, dict[str, bytes]]:
        """Return the data of each sample's fields in `wanted`, by position.

        Samples that lie near each other, such as the frames of a clip, are one read together.

        Raises:
            ShardError: As `read` does.
        """
        self._load_for(wanted)
        return self._extents.read(
            self._extent(position, wanted[position]) for position in sorted(wanted)
        )

    def prefetch(
        self, positions: Iterable[int], fields: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> None:
        """Ask for samples that are going to be read: `fields`, and what they have of `optional`.

        It does not wait: `read` and `read_several` do, when they are called for one of them. What
        was asked for before and not read by then is given up. A sample that cannot be read is no
        error here but there. On this machine there is nothing to be done.

        Raises:
            VsdaError: The server cannot be reached.
        """
        if self._remote is None:
            return
        wanted, extents = sorted(set(positions)), []
        with suppress(ShardError):
            self._load_for(wanted)
        for position in wanted:
            with suppress(ShardError):
                there = self.entry(position).fields
                names = (*fields, *(name for name in optional if name in there))
                extents.append(self._extent(position, names))
        self._remote.prefetch(extents)

    def _extent(self, position: int, fields: tuple[str, ...]) -> Extent:
        entry = self.entry(position)
        missing = [name for name in fields if name not in entry.fields]
        if missing:
            url = self._set.index.shards[entry.shard].url
            raise ShardError(
                f"{self._set.place(url)}: {entry.key} has no {', '.join(missing)}; "
                f"it has {', '.join(entry.fields)}"
            )
        spans = {name: entry.fields[name] for name in fields}
        return Extent.of(position, entry.shard, entry.key, spans)

    def _shard_of(self, position: int) -> int:
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} is outside of a set of {len(self)} samples")
        return bisect.bisect_right(self._starts, position) - 1

    def _load_for(self, positions: Iterable[int]) -> None:
        if self._remote is not None:
            self._load({self._shard_of(position) for position in positions})

    def _load(self, shards: Iterable[int]) -> None:
        """Read the tables of several shards, those on a URL at the same time."""
        missing = [shard for shard in shards if shard not in self._tables]
        if self._remote is not None:
            self._tables |= self._remote.tables(missing)
            return
        for shard in missing:
            self._tables[shard] = load_idx(self._set, self._set.index.shards[shard])

    def _table(self, shard: int) -> IdxTable:
        if shard not in self._tables:
            self._load([shard])
        return self._tables[shard]


class _Entries(Sequence[SampleEntry]):
    """The entries of all samples as a sequence that holds none of them."""

    def __init__(self, shards: RandomAccessShards) -> None:
        self._shards = shards

    def __len__(self) -> int:
        return len(self._shards)

    @overload
    def __getitem__(self, position: int) -> SampleEntry: ...

    @overload
    def __getitem__(self, position: slice) -> list[SampleEntry]: ...

    def __getitem__(self, position: int | slice) -> SampleEntry | list[SampleEntry]:
        if isinstance(position, slice):
            return [self._shards.entry(place) for place in range(*position.indices(len(self)))]
        return self._shards.entry(position + len(self) if position < 0 else position)


def iterate_samples(shard_set: ShardSet) -> Iterator[Sample]:
    """Yield all samples in the order of the shards.

    Each tar is hashed before its first sample is yielded, so nothing is yielded from a tar that is
    not the one that was written. A remote tar is copied to a temporary file for this.

    Raises:
        ShardError: A tar is missing, cut or changed, or holds another number of samples than the
            index says.
    """
    for info in shard_set.index.shards:
        place = shard_set.place(info.url)
        with whole_tar(shard_set, info) as file:
            yield from _samples(file, place, info.nsamples)


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """Return the picture in `data` as (H, W, 3) RGB.

    Raises:
        ShardError: It cannot be decoded.
    """
    try:
        with opened_picture(data) as picture:
            return np.array(picture.convert("RGB"))
    except PictureError as error:
        raise ShardError(f"a picture of {len(data)} bytes cannot be decoded: {error}") from error


def _samples(file: IO[bytes], place: str, num_samples: int) -> Iterator[Sample]:
    """Yield the samples of a tar that is known to be the one that the index lists."""
    count = 0
    try:
        for key, members in itertools.groupby(tar_members(file), lambda member: member.key):
            count += 1
            if count <= num_samples:
                yield _sample(key, _fields(file, key, members))
    except ShardError as error:
        raise ShardError(f"{place}: {error}") from error
    if count != num_samples:
        raise ShardError(f"{place}: {count} samples, its index says {num_samples}")


def _fields(file: IO[bytes], key: str, members: Iterable[Member]) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}
    num_bytes = 0
    for member in members:
        num_bytes += member.size
        if member.field in fields or len(fields) == MAX_FIELDS or num_bytes > MAX_SAMPLE_BYTES:
            raise ShardError(f"{key} has a field twice, or too many: {member.field}")
        file.seek(member.offset)
        fields[member.field] = file.read(member.size)
    if missing := {"jpg", "json"} - fields.keys():
        raise ShardError(f"{key} has no {', '.join(sorted(missing))}")
    return fields


def _sample(key: str, fields: Mapping[str, bytes]) -> Sample:
    try:
        return Sample(
            key=key,
            jpg=fields["jpg"],
            seg=decode_mask(fields["seg.png"]) if "seg.png" in fields else None,
            inst=decode_mask(fields["inst.png"]) if "inst.png" in fields else None,
            facts=FrameFacts.from_json(fields["json"]),
        )
    except ShardError as error:
        raise ShardError(f"{key}: {error}") from error
