"""The attempts for one file of a web server: ask, take what comes, wait, ask for the rest."""

import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from vsda import __version__
from vsda.errors import FetchError
from vsda.fetch.checks import Checks
from vsda.fetch.disk import check_space
from vsda.fetch.http_errors import HttpStatusError, NetworkError, WrongContentError
from vsda.fetch.partial import Origin, PartFile
from vsda.fetch.replies import (
    content_length,
    content_range,
    origin_of,
    packing,
    page_type,
    retry_after_s,
)

logger = logging.getLogger(__name__)

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes that are there and the whole size, None while it is not known."""

HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"vsda/{__version__}"}
"""Sent with every request: what comes must be the file itself, so that a part can be resumed."""

_MAX_REDIRECTS = 10
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that another attempt may change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpLimits:
    """When a download gives up.

    Attributes:
        connect_timeout_s: For a connection to come about.
        read_timeout_s: Without a byte, on a connection.
        max_idle_attempts: In a row, none of which brought a byte that was not there before.
        first_pause_s: After the first idle attempt; it doubles with each further one.
        longest_pause_s: What the pauses grow to.
        longest_wait_s: The longest `Retry-After` that is honoured; a longer one is an error.
        max_bytes: Of the whole file.
        longest_s: For the whole call.
    """

    connect_timeout_s: float = 20.0
    read_timeout_s: float = 60.0
    max_idle_attempts: int = 6
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    longest_wait_s: float = 300.0
    max_bytes: int | None = None
    longest_s: float | None = None


def transfer(
    url: str, part: PartFile, checks: Checks, limits: HttpLimits, on_bytes: OnBytes | None
) -> None:
    """Bring the file at `url` into `part`, going on with what is there of it.

    Raises:
        HttpStatusError: The server refuses the file.
        NetworkError: It cannot be reached, or stops sending.
        WrongContentError: Something else comes.
        DiskFullError: The file is larger than the room on the disk.
    """
    timeout = httpx.Timeout(limits.read_timeout_s, connect=limits.connect_timeout_s)
    with httpx.Client(
        timeout=timeout,
        follow_redirects=True,
        max_redirects=_MAX_REDIRECTS,
        headers=HEADERS,
    ) as client:
        _Transfer(client, url, part, checks, limits, on_bytes).run()


def wrong_content(url: str, fault: str) -> WrongContentError:
    """Return the error for a file that is not the one that was asked for."""
    return WrongContentError(f"{url}: {fault}; nothing of it is kept")


class _AgainError(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, error: FetchError, wait_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.wait_s = error, wait_s


class _Transfer:
    """The attempts for one file, until it is whole or they are used up."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        part: PartFile,
        checks: Checks,
        limits: HttpLimits,
        on_bytes: OnBytes | None,
    ) -> None:
        self._client, self._url, self._part = client, url, part
        self._checks, self._limits, self._on_bytes = checks, limits, on_bytes
        self._started_here = False
        self._end = None if limits.longest_s is None else time.monotonic() + limits.longest_s

    def run(self) -> None:
        """Ask until the file is whole; attempts that bring something new are not counted."""
        furthest, num_idle = self._part.size_bytes, 0
        while True:
            try:
                if self._attempt():
                    return
                raise _AgainError(NetworkError(f"{self._url}: the connection ended early"))
            except _AgainError as again:
                have = self._part.size_bytes
                furthest, num_idle = (have, 0) if have > furthest else (furthest, num_idle + 1)
                self._pause(again, num_idle)

    def _pause(self, again: _AgainError, num_idle: int) -> None:
        """Wait before the next attempt, or raise the error if there is to be none."""
        if num_idle >= self._limits.max_idle_attempts:
            raise again.error
        pause_s = again.wait_s
        if pause_s is None:
            full_s = self._limits.first_pause_s * 2 ** max(0, num_idle - 1)
            # Clients that were cut off together must not come back together.
            pause_s = min(full_s, self._limits.longest_pause_s) * random.uniform(0.5, 1)
        elif pause_s > self._limits.longest_wait_s:
            raise again.error
        self._check_time(pause_s)
        logger.info("%s; again in %.1f s", again.error, pause_s)
        time.sleep(pause_s)

    def _check_time(self, ahead_s: float = 0.0) -> None:
        if self._end is not None and time.monotonic() + ahead_s > self._end:
            raise NetworkError(
                f"{self._url}: not whole after {self._limits.longest_s:g} s, "
                f"{self._part.size_bytes} bytes came"
            )

    def _attempt(self) -> bool:
        """Ask once for what is missing and return whether the file is whole."""
        origin = self._trusted_origin()
        have = self._part.size_bytes if origin else 0
        if origin and origin.size_bytes == have:
            return True
        try:
            with self._client.stream("GET", self._url, headers=_range(origin, have)) as reply:
                return self._take(reply, origin, have)
        except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
            raise FetchError(f"{self._url}: cannot be asked for: {error}") from error
        except httpx.RequestError as error:
            lost = NetworkError(f"{self._url}: {_reason(error)}")
            if _is_certificate(error):
                raise lost from error
            raise _AgainError(lost) from error

    def _trusted_origin(self) -> Origin | None:
        """Return the origin of the bytes that are there, None if they must not be gone on with.

        A later run goes on only where a version, a date or a digest will show another file.
        """
        origin = self._part.origin()
        if origin is None or origin.url != self._url:
            return None
        known = origin.is_recognised or self._checks.sha256 or self._checks.md5
        return origin if known or self._started_here else None

    def _take(self, reply: httpx.Response, origin: Origin | None, have: int) -> bool:
        """Write the body of a reply and return whether the file is whole."""
        if reply.status_code == httpx.codes.OK:
            return self._begin(reply)
        if origin and reply.status_code == httpx.codes.PARTIAL_CONTENT:
            return self._go_on(reply, origin, have)
        if origin and reply.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return self._past_the_end(reply, origin, have)
        wait_s = retry_after_s(reply.headers)
        error = HttpStatusError(reply.status_code, self._url, wait_s)
        if reply.status_code in _PASSING:
            raise _AgainError(error, wait_s)
        raise error

    def _begin(self, reply: httpx.Response) -> bool:
        """Take the file from its first byte."""
        self._check_kind(reply)
        origin = origin_of(self._url, reply.headers, content_length(reply.headers))
        self._check_size(origin.size_bytes)
        self._part.start(origin)
        self._started_here = True
        return self._write(reply, origin.size_bytes)

    def _go_on(self, reply: httpx.Response, origin: Origin, have: int) -> bool:
        """Take the rest of the file."""
        self._check_kind(reply)
        piece = content_range(reply.headers)
        if piece is None or piece.start != have:
            self._part.drop()
            raise _AgainError(
                WrongContentError(
                    f"{self._url}: expected the bytes from {have} on, got Content-Range "
                    f"{reply.headers.get('Content-Range')!r}"
                )
            )
        if not origin.is_same(origin_of(self._url, reply.headers, piece.total_bytes)):
            self._part.drop()
            raise _AgainError(WrongContentError(f"{self._url}: the file changed while it came"))
        return self._write(reply, origin.size_bytes or piece.total_bytes)

    def _past_the_end(self, reply: httpx.Response, origin: Origin, have: int) -> bool:
        """Return True if the server says that nothing is missing; else begin anew."""
        piece = content_range(reply.headers)
        if piece and piece.total_bytes == have and origin.size_bytes in {None, have}:
            return True
        self._part.drop()
        raise _AgainError(
            WrongContentError(
                f"{self._url}: the server says that the file ends before byte {have}, and said "
                f"before that it has {origin.size_bytes} bytes"
            )
        )

    def _check_kind(self, reply: httpx.Response) -> None:
        page = page_type(reply.headers)
        if page and not self._part.target.suffix.startswith(".htm"):
            raise wrong_content(self._url, f"got {page}, a web page in place of the file")
        packed = packing(reply.headers)
        if packed:
            raise wrong_content(self._url, f"the server packs it ({packed}) although asked not to")

    def _check_size(self, size_bytes: int | None) -> None:
        expected, most = self._checks.size_bytes, self._limits.max_bytes
        if size_bytes is not None and expected is not None and size_bytes != expected:
            raise wrong_content(self._url, f"it has {size_bytes} bytes, expected {expected}")
        if size_bytes is not None and most is not None and size_bytes > most:
            raise wrong_content(
                self._url, f"it has {size_bytes} bytes, more than the limit of {most}"
            )

    def _write(self, reply: httpx.Response, size_bytes: int | None) -> bool:
        """Append a body; return False if it ended before the file did."""
        have = self._part.size_bytes
        if size_bytes is not None:
            check_space(self._part.path, size_bytes - have)
        most = size_bytes if size_bytes is not None else self._most()
        with self._part.append() as file:
            for block in reply.iter_raw():
                file.write(block)
                have += len(block)
                if most is not None and have > most:
                    self._part.drop()
                    raise wrong_content(self._url, f"more than {most} bytes came")
                if self._on_bytes:
                    self._on_bytes(have, size_bytes)
                self._check_time()
        expected = size_bytes if size_bytes is not None else self._checks.size_bytes
        return expected is None or have == expected

    def _most(self) -> int | None:
        known = (self._checks.size_bytes, self._limits.max_bytes)
        return min((size for size in known if size is not None), default=None)


def _range(origin: Origin | None, have: int) -> dict[str, str]:
    """Return the headers that ask for the bytes from `have` on, if the file is the same still."""
    if origin is None:
        return {}
    headers = {"Range": f"bytes={have}-"}
    if origin.validator is not None:
        headers["If-Range"] = origin.validator
    return headers


def _reason(error: httpx.RequestError) -> str:
    """Return what a lost connection is called."""
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection within the time limit"
    if isinstance(error, httpx.TimeoutException):
        return "nothing came for the time limit"
    return f"the connection failed: {error or type(error).__name__}"


def _is_certificate(error: BaseException | None) -> bool:
    """Return whether a server's certificate was refused, which no further attempt changes."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
