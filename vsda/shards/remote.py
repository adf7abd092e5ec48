"""Extents of a set on a URL: asked for many at once, and kept in a cache on this machine."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from vsda.errors import ShardError
from vsda.shards.cache import Cache
from vsda.shards.extents import Extent, Fields, Run, cut_out, runs
from vsda.shards.idx import IdxTable
from vsda.shards.index import ShardInfo, ShardSet
from vsda.shards.tars import MEND, check_hash, compare_size, idx_table, other_length
from vsda.storage import RemoteFiles


@dataclass(slots=True)
class _Asked:
    """What this process has asked for: sizes by shard, and the runs that hold a position."""

    pid: int = field(default_factory=os.getpid)
    files: RemoteFiles = field(default_factory=RemoteFiles)
    sizes: dict[int, "Future[int | None]"] = field(default_factory=dict)
    ahead: dict[int, tuple[Run, "Future[bytes]"]] = field(default_factory=dict)


class RemoteExtents:
    """Reads extents of a set on a URL.

    What is stored under a piece's name is that piece of the tar with this hash, so a set that is
    made anew never gets bytes of the old one.

    Args:
        shard_set: The set.
        hashed: Read each tar as a whole first, see `OpenTars`; then the cache is not used, as it
            may have been filled by somebody who did not.
        cache: Where pieces are kept; None for nowhere.
    """

    def __init__(
        self, shard_set: ShardSet, *, hashed: bool = False, cache: Cache | None = None
    ) -> None:
        self._set, self._hashed = shard_set, hashed
        self._cache = None if hashed else cache
        self._proven: set[int] = set()
        self._asked: _Asked | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without what is under way."""
        return self.__dict__ | {"_asked": None}

    def tables(self, shards: Sequence[int]) -> dict[int, IdxTable]:
        """Return the tables of several shards.

        Raises:
            ShardError: An `.idx` is missing, damaged or contradicts the index.
        """
        found: dict[int, IdxTable] = {}
        started = {}
        for shard in shards:
            info = self._set.index.shards[shard]
            stored = self._stored(_idx_name(info))
            if stored is not None:
                found[shard] = idx_table(self._set, info, stored)
                continue
            # A line is shorter than the headers it is of, so the whole is than the tar.
            place = self._set.place(info.idx_url)
            started[shard] = self._here().files.start_file(place, info.filesize)
        for shard, answer in started.items():
            found[shard] = self._table(self._set.index.shards[shard], answer.result())
        return found

    def prefetch(self, extents: Iterable[Extent]) -> None:
        """Ask for extents, in the order of their positions, without waiting for them.

        What was asked for before and not read since is given up.
        """
        missing = [extent for extent in extents if not self._is_stored(extent)]
        self._here().ahead = {
            extent.position: (run, data)
            for run, data in self._start_all(missing)
            for extent in run.extents
        }

    def read(self, extents: Iterable[Extent]) -> dict[int, Fields]:
        """Return the fields by position; the extents come in the order of theirs.

        Raises:
            ShardError: A tar is missing, cut, or has something else where a sample should be.
            VsdaError: Its server cannot be reached, or fails for a minute.
        """
        found: dict[int, Fields] = {}
        missing = []
        for extent in extents:
            ahead = self._here().ahead.get(extent.position)
            if ahead is not None and ahead[0].covers(extent):
                found[extent.position] = self._collect(extent, *ahead)
            elif (stored := self._stored(self._name(extent))) is not None:
                found[extent.position] = cut_out(self._set, extent, stored, extent.start)
            else:
                missing.append(extent)
        for run, data in self._start_all(missing):
            found |= {one.position: self._collect(one, run, data) for one in run.extents}
        return found

    def _start_all(self, extents: Iterable[Extent]) -> "list[tuple[Run, Future[bytes]]]":
        asked, started = self._here(), []
        for run in runs(extents):
            self._size(run.shard)
            place = self._place(run.shard)
            started.append((run, asked.files.start_read(place, run.start, run.size)))
        return started

    def _collect(self, extent: Extent, run: Run, answer: "Future[bytes]") -> Fields:
        """Return the fields of one extent of a run, and keep them."""
        self._prove(run.shard)
        data, start = answer.result(), run.start
        if len(data) != run.size:
            raise other_length(self._place(run.shard), start, run.size, len(data))
        fields = cut_out(self._set, extent, data, start)
        name = self._name(extent)
        if self._cache is not None and self._cache.takes(name):
            self._cache.put(name, data[extent.start - start : extent.end - start])
        return fields

    def _prove(self, shard: int) -> None:
        """Compare a tar with the index before the first piece of it is returned."""
        size = self._size(shard)
        if size is None:
            return
        info = self._set.index.shards[shard]
        del self._here().sizes[shard]  # so that the next piece asks anew, if this fails
        compare_size(self._set, info, size.result())
        if self._hashed:
            check_hash(self._set, info)
        self._proven.add(shard)

    def _size(self, shard: int) -> "Future[int | None] | None":
        """Return the size that a tar's server was asked for; None where it has proved right."""
        if shard in self._proven:
            return None
        asked = self._here()
        if shard not in asked.sizes:
            asked.sizes[shard] = asked.files.start_size(self._place(shard))
        return asked.sizes[shard]

    def _table(self, info: ShardInfo, data: bytes | None) -> IdxTable:
        if data is None:
            raise ShardError(f"{self._set.place(info.idx_url)}: missing; {MEND}")
        table = idx_table(self._set, info, data)
        if self._cache is not None:
            self._cache.put(_idx_name(info), data)
        return table

    def _stored(self, name: str) -> bytes | None:
        return None if self._cache is None else self._cache.get(name)

    def _is_stored(self, extent: Extent) -> bool:
        return self._cache is not None and self._cache.holds(self._name(extent))

    def _name(self, extent: Extent) -> str:
        sha256 = self._set.index.shards[extent.shard].sha256
        return f"{sha256}-{extent.start}-{extent.end - extent.start}"

    def _place(self, shard: int) -> str:
        return self._set.place(self._set.index.shards[shard].url)

    def _here(self) -> _Asked:
        """Return what this process has asked for: a fork must not wait for its parent's answers."""
        if self._asked is None or self._asked.pid != os.getpid():
            self._asked = _Asked()
        return self._asked


def _idx_name(info: ShardInfo) -> str:
    return f"{info.idx_sha256}.idx"
