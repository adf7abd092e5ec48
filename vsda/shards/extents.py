"""Which bytes of a tar a sample takes, which samples are worth one read, and what comes of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vsda.errors import ShardError
from vsda.shards.index import ShardSet
from vsda.shards.tars import HEADER_BYTES, OpenTars, check_header

GAP_BYTES = 1 << 18
"""Bytes that nobody wants are read along up to here: that takes less time than another request."""

Fields = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Extent:
    """The fields of one sample that are to be read.

    Attributes:
        position: Of the sample in its set.
        shard: Index of its shard in the set.
        key: Key of the sample.
        spans: Offset and size of each field's data in the tar, in bytes; at least one.
        start: Where the header of the first field lies.
        end: Where the last field ends.
    """

    position: int
    shard: int
    key: str
    spans: Mapping[str, tuple[int, int]]
    start: int
    end: int

    @classmethod
    def of(
        cls, position: int, shard: int, key: str, spans: Mapping[str, tuple[int, int]]
    ) -> "Extent":
        """Return the extent of such fields."""
        start, end = min(spans.values())[0], max(map(sum, spans.values()))
        return cls(position, shard, key, spans, start - HEADER_BYTES, end)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbours of one shard that are worth one read, from `start` to `end` of their tar."""

    extents: Sequence[Extent]

    @property
    def shard(self) -> int:
        """The index of their shard in the set."""
        return self.extents[0].shard

    @property
    def start(self) -> int:
        """Where the first of their headers lies."""
        return min(extent.start for extent in self.extents)

    @property
    def size(self) -> int:
        """The number of bytes up to the end of the last field."""
        return max(extent.end for extent in self.extents) - self.start

    def covers(self, extent: Extent) -> bool:
        """Return whether an extent of the same shard lies inside of it."""
        return self.start <= extent.start and extent.end <= self.start + self.size


def runs(extents: Iterable[Extent]) -> Iterator[Run]:
    """Yield the runs of extents that come in the order of their positions."""
    run: list[Extent] = []
    for extent in extents:
        if run and (extent.shard != run[-1].shard or abs(extent.start - run[-1].end) > GAP_BYTES):
            yield Run(run)
            run = []
        run.append(extent)
    if run:
        yield Run(run)


def cut_out(shard_set: ShardSet, extent: Extent, data: bytes, start: int) -> Fields:
    """Return the fields of `extent` from bytes of its tar that begin at `start`.

    Raises:
        ShardError: Something else lies where a field should be.
    """
    found = {}
    for name, (offset, size) in extent.spans.items():
        at = offset - start
        if not check_header(data[at - HEADER_BYTES : at], f"{extent.key}.{name}", size):
            place = shard_set.place(shard_set.index.shards[extent.shard].url)
            raise ShardError(
                f"{place}: {extent.key}.{name} is not where the .idx says, so the tar was changed; "
                "`vsda shards repair` mends the set"
            )
        found[name] = data[at : at + size]
    return found


class LocalExtents:
    """Reads extents of a set on this machine.

    Args:
        shard_set: The set.
        hashed: See `OpenTars`.
    """

    def __init__(self, shard_set: ShardSet, *, hashed: bool = False) -> None:
        self._set = shard_set
        self._tars = OpenTars(shard_set, hashed=hashed)

    def read(self, extents: Iterable[Extent]) -> dict[int, Fields]:
        """Return the fields by position; the extents come in the order of theirs.

        Raises:
            ShardError: A tar is missing, cut, or has something else where a sample should be.
        """
        found: dict[int, Fields] = {}
        for run in runs(extents):
            start, size = run.start, run.size
            data = self._tars.read(run.shard, start, size)
            for extent in run.extents:
                found[extent.position] = cut_out(self._set, extent, data, start)
        return found
