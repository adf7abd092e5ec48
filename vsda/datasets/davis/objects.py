"""Which class every object id of a DAVIS sequence has: the manifest's table, or the user's own."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vsda.datasets.listing import Request
from vsda.errors import UsageError
from vsda.manifests import (
    BACKGROUND_CLASS,
    IGNORE_CLASS,
    NO_CLASS,
    SequenceObject,
    coco_classes,
    davis_objects,
    manifest_path,
    read_table,
)
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX

BASE_VALUES = {BACKGROUND_ID: BACKGROUND_CLASS, IGNORE_INDEX: IGNORE_CLASS}
"""What a mask may hold besides objects."""
_COLUMNS = ("sequence", "object_id", "category", "class")


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueTables:
    """The COCO id of every mask value, by sequence; `faults` says why a sequence has no table."""

    by_sequence: Mapping[str, Mapping[int, int]]
    faults: Mapping[str, str] = field(default_factory=dict)


def value_tables(request: Request) -> ValueTables | None:
    """Return, by sequence, the COCO id of every object id; None if masks stay as they are.

    Raises:
        ManifestError: The user's table is missing or wrong; the message names file and line.
    """
    if request.rules.classes is None:
        return None
    names: dict[str, dict[int, str]] = {}
    for row in chosen_objects(request):
        values = names.setdefault(row.sequence, dict(BASE_VALUES))
        values[row.object_id] = row.class_name
    tables = {sequence: request.rules.value_table(values) for sequence, values in names.items()}
    return ValueTables(by_sequence=tables)


def chosen_objects(request: Request) -> tuple[SequenceObject, ...]:
    """Return the rows of the user's table, or of the manifest's if there is none.

    Raises:
        ManifestError: The user's table is missing or wrong.
    """
    class_map = request.options.class_map
    return davis_objects() if class_map is None else read_class_map(class_map)


def check_table(request: Request) -> None:
    """Raise UsageError if COCO ids are asked for, and no table says which class objects have."""
    is_known = request.options.annotations != "unsupervised"
    if is_known or request.rules.classes is None or request.options.class_map is not None:
        return
    raise UsageError(
        "no table says which class the objects of Annotations_unsupervised have: their ids are "
        "not those of Annotations; use --remap none for object ids alone, or give a --class-map "
        "with their classes"
    )


def table_settings(request: Request) -> dict[str, str]:
    """Return what an index records of the table that gave the classes."""
    if request.rules.classes is None:
        return {}
    class_map = request.options.class_map
    path = class_map or manifest_path("davis", "objects")
    return {
        "class_map": class_map.name if class_map else "manifest",
        "class_map_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def read_class_map(path: Path) -> tuple[SequenceObject, ...]:
    """Return the rows of a user's table, which has the columns of the manifest's.

    Raises:
        ManifestError: No such file, another header, an id outside 1 to 254 or given twice, or a
            class that COCO does not have.
    """
    seen: set[tuple[str, int]] = set()
    known = {row.name for row in coco_classes()} | {NO_CLASS}

    def build(cells: list[str]) -> SequenceObject:
        sequence, object_id, category, class_name = cells
        if not object_id.isdecimal() or not BACKGROUND_ID < int(object_id) < IGNORE_INDEX:
            raise ValueError(f"expected an object_id from 1 to 254, got {object_id!r}")
        if class_name not in known:
            raise ValueError(f"{class_name!r} is neither a COCO class nor {NO_CLASS!r}")
        if (sequence, int(object_id)) in seen:
            raise ValueError(f"object {object_id} of {sequence!r} occurs twice")
        seen.add((sequence, int(object_id)))
        return SequenceObject(sequence, int(object_id), category, class_name)

    return read_table(path, _COLUMNS, build)
