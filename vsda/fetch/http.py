"""Download one file so that it comes whole or not at all, and never twice the same byte.

What has come lies in `<target>.part`. A lost connection is taken up again with `Range` and
`If-Range` (RFC 9110, sections 13.1.5 and 14), in the same call and in a later process; a server
that does not offer ranges begins anew. The final name appears when size and digest are right.
"""

from enum import StrEnum, auto
from pathlib import Path

import httpx

from vsda.errors import FetchError, VsdaError
from vsda.fetch.checks import Checks, is_page
from vsda.fetch.disk import check_space, full_disk_stops
from vsda.fetch.http_errors import HttpStatusError, NetworkError, WrongContentError
from vsda.fetch.partial import Origin, PartFile
from vsda.fetch.replies import content_length, packing
from vsda.fetch.transfer import HEADERS, HttpLimits, OnBytes, transfer, wrong_content
from vsda.storage import exclusive, file_size, open_binary

__all__ = [
    "HttpLimits",
    "HttpStatusError",
    "NetworkError",
    "WrongContentError",
    "ask_size",
    "download",
    "download_checked",
    "is_web",
]

LOCK_SUFFIX = ".lock"
DEFAULT_LIMITS = HttpLimits()
_BLOCK_BYTES = 1 << 20
_QUESTION_S = 10.0


class WebScheme(StrEnum):
    """How addresses start that are asked for here; all others are read through fsspec."""

    HTTP = auto()
    HTTPS = auto()


def download(
    url: str,
    target: Path,
    *,
    size_bytes: int | None = None,
    sha256: str | None = None,
    limits: HttpLimits = DEFAULT_LIMITS,
    on_bytes: OnBytes | None = None,
) -> int:
    """Bring the file at `url` to `target` and return its size in bytes; see `download_checked`."""
    checks = Checks(size_bytes=size_bytes, sha256=sha256)
    return download_checked(url, target, checks, limits=limits, on_bytes=on_bytes)


def download_checked(
    url: str,
    target: Path,
    checks: Checks,
    *,
    limits: HttpLimits = DEFAULT_LIMITS,
    on_bytes: OnBytes | None = None,
    again: bool = False,
) -> int:
    """Bring the file at `url` to `target` and return its size in bytes.

    A file that is there and fits `checks` is left as it is, unless it is to come `again`: then it
    stays until the new one is whole. A path or another fsspec URL is copied.

    Raises:
        HttpStatusError: The server refuses the file.
        NetworkError: It cannot be reached, or stops sending; the next call goes on from there.
        WrongContentError: Something else came; it is deleted.
        DiskFullError: No room; the next call goes on from there.
        VsdaError: Another process downloads to `target`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(target.with_name(target.name + LOCK_SUFFIX)):
        if not again and target.is_file() and checks.fault(target) is None:
            return target.stat().st_size
        part = PartFile(target)
        with full_disk_stops(target):
            if is_web(url):
                transfer(url, part, checks, limits, on_bytes)
            else:
                _copy(url, part, on_bytes)
            _check(url, part, checks)
            part.finish()
        return target.stat().st_size


def ask_size(url: str) -> int | None:
    """Return the size of the file at `url` in bytes, None where nobody says; one question only."""
    try:
        if not is_web(url):
            return file_size(url)
        reply = httpx.head(url, follow_redirects=True, timeout=_QUESTION_S, headers=HEADERS)
    except (httpx.RequestError, httpx.InvalidURL, VsdaError):
        return None
    is_plain = reply.status_code == httpx.codes.OK and packing(reply.headers) is None
    return content_length(reply.headers) if is_plain else None


def is_web(place: str) -> bool:
    """Return whether `place` is an address for a web server, rather than a path or other URL."""
    scheme, colon, _ = place.partition("://")
    return bool(colon) and scheme.lower() in set(WebScheme)


def _copy(url: str, part: PartFile, on_bytes: OnBytes | None) -> None:
    """Copy a file from a path or fsspec URL, always from its start."""
    try:
        size_bytes = file_size(url)
        if size_bytes is None:
            raise FetchError(f"{url}: no such file")
        part.start(Origin(url=url, size_bytes=size_bytes))
        check_space(part.path, size_bytes)
        with open_binary(url) as source, part.append() as file:
            while block := source.read(_BLOCK_BYTES):
                file.write(block)
                if on_bytes:
                    on_bytes(file.tell(), size_bytes)
    except VsdaError as error:
        if type(error) is VsdaError:
            raise FetchError(str(error)) from error
        raise


def _check(url: str, part: PartFile, checks: Checks) -> None:
    """Raise WrongContentError, and delete what came, if that is not the file."""
    if is_page(part.path) and not part.target.suffix.startswith(".htm"):
        fault: str | None = "a web page came in place of the file"
    else:
        fault = checks.fault(part.path)
    if fault is not None:
        part.drop()
        raise wrong_content(url, fault)
