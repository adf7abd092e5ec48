"""What is known of a sample and of a set, checked, since a page is made of what files say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vsda.errors import Outcome, ShardError
from vsda.sample import PRESENT, FrameFacts
from vsda.shards.index import ShardIndex, ShardSet
from vsda.shards.read import RandomAccessShards
from vsda.storage import exists, read_bytes
from vsda.taxonomy import class_names

MAX_FAILURES = 200
"""Rows of a report that a page shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A box of a sample, in fractions of the frame; without corners where there is no object."""

    class_id: int
    name: str
    object_id: str
    presence: str
    corners: tuple[float, float, float, float] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureRow:
    """What a report says of one item that did not become a sample."""

    key: str
    outcome: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failures:
    """The report of a set.

    Attributes:
        rows: The first of them.
        num_rows: How many there are.
        problem: Why there are none although the set has a report; empty otherwise.
    """

    rows: tuple[FailureRow, ...] = ()
    num_rows: int = 0
    problem: str = ""


def facts_at(shards: RandomAccessShards, position: int) -> FrameFacts:
    """Return the facts of the sample at `position`.

    Raises:
        ShardError: They are not what vsda writes, or the shard is missing or damaged.
    """
    return checked_facts(shards.entry(position).key, shards.read(position, ("json",))["json"])


def checked_facts(key: str, data: bytes) -> FrameFacts:
    """Return the facts in the `json` field of the sample `key`.

    Raises:
        ShardError: They are not what vsda writes.
    """
    try:
        facts = FrameFacts.from_json(data)
        _check_numbers(facts)
    except (ShardError, ValueError) as error:
        raise ShardError(f"{key}: its facts are damaged: {error}") from error
    return facts


def shown_classes(facts: FrameFacts) -> set[int]:
    """Return the COCO ids in the mask of a sample and of its boxes that are present."""
    present = {box.class_id for box in boxes_of(facts) if box.presence == PRESENT}
    return present | set(facts.classes)


def boxes_of(facts: FrameFacts) -> list[Box]:
    """Return the boxes of a sample."""
    return [_box(raw) for raw in facts.boxes]


def class_name(coco_id: int) -> str:
    """Return the name of a class; its number where COCO has none."""
    return class_names().get(coco_id, f"id {coco_id}")


def failures_of(shard_set: ShardSet) -> Failures:
    """Return what the report of a set says of items that failed."""
    place = shard_set.place(f"{shard_set.index.name}.report.jsonl")
    if not exists(place):
        return Failures()
    try:
        raw = [json.loads(line) for line in read_bytes(place).splitlines()]
        rows = [_failure(row) for row in raw if row["outcome"] != Outcome.OK]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Failures(problem=f"{place}: not a report: {error}")
    return Failures(rows=tuple(rows[:MAX_FAILURES]), num_rows=len(rows))


def settings_of(index: ShardIndex) -> list[tuple[str, str]]:
    """Return the settings of a set as text, by name."""
    return [(name, _text(value)) for name, value in sorted(index.settings.items())]


def _check_numbers(facts: FrameFacts) -> None:
    """Refuse what JSON has no word for, such as a time that is not a number."""
    json.dumps(facts.timestamp_ms, allow_nan=False)
    json.dumps(facts.source_ms, allow_nan=False)
    if not (facts.width_px > 0 and facts.height_px > 0):
        raise ValueError(f"a size of {facts.width_px}x{facts.height_px} pixels")


def _box(raw: Mapping[str, Any]) -> Box:
    corners = None
    if raw["presence"] == PRESENT:
        corners = (raw["xmin"], raw["ymin"], raw["xmax"], raw["ymax"])
    return Box(
        class_id=raw["class"],
        name=class_name(raw["class"]),
        object_id=str(raw.get("object_id", "")),
        presence=raw["presence"],
        corners=corners,
    )


def _failure(row: Mapping[str, Any]) -> FailureRow:
    return FailureRow(
        key=str(row.get("key") or row.get("video") or ""),
        outcome=str(row["outcome"]),
        message=str(row.get("message", "")),
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value)
