"""One request to yt-dlp: its parameters, what it said, and the file that came.

Imported by `vsda.fetch.youtube` when the first video is asked for.
"""

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.globals import supported_js_runtimes
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import GeoRestrictedError, YoutubeDLError

from vsda.errors import ItemError, Outcome
from vsda.fetch.cookies import cookie_copy
from vsda.fetch.outcomes import classify, status_in
from vsda.fetch.video_file import Download
from vsda.fetch.youtube import YoutubeOptions, tool_name

logger = logging.getLogger(__name__)

_RECORDED = "[format_note!*=?upscaled]"  # YouTube also offers enlargements that a network drew
_FORMATS = "/".join(f"bv*{codec}{_RECORDED}" for codec in ("[vcodec^=avc1]", "[vcodec^=vp]", ""))
"""H.264, else VP8 or VP9, else anything with a picture; `*`: sound in the same file is allowed."""

_LONGEST_PAUSE_S = 60.0
_SLACK_BYTES = 100  # YouTube's own count of a file is wrong by a few bytes now and then
_STARTS_OF_TEXT = (b"<", b"{", b"#EXTM3U")
_BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError)
"""What yt-dlp raises when a page is not as it expects; `ValueError` is handled beside them."""


def fetch(youtube_id: str, url: str, folder: Path, options: YoutubeOptions) -> Download:
    """Ask once for a video; see `download_video`."""
    said = Said()
    _drop_fragments(youtube_id, folder)
    try:
        info = _ask(url, _parameters(youtube_id, folder, options, said), said)
        path = _checked_file(info, folder)
    finally:
        _drop_fragments(youtube_id, folder)
    final = path.replace(folder / f"{youtube_id}{path.suffix}")
    for left_over in _working_files(youtube_id, folder):
        if left_over != final:
            left_over.unlink()
    duration_s = info.get("duration")
    return Download(
        path=final,
        duration_ms=None if duration_s is None else round(duration_s * 1000),
        format_id=info.get("format_id"),
        tool=tool_name(),
        session="cookies" if options.cookies else "guest",
    )


class Said:
    """Listens to yt-dlp: keeps its warnings, which may tell why an error came."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Take what yt-dlp would print."""
        logger.debug("%s", message)

    def warning(self, message: str) -> None:
        """Keep a warning."""
        logger.debug("%s", message)
        self.warnings.append(_first_line(message))

    def error(self, message: str) -> None:
        """Take an error, which is raised as well."""
        logger.debug("%s", message)


def _parameters(
    youtube_id: str, folder: Path, options: YoutubeOptions, said: Said
) -> dict[str, Any]:
    name = f"{youtube_id}.%(format_id)s-%(filesize|0)s.%(ext)s"
    return {
        "logger": said,
        "color": "never",
        "quiet": True,
        "noprogress": True,
        "cachedir": False,
        "noplaylist": True,
        "match_filter": _refuse_live,
        "js_runtimes": {name: {} for name in supported_js_runtimes.value},
        "format": _FORMATS,
        "format_sort": _order(options.min_short_side_px),
        # The size is part of the name, so that nothing is appended to another version of the file.
        "outtmpl": f"{str(folder).replace('%', '%%')}/{name}",
        "updatetime": False,
        "fixup": "never",
        "continuedl": True,
        "skip_unavailable_fragments": False,  # a hole would be no error
        "retries": options.num_retries,
        "fragment_retries": options.num_retries,
        "extractor_retries": min(3, options.num_retries),
        "retry_sleep_functions": _retry_pauses(options.retry_pause_s),
        "socket_timeout": options.timeout_s,
        "sleep_interval_requests": options.request_pause_s,
        "ratelimit": options.max_bytes_per_s,
        "proxy": options.proxy,
        "source_address": options.source_address,
        "cookiefile": cookie_copy(options.cookies) if options.cookies else None,
    }


def _order(min_short_side_px: int | None) -> list[str]:
    """Return how formats are compared: size, then plain files, no sound, few frames and bytes."""
    resolution = "res" if min_short_side_px is None else f"+res:{min_short_side_px}"
    return [resolution, "proto", "+hasaud", "+fps", "+size", "+br"]


def _retry_pauses(first_s: float) -> dict[str, Callable[[int], float]]:
    """Return how many seconds to wait before retry n of each thing that is retried."""

    def pause_s(n: int) -> float:
        # Clients that were cut off together must not come back together.
        return min(first_s * 2.0**n, _LONGEST_PAUSE_S) * random.uniform(0.5, 1)

    return dict(http=pause_s, fragment=pause_s, extractor=pause_s)  # noqa: C408  no web address


