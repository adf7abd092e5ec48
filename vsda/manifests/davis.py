"""The sequences, objects and categories of DAVIS-2017."""

from dataclasses import dataclass
from functools import cache

from vsda.manifests.classes import NO_CLASS, class_name_of
from vsda.manifests.table import manifest_path, read_table, unique


@dataclass(frozen=True, slots=True)
class Sequence:
    """One annotated run of frames."""

    name: str
    split: str
    num_frames: int


@dataclass(frozen=True, slots=True)
class SequenceObject:
    """One object of a sequence; `class_name` is a COCO name or `NO_CLASS`."""

    sequence: str
    object_id: int
    category: str
    class_name: str


@dataclass(frozen=True, slots=True)
class DavisCategory:
    """One category of DAVIS's semantics; `class_name` is a COCO name or `NO_CLASS`."""

    id: int
    name: str
    class_name: str


@cache
def davis_sequences() -> tuple[Sequence, ...]:
    """Return the sequences of DAVIS-2017 trainval by name."""
    rows = read_table(
        manifest_path("davis", "sequences"),
        ("sequence", "split", "num_frames"),
        lambda cells: Sequence(cells[0], cells[1], int(cells[2])),
    )
    return unique(rows, "davis/sequences.tsv", lambda row: (row.name,))


@cache
def davis_objects() -> tuple[SequenceObject, ...]:
    """Return the objects of DAVIS-2017 trainval by sequence and object id."""
    rows = read_table(
        manifest_path("davis", "objects"),
        ("sequence", "object_id", "category", "class"),
        lambda cells: SequenceObject(
            cells[0], int(cells[1]), cells[2], class_name_of(cells[3], NO_CLASS)
        ),
    )
    return unique(rows, "davis/objects.tsv", lambda row: (row.sequence, row.object_id))


@cache
def davis_categories() -> tuple[DavisCategory, ...]:
    """Return the categories of DAVIS's semantics by their ids."""
    rows = read_table(
        manifest_path("davis", "categories"),
        ("id", "category", "class"),
        lambda cells: DavisCategory(int(cells[0]), cells[1], class_name_of(cells[2], NO_CLASS)),
    )
    return unique(rows, "davis/categories.tsv", lambda row: (row.id,), lambda row: (row.name,))
