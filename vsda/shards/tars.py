"""The files of a set, checked against its index before anything is taken from them."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import numpy as np

from vsda.errors import ShardError
from vsda.shards.idx import MAX_SAMPLE_BYTES, IdxTable, parse_idx
from vsda.shards.index import ShardInfo, ShardSet
from vsda.storage import (
    RangeReader,
    file_size,
    is_local,
    open_binary,
    read_bytes,
    sha256_file,
    sha256_rest,
)

HEADER_BYTES = tarfile.BLOCKSIZE
MAX_OPEN_TARS = 128
_NAME_BYTES, _SIZE, _CHECKSUM = 100, slice(124, 135), slice(148, 156)  # of a tar's header
_BLANKS = b" " * 8
"""What stands in place of a header's check sum while it is computed."""
_FEW_BYTES, _LOW_HALF = 256, 0xFFFF
"""Adler's lower half is the sum of the bytes modulo 65521, which so few of them never reach."""
_BLOCK_BYTES = 1 << 20
MEND = "`vsda shards repair` mends the set"
_OTHER_HASH = f"its hash is not the one in the index; {MEND}"


def check_size(shard_set: ShardSet, info: ShardInfo) -> None:
    """Raise `ShardError` where a tar is missing or has another size than the index says."""
    compare_size(shard_set, info, file_size(shard_set.place(info.url)))


def compare_size(shard_set: ShardSet, info: ShardInfo, size_bytes: int | None) -> None:
    """Raise `ShardError` where a tar of `size_bytes`, None if it is missing, is not the one."""
    place = shard_set.place(info.url)
    if size_bytes is None:
        raise ShardError(f"{place}: missing; {MEND}")
    if size_bytes != info.filesize:
        raise ShardError(
            f"{place}: {size_bytes} bytes, its index says {info.filesize}: it was cut or replaced; "
            f"{MEND}"
        )


def load_idx(shard_set: ShardSet, info: ShardInfo) -> IdxTable:
    """Return the table in the `.idx` of a shard.

    Raises:
        ShardError: It is missing, not the one that was written, counts other samples, or names
            places that its tar does not have.
    """
    place = shard_set.place(info.idx_url)
    if file_size(place) is None:
        raise ShardError(f"{place}: missing; {MEND}")
    data = read_bytes(place, most=info.filesize)  # a line is shorter than the headers it is of
    return idx_table(shard_set, info, data)


def idx_table(shard_set: ShardSet, info: ShardInfo, data: bytes) -> IdxTable:
    """Return the table in `data`, the content of the `.idx` of a shard.

    Raises:
        ShardError: As `load_idx` does, but for a missing file.
    """
    place = shard_set.place(info.idx_url)
    if hashlib.sha256(data).hexdigest() != info.idx_sha256:
        raise ShardError(f"{place}: {_OTHER_HASH}")
    try:
        table = parse_idx(data)
    except ShardError as error:
        raise ShardError(f"{place}: {error}") from error
    if len(table.keys) != info.nsamples:
        raise ShardError(
            f"{place}: {len(table.keys)} samples, its index says {info.nsamples}; {MEND}"
        )
    _check_spans(table, info, place)
    return table


def _check_spans(table: IdxTable, info: ShardInfo, place: str) -> None:
    """Raise `ShardError` where a sample is not inside of its tar, or too far apart to read."""
    offsets, sizes = table.spans[..., 0], table.spans[..., 1]
    absent = offsets < 0
    largest = np.iinfo(np.int64).max
    is_outside = (offsets > info.filesize) | (sizes > info.filesize - offsets)
    starts = np.where(absent, largest, offsets).min(axis=1)
    ends = np.where(absent, 0, offsets + np.where(is_outside, 0, sizes)).max(axis=1)
    is_wide = ends - starts > MAX_SAMPLE_BYTES
    bad = np.flatnonzero((is_outside & ~absent).any(axis=1) | is_wide)
    if bad.size:
        raise ShardError(
            f"{place}: {table.keys[bad[0]]} does not lie inside of the {info.filesize} bytes of "
            f"its tar, or not inside of {MAX_SAMPLE_BYTES} of them"
        )


def check_header(block: bytes, name: str, size: int) -> bool:
    """Return whether the 512 bytes `block` of a tar are the header of the file `name`.

    Compared are its name, as far as a header has room for it, its size and its own checksum.
    """
    try:
        found_size, checksum = int(block[_SIZE], 8), int(block[_CHECKSUM].rstrip(b"\0 "), 8)
    except ValueError:
        return False
    blanked = block[: _CHECKSUM.start] + _BLANKS + block[_CHECKSUM.stop :]
    stored = name.encode()[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0")
    return (
        block[:_NAME_BYTES] == stored
        and found_size == size
        and checksum == sum(map(_sum_of_few, (blanked[:_FEW_BYTES], blanked[_FEW_BYTES:])))
    )


def _sum_of_few(data: bytes) -> int:
    """Return the sum of up to `_FEW_BYTES` bytes, in a tenth of the time of Python's own."""
    return zlib.adler32(data, 0) & _LOW_HALF


def check_hash(shard_set: ShardSet, info: ShardInfo) -> None:
    """Raise `ShardError` where a tar, which is read as a whole, has another hash than its index."""
    place = shard_set.place(info.url)
    if sha256_file(place) != info.sha256:
        raise ShardError(f"{place}: {_OTHER_HASH}")


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
            raise ShardError(f"{place}: {_OTHER_HASH}")
        file.seek(0)
        yield file


def other_length(place: str, offset: int, size: int, found: int) -> ShardError:
    """Return the error for `found` bytes where a tar should have `size` from `offset` on."""
    return ShardError(
        f"{place}: asked for {size} bytes at {offset}, got {found}; the tar was cut, or its server "
        "ignores ranges"
    )


class OpenTars:
    """The tars that this process has open, at most `MAX_OPEN_TARS`.

    Args:
        shard_set: The set.
        hashed: Compare a tar with the hash in its index before the first piece of it is returned.
    """

    def __init__(self, shard_set: ShardSet, *, hashed: bool = False) -> None:
        self._set, self._hashed = shard_set, hashed
        self._proven: set[int] = set()
        self._readers: dict[int, RangeReader] = {}
        self._pid = os.getpid()

    def read(self, shard: int, offset: int, size: int) -> bytes:
        """Return `size` bytes of a tar; a `ShardError` where there are fewer."""
        data = self._reader(shard).read(offset, size)
        if len(data) != size:
            place = self._set.place(self._set.index.shards[shard].url)
            raise other_length(place, offset, size, len(data))
        return data

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the open files."""
        return self.__dict__ | {"_readers": {}}

    def _reader(self, shard: int) -> RangeReader:
        if self._pid != os.getpid():  # a fork: connections must not be shared with the parent
            self._readers, self._pid = {}, os.getpid()
        reader = self._readers.get(shard)
        if reader is None:
            info = self._set.index.shards[shard]
            check_size(self._set, info)
            if self._hashed and shard not in self._proven:
                check_hash(self._set, info)
                self._proven.add(shard)
            if len(self._readers) >= MAX_OPEN_TARS:
                self._readers.pop(next(iter(self._readers)))
            reader = self._readers[shard] = RangeReader(self._set.place(info.url))
        return reader
