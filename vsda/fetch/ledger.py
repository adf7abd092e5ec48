"""The ledger: which videos of a set could be had and when, as a table that can be published.

It holds ids, outcomes and dates, but no media and nothing that a server said, so that a paper can
say which part of a data set it used, and the next download need not ask for what is gone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from vsda import __version__
from vsda.errors import FetchError, Outcome
from vsda.fetch.rows import MIRROR, VideoRow
from vsda.storage import Place, exists, read_bytes, write_atomic

DEAD = frozenset({Outcome.GONE, Outcome.PRIVATE})
"""Outcomes that hold for everybody: others depend on the country, the session or the day."""

_TITLE = "# Which videos could be had, by vsda: no media."
_HEADER_KEYS = ("set", "split", "vsda", "date")


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerRow:
    """What became of one video; the fields are those of `VideoRow`."""

    youtube_id: str
    outcome: Outcome
    first_seen: str
    last_seen: str
    attempts: int
    session: str
    tool: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What became of the videos of one set.

    Attributes:
        set_name: Such as `ytbb-train`.
        split: Such as `train`.
        version: Version of vsda that wrote it.
        date: Day of the export in UTC, as `2026-01-31`.
        rows: By id.
    """

    set_name: str
    split: str
    version: str
    date: str
    rows: tuple[LedgerRow, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A video whose outcome differs between two ledgers."""

    youtube_id: str
    before: Outcome
    after: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How two ledgers differ, each list by id.

    Attributes:
        newly_gone: Videos that are dead in the second only.
        come_back: Videos that are dead in the first and there in the second.
        changed: Videos whose outcome changed otherwise.
        only_in_first: Ids.
        only_in_second: Ids.
        num_same: Videos with the same outcome in both.
    """

    newly_gone: tuple[Change, ...]
    come_back: tuple[Change, ...]
    changed: tuple[Change, ...]
    only_in_first: tuple[str, ...]
    only_in_second: tuple[str, ...]
    num_same: int


_COLUMNS = tuple(field.name for field in fields(LedgerRow))


def write_ledger(
    place: Place, rows: Iterable[VideoRow], *, set_name: str, split: str, date: str | None = None
) -> None:
    """Write the ledger of a set; same rows and date, same bytes.

    Args:
        place: Path or URL.
        rows: What became of the videos.
        set_name: Such as `ytbb-train`.
        split: Such as `train`.
        date: As `2026-01-31`; None for today in UTC.
    """
    day = datetime.now(UTC).strftime("%Y-%m-%d") if date is None else date
    values = (set_name, split, __version__, day)
    head = [f"# {key}: {value}" for key, value in zip(_HEADER_KEYS, values, strict=True)]
    body = [_line(row) for row in sorted(rows, key=lambda row: row.video)]
    lines = [_TITLE, *head, "\t".join(_COLUMNS), *body]
    write_atomic(place, "".join(f"{line}\n" for line in lines).encode())


def read_ledger(place: Place) -> Ledger:
    """Return the ledger that `write_ledger` wrote.

    Raises:
        FetchError: No such file, or not a ledger; the message says which line.
    """
    if not exists(place):
        raise FetchError(f"{place}: no such ledger; write one with 'vsda ledger export'")
    try:
        lines = read_bytes(place).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FetchError(f"{place}: not a ledger: {error}") from error
    comments = [line for line in lines if line.startswith("#")]
    table = [(number, line) for number, line in enumerate(lines, 1) if not line.startswith("#")]
    if not table or table[0][1] != "\t".join(_COLUMNS):
        raise FetchError(
            f"{place}: not a ledger: it has no line with the columns {', '.join(_COLUMNS)}"
        )
    rows = [_row(place, number, line) for number, line in table[1:]]
    _check_unique(place, rows)
    head = dict(line.lstrip("# ").split(": ", 1) for line in comments if ": " in line)
    return Ledger(
        set_name=head.get("set", ""),
        split=head.get("split", ""),
        version=head.get("vsda", ""),
        date=head.get("date", ""),
        rows=tuple(sorted(rows, key=lambda row: row.youtube_id)),
    )


def compare(first: Ledger, second: Ledger) -> Comparison:
    """Return how the second ledger differs from the first."""
    before = {row.youtube_id: row.outcome for row in first.rows}
    after = {row.youtube_id: row.outcome for row in second.rows}
    both = sorted(before.keys() & after.keys())
    changes = [Change(name, before[name], after[name]) for name in both]
    changes = [change for change in changes if change.before is not change.after]
    return Comparison(
        newly_gone=_pick(changes, _is_newly_gone),
        come_back=_pick(changes, _is_back),
        changed=_pick(changes, lambda one: not (_is_newly_gone(one) or _is_back(one))),
        only_in_first=tuple(sorted(before.keys() - after.keys())),
        only_in_second=tuple(sorted(after.keys() - before.keys())),
        num_same=len(both) - len(changes),
    )


def known_dead(ledger: Ledger) -> set[str]:
    """Return the ids of videos that are gone for everybody, so that nobody need ask again.

    What a mirror lacks says nothing about YouTube.
    """
    return {row.youtube_id for row in ledger.rows if row.outcome in DEAD and row.session != MIRROR}


def _is_newly_gone(change: Change) -> bool:
    return change.after in DEAD and change.before not in DEAD


def _is_back(change: Change) -> bool:
    return change.before in DEAD and change.after is Outcome.OK


def _pick(changes: list[Change], belongs: Callable[[Change], bool]) -> tuple[Change, ...]:
    return tuple(change for change in changes if belongs(change))


def _line(row: VideoRow) -> str:
    cells = (
        row.video,
        row.outcome.value,
        row.first_seen,
        row.last_seen,
        str(row.attempts),
        row.session,
        row.tool,
    )
    return "\t".join(" ".join(cell.split()) for cell in cells)


def _row(place: Place, number: int, line: str) -> LedgerRow:
    cells = line.split("\t")
    if len(cells) != len(_COLUMNS):
        raise FetchError(f"{place}:{number}: expected {len(_COLUMNS)} columns, got {len(cells)}")
    youtube_id, outcome, first_seen, last_seen, attempts, session, tool = cells
    try:
        return LedgerRow(
            youtube_id=youtube_id,
            outcome=Outcome(outcome),
            first_seen=first_seen,
            last_seen=last_seen,
            attempts=int(attempts),
            session=session,
            tool=tool,
        )
    except ValueError as error:
        raise FetchError(f"{place}:{number}: {error}") from error


def _check_unique(place: Place, rows: list[LedgerRow]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.youtube_id in seen:
            raise FetchError(f"{place}: the video {row.youtube_id} comes twice")
        seen.add(row.youtube_id)
