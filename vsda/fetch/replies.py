"""What the headers of a reply mean."""

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from httpx import Headers

from vsda.fetch.partial import Origin

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", re.ASCII)
_NUMBER = re.compile(r"\d+", re.ASCII)
_PAGE_TYPES = {"text/html", "application/xhtml+xml"}


@dataclass(frozen=True, slots=True)
class ContentRange:
    """The header of that name; `start` is None in a refusal, `total_bytes` where it is `*`."""

    start: int | None
    total_bytes: int | None


def content_range(headers: Headers) -> ContentRange | None:
    """Return which bytes a reply holds, None if it does not say."""
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    start, _, total = match.groups()
    return ContentRange(_number(start), _number(total))


def origin_of(url: str, headers: Headers, size_bytes: int | None) -> Origin:
    """Return what a reply says of the file at `url`."""
    return Origin(
        url=url,
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
        size_bytes=size_bytes,
    )


def content_length(headers: Headers) -> int | None:
    """Return how many bytes a reply promises, None if it does not."""
    return _number(headers.get("Content-Length"))


def page_type(headers: Headers) -> str | None:
    """Return the media type of a reply if it is that of a web page, else None."""
    media_type = str(headers.get("Content-Type", "")).partition(";")[0].strip().lower()
    return media_type if media_type in _PAGE_TYPES else None


def packing(headers: Headers) -> str | None:
    """Return how a reply's body is packed, such as `gzip`; None where it is as it is."""
    encoding = str(headers.get("Content-Encoding", "")).strip().lower()
    return encoding if encoding not in {"", "identity"} else None


def retry_after_s(headers: Headers) -> float | None:
    """Return the seconds that a server asks to wait, None if it does not ask."""
    value = str(headers.get("Retry-After", "")).strip()
    seconds = _number(value)
    if seconds is not None:
        return float(seconds)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text.strip()) else None
