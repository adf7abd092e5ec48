"""What COCO's annotations mean, and published numbers of its images."""

from dataclasses import dataclass
from functools import cache

from vsda.manifests.classes import (
    BACKGROUND_CLASS,
    IGNORE_CLASS,
    CocoClass,
    class_name_of,
)
from vsda.manifests.table import manifest_path, read_table, unique


@dataclass(frozen=True, slots=True)
class StuffThingValue:
    """What one value of a stuffthingmaps PNG means."""

    value: int
    label: str
    class_name: str


@dataclass(frozen=True, slots=True)
class CocoCount:
    """A published number of images, in one way to read it.

    Attributes:
        video: The dataset whose classes are meant.
        figure: What to call the number; readings of the same are alternatives.
        reading: This way to read it, in words.
        splits: Of the images.
        class_names: An image counts if it holds one of them.
        num_images: The number.
    """

    video: str
    figure: str
    reading: str
    splits: tuple[str, ...]
    class_names: tuple[str, ...]
    num_images: int


@cache
def stuffthing_values() -> tuple[StuffThingValue, ...]:
    """Return the meaning of every value of a stuffthingmaps PNG."""
    rows = read_table(
        manifest_path("coco", "stuffthingmaps"),
        ("value", "label", "class"),
        lambda cells: StuffThingValue(
            int(cells[0]), cells[1], class_name_of(cells[2], BACKGROUND_CLASS, IGNORE_CLASS)
        ),
    )
    return unique(rows, "coco/stuffthingmaps.tsv", lambda row: (row.value,))


@cache
def panoptic_stuff() -> tuple[CocoClass, ...]:
    """Return the categories of COCO's panoptic annotations that are no things."""
    rows = read_table(
        manifest_path("coco", "panoptic"),
        ("id", "name", "supercategory"),
        lambda cells: CocoClass(int(cells[0]), cells[1], cells[2]),
    )
    return unique(rows, "coco/panoptic.tsv", lambda row: (row.id,), lambda row: (row.name,))


@cache
def coco_counts() -> tuple[CocoCount, ...]:
    """Return the published numbers of COCO's images with classes of a video dataset."""
    rows = read_table(
        manifest_path("coco", "counts"),
        ("video", "figure", "reading", "splits", "classes", "num_images"),
        lambda cells: CocoCount(
            video=cells[0],
            figure=cells[1],
            reading=cells[2],
            splits=tuple(cells[3].split(",")),
            class_names=tuple(class_name_of(name) for name in cells[4].split(",")),
            num_images=int(cells[5]),
        ),
    )
    return unique(
        rows, "coco/counts.tsv", lambda row: (row.video, row.figure, row.reading, row.splits)
    )
