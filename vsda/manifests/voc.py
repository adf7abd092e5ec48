"""What the values of a mask of Pascal VOC mean."""

from dataclasses import dataclass
from functools import cache

from vsda.manifests.classes import BACKGROUND_CLASS, IGNORE_CLASS, class_name_of
from vsda.manifests.table import manifest_path, read_table, unique


@dataclass(frozen=True, slots=True)
class VocValue:
    """What one value of a mask of Pascal VOC means.

    `class_name` is a COCO name, `BACKGROUND_CLASS` or `IGNORE_CLASS`.
    """

    value: int
    label: str
    class_name: str


@cache
def voc_values() -> tuple[VocValue, ...]:
    """Return the meaning of every value of a mask of Pascal VOC."""
    rows = read_table(
        manifest_path("voc", "classes"),
        ("value", "label", "class"),
        lambda cells: VocValue(
            int(cells[0]), cells[1], class_name_of(cells[2], BACKGROUND_CLASS, IGNORE_CLASS)
        ),
    )
    return unique(rows, "voc/classes.tsv", lambda row: (row.value,), lambda row: (row.label,))
