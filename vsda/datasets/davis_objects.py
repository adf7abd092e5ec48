"""Which class every object id of a DAVIS sequence has: the manifest's table, or the user's own."""

import hashlib
from pathlib import Path

from vsda.datasets.listing import Request
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

_COLUMNS = ("sequence", "object_id", "category", "class")


def value_tables(request: Request) -> dict[str, dict[int, int]] | None:
    """Return, by sequence, the COCO id of every mask value; None if masks stay as they are.

    Raises:
        ManifestError: The user's table is missing or wrong; the message names file and line.
    """
    if request.rules.classes is None:
        return None
    class_map = request.options.class_map
    objects = read_class_map(class_map) if class_map else davis_objects()
    names: dict[str, dict[int, str]] = {}
    for row in objects:
        values = names.setdefault(
            row.sequence, {BACKGROUND_ID: BACKGROUND_CLASS, IGNORE_INDEX: IGNORE_CLASS}
        )
        values[row.object_id] = row.class_name
    return {sequence: request.rules.value_table(values) for sequence, values in names.items()}


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
