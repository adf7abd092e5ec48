"""What a message of YouTube or yt-dlp means for the video: read from manifests/youtube."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from vsda.errors import Outcome
from vsda.manifests import manifest_path, read_table

_APOSTROPHES = str.maketrans("\u2019\u2018\u02bc", "'''")
_STATUS = re.compile(r"HTTP Error (\d{3})")

_BY_STATUS = {
    402: Outcome.THROTTLED,
    403: Outcome.NETWORK,  # of a file: its address has expired
    404: Outcome.NETWORK,
    408: Outcome.NETWORK,
    410: Outcome.NETWORK,
    416: Outcome.NETWORK,
    425: Outcome.NETWORK,
    429: Outcome.THROTTLED,
}
_SAYS_LITTLE = {Outcome.UNKNOWN_REPLY, Outcome.NO_FORMAT}
_SAID_BY_WARNINGS = {
    Outcome.UNKNOWN_REPLY: {
        Outcome.THROTTLED,
        Outcome.BOT_CHECK,
        Outcome.NO_JS_RUNTIME,
        Outcome.NETWORK,
    },
    Outcome.NO_FORMAT: {Outcome.THROTTLED, Outcome.BOT_CHECK, Outcome.NO_JS_RUNTIME},
}
"""What a warning may tell that the error after it does not."""


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A text that occurs in messages, in lower case, and the outcome that it stands for."""

    text: str
    outcome: Outcome


@cache
def known_messages() -> tuple[KnownMessage, ...]:
    """Return the texts in the order in which they are looked for."""
    return read_table(
        manifest_path("youtube", "messages"),
        ("text", "outcome", "comment"),
        lambda cells: KnownMessage(_plain(cells[0]), Outcome(cells[1])),
    )


def classify(message: str, status: int | None = None, warnings: Iterable[str] = ()) -> Outcome:
    """Return what became of a video, from the message that its download ended with.

    Args:
        message: Of yt-dlp, such as "ERROR: [youtube] <id>: Private video". What it says comes
            before the status; a message that nobody knows yet is `UNKNOWN_REPLY`, never dead.
        status: The HTTP status behind it, where there is one.
        warnings: What was said before; looked at where the message itself says little.
    """
    outcome = _of_text(message)
    if outcome is None and status is not None:
        outcome = _of_status(status)
    outcome = outcome or Outcome.UNKNOWN_REPLY
    if outcome not in _SAYS_LITTLE:
        return outcome
    said = [classify(warning, status_in(warning)) for warning in warnings]
    telling = [one for one in said if one in _SAID_BY_WARNINGS[outcome]]
    return telling[0] if telling else outcome


def status_in(message: str) -> int | None:
    """Return the HTTP status that a message names, None where it names none."""
    found = _STATUS.search(message)
    return int(found[1]) if found else None


def _of_text(message: str) -> Outcome | None:
    text = _plain(message)
    return next((known.outcome for known in known_messages() if known.text in text), None)


def _of_status(status: int) -> Outcome | None:
    return Outcome.NETWORK if status >= 500 else _BY_STATUS.get(status)


def _plain(text: str) -> str:
    return text.translate(_APOSTROPHES).casefold()
