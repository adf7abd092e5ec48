"""What became of one video: a row of `<set>.report.jsonl`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vsda.errors import Outcome, ShardError
from vsda.storage import read_bytes

MIRROR = "mirror"
"""Session and tool of a video that was taken from a mirror."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoRow:
    """What became of one video.

    Attributes:
        video: YouTube id.
        shard: Number of the shard that it belongs to.
        outcome: What became of it.
        message: What was said when it failed, as it was said; empty for a video that is there.
        first_seen: When it was first asked for, in UTC, as `2026-01-31T12:00:00Z`.
        last_seen: When it was last asked for.
        attempts: How often it was asked for.
        tool: What asked, such as `yt-dlp 2026.08.19` or `mirror`.
        session: `guest`, `cookies` or `mirror`.
        num_frames: Frames written.
        facts: Codec, size in pixels, duration_ms, decoder, of a video that was opened.
    """

    video: str
    shard: int
    outcome: Outcome
    message: str = ""
    first_seen: str
    last_seen: str
    attempts: int = 1
    tool: str
    session: str
    num_frames: int = 0
    facts: Mapping[str, Any] | None = None


_ROWS = TypeAdapter(list[VideoRow])


def dump_rows(rows: Iterable[VideoRow]) -> bytes:
    """Return the content of a `.report.jsonl`: a JSON object per video."""
    values = _ROWS.dump_python(list(rows), mode="json")
    return "".join(f"{json.dumps(value, sort_keys=True)}\n" for value in values).encode()


def load_rows(place: str | Path) -> list[VideoRow]:
    """Return the rows in a file that `dump_rows` made.

    Raises:
        ShardError: Not such a file.
    """
    lines = read_bytes(place).splitlines()
    try:
        return _ROWS.validate_python([json.loads(line) for line in lines])
    except (ValueError, ValidationError) as error:
        raise ShardError(f"{place}: not a report of videos: {error}") from error
