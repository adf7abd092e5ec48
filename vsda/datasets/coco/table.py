"""COCO's annotation files as a table: what they say of each image.

The rows of an image may stand anywhere in the file. What is wrong with one of them costs its
image; what is wrong with the file, or a row that belongs to no image, costs the file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from vsda.datasets.coco.json_rows import JsonRow, json_rows
from vsda.datasets.coco.rows import (
    IMAGE_SUFFIX,
    Entry,
    Row,
    RowError,
    Thing,
    file_name,
    whole_number,
)
from vsda.errors import DatasetError
from vsda.manifests import BACKGROUND_CLASS, coco_classes, panoptic_stuff
from vsda.taxonomy import BACKGROUND_ID

MAX_ANNOTATION_BYTES = 1 << 23
"""Of one image."""
MAX_THINGS = (1 << 16) - 2
"""Of one image: what two bytes number, beside no thing and a thing that is not known."""
_NOTHING = Entry(0, ())


@dataclass(frozen=True, kw_only=True, slots=True)
class TableKind:
    """One of COCO's annotation files.

    Attributes:
        name: As in `annotations/<name>_train2017.json`.
        parse: Reads a row of `annotations`; raises RowError.
        order_key: The key of `Entry.order`.
    """

    name: str
    parse: Callable[[Row], Entry]
    order_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnotatedImage:
    """What an annotation file says of an image.

    Attributes:
        things: In the order of the rows.
        masks: File names of PNGs with regions.
        annotation: Its size and its rows as JSON.
        fault: Why the rows cannot be used; None if they can.
    """

    things: tuple[Thing, ...]
    masks: tuple[str, ...]
    annotation: bytes
    fault: str | None

    def categories(self, *, with_crowds: bool = False) -> set[int]:
        """Return the categories of its things, of crowds too if asked."""
        return {one.category_id for one in self.things if with_crowds or not one.is_crowd}


@dataclass(frozen=True, kw_only=True, slots=True)
class CocoTable:
    """An annotation file.

    Attributes:
        images: By file name without the ending.
        categories: Name of each category, which is COCO's.
    """

    images: Mapping[str, AnnotatedImage]
    categories: Mapping[int, str]


def read_table(path: Path, kind: TableKind, *, keeps_rows: bool = True) -> CocoTable:
    """Return what the annotation file at `path` says.

    Args:
        path: The file.
        kind: What it should be.
        keeps_rows: Whether the rows are wanted too, and not only which things there are.

    Raises:
        DatasetError: The file as a whole cannot be used; the message says where.
    """
    builder = _Builder(path, kind, keeps_rows)
    for row in json_rows(path, ("images", "annotations", "categories")):
        builder.add(row)
    return builder.table()


@dataclass(frozen=True, slots=True)
class _Image:
    index: int
    stem: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class _Annotation:
    index: int
    entry: Entry
    text: bytes


def _known_categories() -> dict[int, str]:
    """Return COCO's categories, and background as `vsda shards export` writes it."""
    known = {row.id: row.name for row in (*coco_classes(), *panoptic_stuff())}
    return {BACKGROUND_ID: BACKGROUND_CLASS} | known


