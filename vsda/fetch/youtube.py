"""Videos from YouTube, through yt-dlp as a library.

Only a video stream is asked for, never sound, so nothing must be merged and no ffmpeg is needed.
"""

import importlib.metadata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vsda.errors import ItemError, ManifestError
from vsda.fetch.outcomes import status_in
from vsda.fetch.video_file import Download, check_id
from vsda.manifests import manifest_path, read_table

__all__ = ["Download", "YoutubeOptions", "download_video", "page", "tool_name"]

_PACKAGE = "yt-dlp"
_EXPIRED = 403
"""Status of a file whose address has been valid for some hours and no longer is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class YoutubeOptions:
    """How to ask YouTube.

    Attributes:
        min_short_side_px: The smallest variant whose shorter side has at least so many pixels is
            taken, else the largest that there is; None for the largest.
        cookies: File of cookies in the Netscape format. It is read and never written.
        proxy: URL of a proxy.
        source_address: Address of this machine to ask from.
        max_bytes_per_s: Speed that a download keeps below.
        request_pause_s: Before each request for facts about a video.
        timeout_s: Without a byte, on a connection.
        num_retries: Of a lost connection, one after the other.
        retry_pause_s: Before the first retry; doubles with each further one, up to a minute.
    """

    min_short_side_px: int | None = None
    cookies: Path | None = None
    proxy: str | None = None
    source_address: str | None = None
    max_bytes_per_s: int | None = None
    request_pause_s: float = 0.75
    timeout_s: float = 20.0
    num_retries: int = 10
    retry_pause_s: float = 1.0


def download_video(youtube_id: str, folder: Path, options: YoutubeOptions) -> Download:
    """Bring a video to `folder` as `<id>.<extension>`.

    H.264 is taken where there is any, as every decoder reads it. A download that fails may leave
    `<id>.*.part` in `folder`, from which the next one goes on; one that succeeds leaves one file.

    Raises:
        ItemError: With what became of the video, and the message of yt-dlp.
        FetchError: The file of cookies cannot be used.
    """
    check_id(youtube_id)
    # Here, as importing yt-dlp takes a quarter of a second that only this command needs.
    from vsda.fetch.youtube_session import fetch  # noqa: PLC0415

    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    url = page("watch").replace("{id}", youtube_id)
    try:
        return fetch(youtube_id, url, folder, options)
    except ItemError as error:
        if status_in(str(error)) != _EXPIRED:
            raise
    return fetch(youtube_id, url, folder, options)


def tool_name() -> str:
    """Return the name and version of what asks YouTube, such as `yt-dlp 2026.8.19`."""
    return f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)}"


@cache
def _pages() -> dict[str, str]:
    return dict(
        read_table(
            manifest_path("youtube", "pages"), ("page", "url"), lambda cells: (cells[0], cells[1])
        )
    )


def page(name: str) -> str:
    """Return the address of a page in manifests/youtube/pages.tsv, such as `watch`."""
    if name not in _pages():
        raise ManifestError(f"youtube/pages.tsv: no page {name!r}")
    return _pages()[name]
