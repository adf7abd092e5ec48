"""The files of a set, checked against its index before anything is taken from them."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from vsda.errors import ShardError
from vsda.shards.idx import IdxTable, parse_idx
from vsda.shards.index import ShardInfo, ShardSet
from vsda.storage import (
    RangeReader,
    file_size,
    is_local,
    open_binary,
    read_bytes,
    sha256_rest,
)

MAX_OPEN_TARS = 128
_BLOCK_BYTES = 1 << 20
_MEND = "prepare the set again or fetch the file again"


def check_size(shard_set: ShardSet, info: ShardInfo) -> None:
    """Raise `ShardError` where a tar is missing or has another size than the index says."""
    place = shard_set.place(info.url)
    size_bytes = file_size(place)
    if size_bytes is None:
        raise ShardError(f"{place}: missing; {_MEND}")
    if size_bytes != info.filesize:
        raise ShardError(
            f"{place}: {size_bytes} bytes, its index says {info.filesize}: it was cut or replaced; "
            f"{_MEND}"
        )


def load_idx(shard_set: ShardSet, info: ShardInfo) -> IdxTable:
    """Return the table in the `.idx` of a shard.

    Raises:
        ShardError: It is missing, not the one that was written, or counts other samples.
    """
    place = shard_set.place(info.idx_url)
    if file_size(place) is None:
        raise ShardError(f"{place}: missing; {_MEND}")
    data = read_bytes(place)
    if hashlib.sha256(data).hexdigest() != info.idx_sha256:
        raise ShardError(f"{place}: its hash is not the one in the index; {_MEND}")
    try:
        table = parse_idx(data)
    except ShardError as error:
        raise ShardError(f"{place}: {error}") from error
    if len(table.keys) != info.nsamples:
        raise ShardError(
            f"{place}: {len(table.keys)} samples, its index says {info.nsamples}; {_MEND}"
        )
    return table


@contextmanager
def whole_tar(shard_set: ShardSet, info: ShardInfo) -> Iterator[IO[bytes]]:
    """Yield the tar of a shard as a file that has proved to be the one that was written.

    A remote tar is copied to a temporary file, so that it travels once.

    Raises:
        ShardError: It is missing, cut or changed.
    """
    check_size(shard_set, info)
    place = shard_set.place(info.url)
    with ExitStack() as stack:
        file = stack.enter_context(open_binary(place))
        if not is_local(place):
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, copy, _BLOCK_BYTES)
            file = copy
        file.seek(0)
        if sha256_rest(file) != info.sha256:
            raise ShardError(f"{place}: its hash is not the one in the index; {_MEND}")
        file.seek(0)
        yield file


class OpenTars:
    """The tars that this process has open, at most `MAX_OPEN_TARS`."""

    def __init__(self, shard_set: ShardSet) -> None:
        self._set = shard_set
        self._readers: dict[int, RangeReader] = {}
        self._pid = os.getpid()

    def read(self, shard: int, offset: int, size: int) -> bytes:
        """Return `size` bytes of a tar; a `ShardError` where there are fewer."""
        data = self._reader(shard).read(offset, size)
        if len(data) != size:
            raise ShardError(
                f"{self._set.place(self._set.index.shards[shard].url)}: asked for {size} bytes at "
                f"{offset}, got {len(data)}; the tar was cut, or its server ignores ranges"
            )
        return data

    def __reduce__(self) -> tuple[type["OpenTars"], tuple[ShardSet]]:
        """Pickle without the open files."""
        return (OpenTars, (self._set,))

    def _reader(self, shard: int) -> RangeReader:
        if self._pid != os.getpid():  # a fork: connections must not be shared with the parent
            self._readers, self._pid = {}, os.getpid()
        reader = self._readers.get(shard)
        if reader is None:
            info = self._set.index.shards[shard]
            check_size(self._set, info)
            if len(self._readers) >= MAX_OPEN_TARS:
                self._readers.pop(next(iter(self._readers)))
            reader = self._readers[shard] = RangeReader(self._set.place(info.url))
        return reader