@dataclass(slots=True)
class _Builder:
    """What was read so far, by the ids of the images."""

    path: Path
    kind: TableKind
    keeps_rows: bool
    images: dict[int, _Image] = field(default_factory=dict)
    stems: set[str] = field(default_factory=set)
    categories: dict[int, str] = field(default_factory=dict)
    annotations: dict[int, list[_Annotation]] = field(default_factory=dict)
    orders: set[int] = field(default_factory=set)
    faults: dict[int, str] = field(default_factory=dict)
    known: Mapping[int, str] = field(default_factory=_known_categories)

    def add(self, row: JsonRow) -> None:
        """Take a row of one of the lists."""
        if not isinstance(row.value, dict):
            self._fail(row, f": expected an object, got {row.value!r:.80}")
        try:
            if row.list_name == "images":
                self._add_image(row)
            elif row.list_name == "categories":
                self._add_category(row)
            else:
                self._add_annotation(row)
        except RowError as error:
            self._fail(row, f".{error}")

    def table(self) -> CocoTable:
        """Return the table, after all rows were taken."""
        for image_id, rows in self.annotations.items():
            if image_id not in self.images:
                index = rows[0].index
                raise DatasetError(
                    f"{self.path}: annotations[{index}].image_id: {image_id} is not among its "
                    "images"
                )
        images = {
            image.stem: self._image(image, self.annotations.pop(image_id, []), image_id)
            for image_id, image in self.images.items()
        }
        return CocoTable(images=images, categories=self.categories)

    def _add_image(self, row: JsonRow) -> None:
        image_id = whole_number(row.value, "id")
        if image_id in self.images:
            raise RowError(f"id: {image_id} is also that of images[{self.images[image_id].index}]")
        stem = file_name(row.value, IMAGE_SUFFIX).removesuffix(IMAGE_SUFFIX)
        if stem in self.stems:
            raise RowError(f"file_name: {stem}{IMAGE_SUFFIX} occurs twice")
        self.stems.add(stem)
        width_px, height_px = (whole_number(row.value, side, 1) for side in ("width", "height"))
        self.images[image_id] = _Image(row.index, stem, width_px, height_px)

    def _add_category(self, row: JsonRow) -> None:
        category_id, name = whole_number(row.value, "id"), row.value.get("name")
        if category_id in self.categories:
            raise RowError(f"id: {category_id} occurs twice")
        expected = self.known.get(category_id, "no such category")
        if name != expected:
            raise RowError(
                f"name: category {category_id} is {name!r:.80}, expected COCO's: {expected}"
            )
        self.categories[category_id] = expected

    def _add_annotation(self, row: JsonRow) -> None:
        image_id, entry = whole_number(row.value, "image_id"), None
        try:
            entry = self.kind.parse(row.value)
            if entry.order in self.orders:
                raise RowError(f"{self.kind.order_key}: {entry.order} occurs twice")
            self.orders.add(entry.order)
        except RowError as error:
            self.faults.setdefault(image_id, f"annotations[{row.index}].{error}")
        text = row.text.encode() if self.keeps_rows else b""
        annotation = _Annotation(row.index, entry or _NOTHING, text)
        self.annotations.setdefault(image_id, []).append(annotation)

    def _image(self, image: _Image, rows: list[_Annotation], image_id: int) -> AnnotatedImage:
        rows.sort(key=lambda row: row.entry.order)
        things = tuple(thing for row in rows for thing in row.entry.things)
        size = f'{{"height":{image.height_px},"width":{image.width_px},"annotations":['
        annotation = size.encode() + b",".join(row.text for row in rows) + b"]}"
        fault = self.faults.get(image_id) or self._fault(rows)
        if fault is None and (len(annotation) > MAX_ANNOTATION_BYTES or len(things) > MAX_THINGS):
            fault = (
                f"image {image_id} has {len(things)} annotations in {len(annotation)} bytes, "
                f"expected at most {MAX_THINGS} in {MAX_ANNOTATION_BYTES}"
            )
        return AnnotatedImage(
            things=things,
            masks=tuple(row.entry.mask for row in rows if row.entry.mask is not None),
            annotation=b"" if fault or not self.keeps_rows else annotation,
            fault=fault and f"{self.path.name}: {fault}",
        )

    def _fault(self, rows: list[_Annotation]) -> str | None:
        for row in rows:
            for thing in row.entry.things:
                if thing.category_id not in self.categories:
                    return (
                        f"annotations[{row.index}]: category_id {thing.category_id} is not among "
                        "its categories"
                    )
        return None

    def _fail(self, row: JsonRow, message: str) -> NoReturn:
        raise DatasetError(f"{self.path}: {row.list_name}[{row.index}]{message}")