def _refuse_live(info: Mapping[str, Any], *, incomplete: bool = False) -> str | None:
    """Return why a video is not downloaded: a stream that goes on would never end."""
    del incomplete
    return "a live stream that is still going on" if info.get("is_live") else None


def _ask(url: str, parameters: dict[str, Any], said: Said) -> dict[str, Any]:
    """Return what yt-dlp knows of the video that it has downloaded."""
    try:
        with YoutubeDL(parameters) as session:
            info = session.extract_info(url, download=True)
    except YoutubeDLError as error:
        raise _failure(error, said) from error
    except (*_BUGS, ValueError, OSError) as error:
        text = f"{type(error).__name__}: {error}"
        raise ItemError(classify(text, None, said.warnings), text) from error
    if not isinstance(info, dict) or not info.get("requested_downloads"):
        raise _nothing_came(info)
    return info


def _failure(error: YoutubeDLError, said: Said) -> ItemError:
    """Return the error of a video, from the one of yt-dlp."""
    message = _first_line(str(error))
    causes = list(_causes(error))
    if any(isinstance(cause, GeoRestrictedError) for cause in causes):
        return ItemError(Outcome.GEO_BLOCKED, message)
    refusals = [cause for cause in causes if isinstance(cause, HTTPError)]
    for refusal in refusals:
        refusal.close()  # it holds its connection
    status = refusals[0].status if refusals else status_in(message)
    outcome = classify(message, status, said.warnings)
    if outcome is Outcome.UNKNOWN_REPLY and any(isinstance(one, TransportError) for one in causes):
        outcome = Outcome.NETWORK
    if outcome is Outcome.NO_JS_RUNTIME:
        message = next(one for one in said.warnings if classify(one) is Outcome.NO_JS_RUNTIME)
    return ItemError(outcome, message)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those behind it, which yt-dlp keeps in several places."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = getattr(one, "exc_info", None) or (None, None, None)
        waiting += [getattr(one, "cause", None), inner[1], one.__cause__]


def _nothing_came(info: object) -> ItemError:
    if isinstance(info, dict) and info.get("is_live"):
        return ItemError(Outcome.UNAVAILABLE, "a live stream that is still going on")
    kind = info.get("_type", "video") if isinstance(info, dict) else info
    return ItemError(Outcome.UNKNOWN_REPLY, f"expected one video, got {kind!r} without a file")


def _checked_file(info: dict[str, Any], folder: Path) -> Path:
    """Return the file that came.

    Raises:
        ItemError: It is not one whole file, or not a video; then it is deleted.
    """
    paths = [Path(download["filepath"]) for download in info["requested_downloads"]]
    if len(paths) != 1 or paths[0].parent != folder or not paths[0].is_file():
        raise ItemError(Outcome.UNKNOWN_REPLY, f"expected one file in {folder}, got {paths}")
    fault = _fault(paths[0], info.get("filesize"))
    if fault is not None:
        paths[0].unlink()
        raise fault
    return paths[0]


def _fault(path: Path, expected_bytes: int | None) -> ItemError | None:
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512).lstrip()
    if start.startswith(_STARTS_OF_TEXT):
        return ItemError(
            Outcome.NOT_A_VIDEO, f"text came in place of the video: {bytes(start[:60])!r}"
        )
    if size_bytes == 0 or (expected_bytes and size_bytes < expected_bytes - _SLACK_BYTES):
        return ItemError(Outcome.NETWORK, f"{size_bytes} of {expected_bytes} bytes came")
    return None


def _working_files(youtube_id: str, folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.startswith(f"{youtube_id}."))


def _drop_fragments(youtube_id: str, folder: Path) -> None:
    """Delete a stream that came in part: a kill may have let it hold a fragment twice."""
    left_over = _working_files(youtube_id, folder)
    states = {path.name.removesuffix(".ytdl") for path in left_over if path.suffix == ".ytdl"}
    for path in left_over:
        whole, _, fragment = path.name.partition(".part")
        if path.suffix == ".ytdl" or fragment.startswith("-Frag") or whole in states:
            path.unlink()


def _first_line(message: str) -> str:
    lines = message.removeprefix("ERROR: ").splitlines()
    return next((line.strip() for line in lines if line.strip()), "")
