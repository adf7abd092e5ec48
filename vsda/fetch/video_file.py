"""The file of one video on this machine, however it came."""

import re
from dataclasses import dataclass
from pathlib import Path

from vsda.errors import ItemError, Outcome

_ID = re.compile(r"[A-Za-z0-9_-]{11}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """A whole file.

    Attributes:
        path: Where it lies.
        duration_ms: How long its site says that it is, None where nothing is said.
        format_id: The site's name of the variant that was taken, None for a mirror.
        tool: What brought it, such as `yt-dlp 2026.08.19` or `mirror`.
        session: `guest`, `cookies` or `mirror`.
    """

    path: Path
    duration_ms: int | None
    format_id: str | None
    tool: str
    session: str


def check_id(youtube_id: str) -> None:
    """Raise ItemError unless `youtube_id` can be an id, so that nothing else is ever asked for."""
    if not _ID.fullmatch(youtube_id):
        raise ItemError(
            Outcome.GONE,
            f"{youtube_id!r} is no YouTube id: those have 11 letters, digits, '-' or '_'",
        )
