"""The classes of YouTube-BoundingBoxes."""

from dataclasses import dataclass
from functools import cache

from vsda.manifests.classes import NO_CLASS, class_name_of
from vsda.manifests.table import manifest_path, read_table, unique


@dataclass(frozen=True, slots=True)
class YtbbClass:
    """One class of YouTube-BoundingBoxes; `class_name` is a COCO name or `NO_CLASS`."""

    id: int
    name: str
    class_name: str


@cache
def ytbb_classes() -> tuple[YtbbClass, ...]:
    """Return the classes of YouTube-BoundingBoxes by their own ids."""
    rows = read_table(
        manifest_path("ytbb", "classes"),
        ("class_id", "class_name", "class"),
        lambda cells: YtbbClass(int(cells[0]), cells[1], class_name_of(cells[2], NO_CLASS)),
    )
    return unique(rows, "ytbb/classes.tsv", lambda row: (row.id,), lambda row: (row.name,))
