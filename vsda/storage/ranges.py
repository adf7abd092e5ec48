"""Pieces of files on URLs: many requests at once, each made again while its server is in trouble.

The requests run on fsspec's own thread, as those of its file systems do; who asked may do something
else until the answer is wanted.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from fsspec.asyn import get_loop

from vsda.errors import VsdaError
from vsda.storage.places import filesystem_of
from vsda.storage.read import known_size
from vsda.storage.remote import READ, may_pass, remote_errors, says_absent

AT_ONCE = 16
"""Requests that are under way at the same time."""
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""How long to wait after each attempt that failed; a server that starts anew is there by then."""
_ANSWER_S = 30.0
"""How long an answer may take, beside its bytes."""
_GIVE_UP_S = 120.0
"""No attempt begins later than this after the first."""
_SLOWEST_BYTES_PER_S = 100_000

_T = TypeVar("_T")
_jitter = random.SystemRandom()  # a fork's children would share the draws of any other


class RemoteFiles:
    """Pieces and sizes of files on URLs, asked for without waiting.

    It belongs to the process that made it: after a fork, the child makes another.
    """

    def __init__(self) -> None:
        self._gate = asyncio.Semaphore(AT_ONCE)

    def start_read(self, place: str, offset: int, size: int) -> "Future[bytes]":
        """Ask for `size` bytes from `offset`; fewer come where the file ends before.

        A server that ignores ranges answers with the whole file. The result raises a `VsdaError`
        where the file cannot be read.
        """

        async def ask() -> bytes:
            data = await _piece(place, offset, size)
            if len(data) < size:
                raise _ShortError(data)
            return data

        async def read() -> bytes:
            try:
                return await self._insist(place, ask, size)
            except VsdaError as error:
                if isinstance(error.__cause__, _ShortError):  # each time: that is all there is
                    return error.__cause__.data
                raise

        return asyncio.run_coroutine_threadsafe(read(), get_loop())

    def start_file(self, place: str, most: int) -> "Future[bytes | None]":
        """Ask for the content of a file, but for no more than `most` bytes; None without a file."""

        async def ask() -> bytes | None:
            try:
                return await _piece(place, 0, most)
            except FileNotFoundError as error:
                if says_absent(error):
                    return None
                raise

        return asyncio.run_coroutine_threadsafe(self._insist(place, ask, most), get_loop())

    def start_size(self, place: str) -> "Future[int | None]":
        """Ask for the size of a file in bytes; None where there is no file."""

        async def ask() -> int | None:
            try:
                size = (await _call(place, "info"))["size"]
            except FileNotFoundError as error:
                if says_absent(error):
                    return None
                raise
            return known_size(place, size)

        return asyncio.run_coroutine_threadsafe(self._insist(place, ask), get_loop())

    async def _insist(self, place: str, ask: Callable[[], Awaitable[_T]], size: int = 0) -> _T:
        """Return what `ask` returns, `size` bytes or fewer; it is called again while it fails."""
        until = time.monotonic() + _GIVE_UP_S
        for pause_s in PAUSES_S:
            try:
                return await self._once(place, ask, size)
            except VsdaError as error:
                if not may_pass(error.__cause__) or time.monotonic() > until:
                    raise
            # Not in step with all the others that the server has just turned away.
            await asyncio.sleep(pause_s * _jitter.uniform(0.5, 1.5))
        return await self._once(place, ask, size)

    async def _once(self, place: str, ask: Callable[[], Awaitable[_T]], size: int) -> _T:
        seconds = _ANSWER_S + size / _SLOWEST_BYTES_PER_S
        with remote_errors(place, READ):
            async with self._gate, asyncio.timeout(seconds):
                return await ask()


class _ShortError(OSError):
    """Fewer bytes came than were asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"only {len(data)} bytes came")
        self.data = data


async def _piece(place: str, offset: int, size: int) -> bytes:
    return cast("bytes", await _call(place, "cat_file", start=offset, end=offset + size))


async def _call(place: str, name: str, **options: Any) -> Any:
    """Call a method of a file system on a file; in a thread where the others would have to wait."""
    filesystem, path = filesystem_of(place)
    if filesystem.async_impl:
        return await getattr(filesystem, f"_{name}")(path, **options)
    return await asyncio.to_thread(getattr(filesystem, name), path, **options)
