"""Videos from a place that has them as files: a folder, a web server, or any fsspec URL."""

import re
from pathlib import Path

from vsda.errors import ItemError, Outcome, UsageError, VsdaError
from vsda.fetch.http import HttpLimits, HttpStatusError, WrongContentError, download, is_web
from vsda.fetch.http_errors import DiskFullError
from vsda.fetch.rows import MIRROR
from vsda.fetch.video_file import Download
from vsda.storage import exists, join, local_path

EXTENSIONS = (".mp4", ".webm", ".mkv")
"""What a video of a mirror may be, in the order in which they are looked for."""

LIMITS = HttpLimits(max_idle_attempts=3, longest_pause_s=10.0, longest_wait_s=30.0)
"""A video is asked for again later in the run, so one call does not try for long."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ABSENT = {404, 410}
_BUSY = {429, 503}


def check_mirror(mirror: str) -> None:
    """Raise UsageError if there is no such folder; a web server is not asked.

    Raises:
        VsdaError: The place cannot be reached, or is of a kind that cannot be opened.
    """
    if is_web(mirror):
        return
    path = local_path(mirror)
    if not (exists(mirror.rstrip("/")) if path is None else path.is_dir()):
        raise UsageError(
            f"--mirror {mirror}: no such folder; it must hold the videos as files, named "
            f"<youtube_id> with one of {', '.join(EXTENSIONS)}"
        )


def from_mirror(
    mirror: str, youtube_id: str, folder: Path, limits: HttpLimits = LIMITS
) -> Download:
    """Return the file of a video: in a local mirror where it lies, else brought to `folder`.

    Raises:
        ItemError: `GONE` if the mirror does not have it; `THROTTLED`, `NETWORK`, `NOT_A_VIDEO`,
            `DISK_FULL`.
    """
    if not _NAME.fullmatch(youtube_id):
        raise ItemError(Outcome.GONE, f"{youtube_id!r} is no YouTube id")
    root = None if is_web(mirror) else local_path(mirror)
    for extension in EXTENSIONS:
        name = f"{youtube_id}{extension}"
        if root is not None:
            found = root / name if (root / name).is_file() else None
        else:
            found = _bring(join(mirror, name), folder / name, limits)
        if found is not None:
            return Download(
                path=found, duration_ms=None, format_id=None, tool=MIRROR, session=MIRROR
            )
    raise ItemError(
        Outcome.GONE, f"not in the mirror {mirror} as {youtube_id}{'|'.join(EXTENSIONS)}"
    )


def _bring(url: str, target: Path, limits: HttpLimits) -> Path | None:
    """Download one file and return where it lies, None if the mirror does not have it."""
    try:
        if not is_web(url) and not exists(url):
            return None
        download(url, target, limits=limits)
    except HttpStatusError as error:
        if error.status in _ABSENT:
            return None
        outcome = Outcome.THROTTLED if error.status in _BUSY else Outcome.NETWORK
        raise ItemError(outcome, str(error)) from error
    except WrongContentError as error:
        raise ItemError(Outcome.NOT_A_VIDEO, str(error)) from error
    except DiskFullError as error:
        raise ItemError(Outcome.DISK_FULL, str(error)) from error
    except VsdaError as error:
        raise ItemError(Outcome.NETWORK, str(error)) from error
    return target
