"""What became of a set, for people and for machines."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vsda.datasets.listing import Failure, Listing
from vsda.errors import Outcome, ShardError
from vsda.shards.index import ShardIndex
from vsda.storage import Place, exists, read_bytes
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, class_names

_NO_FAILURES = (Outcome.OK, Outcome.LEFT_OUT, Outcome.WITHDRAWN)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareReport:
    """What became of one set.

    Attributes:
        name: Such as `davis-train`.
        index: The index file; None if there was nothing to write, so that no set was published.
        up_to_date: The set was there already, made in the same way from the same files.
        num_samples: Frames written.
        num_sequences: Sequences written, 0 for still images.
        num_shards: Tars written.
        num_bytes: Their size.
        class_frames: Class name to number of frames that show it.
        outcomes: Number of items by what became of them.
        failures: Sorted by key.
        notes: What a user should know.
        old_set_stays: Nothing was written, and the set that was there is there still.
    """

    name: str
    index: Place | None
    up_to_date: bool
    num_samples: int
    num_sequences: int
    num_shards: int
    num_bytes: int
    class_frames: Mapping[str, int]
    outcomes: Mapping[str, int]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    old_set_stays: bool = False

    @property
    def num_failed(self) -> int:
        """The number of items that failed."""
        return count_failed(self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; its failures are counted, not listed."""
        return {
            "name": self.name,
            "index": None if self.index is None else str(self.index),
            "up_to_date": self.up_to_date,
            "old_set_stays": self.old_set_stays,
            "samples": self.num_samples,
            "sequences": self.num_sequences,
            "shards": self.num_shards,
            "bytes": self.num_bytes,
            "class_frames": dict(self.class_frames),
            "outcomes": dict(self.outcomes),
            "notes": list(self.notes),
        }


def report_of(
    index: ShardIndex, place: Place, failures: Iterable[Failure], *, up_to_date: bool
) -> PrepareReport:
    """Return the report of a published set."""
    return PrepareReport(
        name=index.name,
        index=place,
        up_to_date=up_to_date,
        num_samples=index.num_samples,
        num_sequences=len(index.sequences),
        num_shards=len(index.shards),
        num_bytes=sum(shard.filesize for shard in index.shards),
        class_frames=_named(index.class_frames),
        outcomes=dict(index.outcomes),
        failures=tuple(failures),
        notes=index.notes,
    )


def total_outcomes(listing: Listing, of_tasks: Iterable[Mapping[Outcome, int]]) -> dict[str, int]:
    """Return the number of items of a listing by what became of them, zeros left out."""
    total: Counter[Outcome] = Counter({Outcome.LEFT_OUT: listing.num_left_out})
    for failure in listing.failures:
        total[failure.outcome] += failure.num_items
    for outcomes in of_tasks:
        total.update(outcomes)
    return {outcome.value: count for outcome, count in sorted(total.items()) if count}


def count_failed(outcomes: Mapping[str, int]) -> int:
    """Return the number of items that failed, of all `outcomes`."""
    return sum(count for name, count in outcomes.items() if name not in _NO_FAILURES)


def sort_failures(failures: Iterable[Failure]) -> list[Failure]:
    """Return `failures` in the order of the report."""
    return sorted(failures, key=lambda failure: (failure.key, failure.outcome, failure.message))


def report_rows(failures: Iterable[Failure]) -> bytes:
    """Return the content of a `.report.jsonl`: a JSON object per failure."""
    rows = (
        {
            "key": failure.key,
            "outcome": failure.outcome.value,
            "items": failure.num_items,
            "message": failure.message,
        }
        for failure in failures
    )
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def read_rows(place: Place, outcomes: Mapping[str, int]) -> tuple[Failure, ...]:
    """Return the failures in a `.report.jsonl`.

    Args:
        place: The file; where it is missing it has no rows.
        outcomes: Those in the index of the set.

    Raises:
        ShardError: It is no such file, or its rows do not add up to `outcomes`.
    """
    try:
        lines = read_bytes(place).splitlines() if exists(place) else []
        failures = tuple(_failure(json.loads(line)) for line in lines)
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{place}: not a report of failures: {error}") from error
    counts: Counter[str] = Counter()
    for failure in failures:
        counts[failure.outcome] += failure.num_items
    if counts != {name: count for name, count in outcomes.items() if name not in _NO_FAILURES}:
        raise ShardError(f"{place}: its rows are not the failures that the index counts")
    return failures


def _failure(row: Mapping[str, Any]) -> Failure:
    return Failure(
        key=str(row["key"]),
        outcome=Outcome(row["outcome"]),
        num_items=int(row["items"]),
        message=str(row["message"]),
    )


def _named(class_frames: Mapping[int, int]) -> dict[str, int]:
    names = class_names()
    return {
        names[class_id]: count
        for class_id, count in class_frames.items()
        if class_id not in {BACKGROUND_ID, IGNORE_INDEX}
    }
