"""COCO's classes, and the words that stand in their place."""

from dataclasses import dataclass
from functools import cache

from vsda.errors import ManifestError
from vsda.manifests.table import manifest_path, read_table, unique

NO_CLASS = "-"
"""Class name of an object for which COCO has no category."""
BACKGROUND_CLASS = "background"
IGNORE_CLASS = "ignore"


@dataclass(frozen=True, slots=True)
class CocoClass:
    """One of COCO's 80 thing categories."""

    id: int
    name: str
    supercategory: str


@cache
def coco_classes() -> tuple[CocoClass, ...]:
    """Return COCO's thing categories by ascending id."""
    rows = read_table(
        manifest_path("coco", "classes"),
        ("id", "name", "supercategory"),
        lambda cells: CocoClass(int(cells[0]), cells[1], cells[2]),
    )
    return unique(rows, "coco/classes.tsv", lambda row: (row.id,), lambda row: (row.name,))


def class_name_of(cell: str, *besides: str) -> str:
    """Return `cell`; what is neither a COCO class nor one of `besides` is a ManifestError."""
    if cell not in besides and cell not in {row.name for row in coco_classes()}:
        raise ManifestError(f"{cell!r} is neither a COCO class nor one of {list(besides)}")
    return cell
