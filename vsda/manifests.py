"""Typed rows from the tables under manifests/: tab-separated text, checked, errors with file:line.

A table starts with `#` comments that give its origin, then a header line, then one fact per row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from vsda.errors import ManifestError
from vsda.resources import resource_dir

Row = TypeVar("Row")

NO_CLASS = "-"
"""Class name of an object for which COCO has no category."""
BACKGROUND_CLASS = "background"
IGNORE_CLASS = "ignore"
EVERY_REGION = "*"
"""In place of the number of a region of FBMS: every one without a row of its own."""
CERTAINTIES = ("seen", "name", "unsure")
"""How the class of a region of FBMS is known, the surest first."""
UNLISTED_IS_IGNORE = "unlisted-is-ignore"
"""The oddity of a ground truth of FBMS with colours that its own list lacks."""

_MAX_REGION = 254  # 0 is the background, 255 is void
_SHA256 = re.compile(r"[0-9a-f]{64}|[0-9a-f]{4,}\.\.\.[0-9a-f]{4,}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_SOURCE_COLUMNS = (
    "file",
    "url",
    "bytes",
    "sha256",
    "md5",
    "parts",
    "variant",
    "strip",
    "into",
    "default",
)


@dataclass(frozen=True, slots=True)
class CocoClass:
    """One of COCO's 80 thing categories."""

    id: int
    name: str
    supercategory: str


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


@dataclass(frozen=True, slots=True)
class VocValue:
    """What one value of a mask of Pascal VOC means.

    `class_name` is a COCO name, `BACKGROUND_CLASS` or `IGNORE_CLASS`.
    """

    value: int
    label: str
    class_name: str


@dataclass(frozen=True, slots=True)
class YtbbClass:
    """One class of YouTube-BoundingBoxes; `class_name` is a COCO name or `NO_CLASS`."""

    id: int
    name: str
    class_name: str


@dataclass(frozen=True, slots=True)
class FbmsSplit:
    """One split of FBMS-59: its folder, and how many of its frames have a ground truth."""

    name: str
    folder: str
    num_annotated: int


@dataclass(frozen=True, slots=True)
class FbmsSequence:
    """One sequence of FBMS-59."""

    name: str
    split: str


@dataclass(frozen=True, slots=True)
class FbmsRegion:
    """What a region of a sequence of FBMS-59 shows.

    Attributes:
        split: Of the sequence.
        sequence: Its name.
        region: Number of the region, None for every region without a row of its own.
        category: What is seen, in a word.
        class_name: A COCO name, `NO_CLASS`, or `IGNORE_CLASS` for what is to count as nothing.
        certainty: One of `CERTAINTIES`.
    """

    split: str
    sequence: str
    region: int | None
    category: str
    class_name: str
    certainty: str


@dataclass(frozen=True, slots=True)
class FbmsOddity:
    """A file of FBMS-59 that does not keep to its description, and what is done about it."""

    split: str
    sequence: str
    file: str
    oddity: str


@dataclass(frozen=True, slots=True)
class Source:
    """One archive to download; digests and sizes are None where unknown.

    Attributes:
        file: Its name.
        url: Where it comes from.
        size_bytes: Its size.
        sha256: Its SHA-256; `...` stands for digits that are not known, as in `e3d0b5b7...a492`.
        md5: Its MD5.
        parts: What is inside, by the names that `--only` takes.
        variant: Such as a resolution; None where the dataset has no variants.
        strip: The folder of the archive whose content is wanted, None for all of it.
        into: Where that goes below the dataset's folder; None for a file that is not unpacked.
        is_default: Whether it comes if no part is named.
    """

    file: str
    url: str
    size_bytes: int | None
    sha256: str | None
    md5: str | None
    parts: tuple[str, ...]
    variant: str | None
    strip: str | None
    into: str | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class CardSource:
    """What the card beside a set says of the dataset that it was made from."""

    dataset: str
    title: str
    page: str
    licence: str
    cite: str


def manifest_path(dataset: str, table: str) -> Path:
    """Return where the table of a dataset lies, such as ("davis", "objects")."""
    return resource_dir("manifests") / dataset / f"{table}.tsv"


@cache
def coco_classes() -> tuple[CocoClass, ...]:
    """Return COCO's thing categories by ascending id."""
    rows = read_table(
        manifest_path("coco", "classes"),
        ("id", "name", "supercategory"),
        lambda cells: CocoClass(int(cells[0]), cells[1], cells[2]),
    )
    return _unique(rows, "coco/classes.tsv", lambda row: (row.id,), lambda row: (row.name,))


@cache
def stuffthing_values() -> tuple[StuffThingValue, ...]:
    """Return the meaning of every value of a stuffthingmaps PNG."""
    rows = read_table(
        manifest_path("coco", "stuffthingmaps"),
        ("value", "label", "class"),
        lambda cells: StuffThingValue(
            int(cells[0]), cells[1], _class_name(cells[2], BACKGROUND_CLASS, IGNORE_CLASS)
        ),
    )
    return _unique(rows, "coco/stuffthingmaps.tsv", lambda row: (row.value,))


@cache
def panoptic_stuff() -> tuple[CocoClass, ...]:
    """Return the categories of COCO's panoptic annotations that are no things."""
    rows = read_table(
        manifest_path("coco", "panoptic"),
        ("id", "name", "supercategory"),
        lambda cells: CocoClass(int(cells[0]), cells[1], cells[2]),
    )
    return _unique(rows, "coco/panoptic.tsv", lambda row: (row.id,), lambda row: (row.name,))


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
            class_names=tuple(_class_name(name) for name in cells[4].split(",")),
            num_images=int(cells[5]),
        ),
    )
    return _unique(
        rows, "coco/counts.tsv", lambda row: (row.video, row.figure, row.reading, row.splits)
    )


@cache
def davis_sequences() -> tuple[Sequence, ...]:
    """Return the sequences of DAVIS-2017 trainval by name."""
    rows = read_table(
        manifest_path("davis", "sequences"),
        ("sequence", "split", "num_frames"),
        lambda cells: Sequence(cells[0], cells[1], int(cells[2])),
    )
    return _unique(rows, "davis/sequences.tsv", lambda row: (row.name,))


@cache
def davis_objects() -> tuple[SequenceObject, ...]:
    """Return the objects of DAVIS-2017 trainval by sequence and object id."""
    rows = read_table(
        manifest_path("davis", "objects"),
        ("sequence", "object_id", "category", "class"),
        lambda cells: SequenceObject(
            cells[0], int(cells[1]), cells[2], _class_name(cells[3], NO_CLASS)
        ),
    )
    return _unique(rows, "davis/objects.tsv", lambda row: (row.sequence, row.object_id))


@cache
def davis_categories() -> tuple[DavisCategory, ...]:
    """Return the categories of DAVIS's semantics by their ids."""
    rows = read_table(
        manifest_path("davis", "categories"),
        ("id", "category", "class"),
        lambda cells: DavisCategory(int(cells[0]), cells[1], _class_name(cells[2], NO_CLASS)),
    )
    return _unique(rows, "davis/categories.tsv", lambda row: (row.id,), lambda row: (row.name,))


@cache
def voc_values() -> tuple[VocValue, ...]:
    """Return the meaning of every value of a mask of Pascal VOC."""
    rows = read_table(
        manifest_path("voc", "classes"),
        ("value", "label", "class"),
        lambda cells: VocValue(
            int(cells[0]), cells[1], _class_name(cells[2], BACKGROUND_CLASS, IGNORE_CLASS)
        ),
    )
    return _unique(rows, "voc/classes.tsv", lambda row: (row.value,), lambda row: (row.label,))


@cache
def ytbb_classes() -> tuple[YtbbClass, ...]:
    """Return the classes of YouTube-BoundingBoxes by their own ids."""
    rows = read_table(
        manifest_path("ytbb", "classes"),
        ("class_id", "class_name", "class"),
        lambda cells: YtbbClass(int(cells[0]), cells[1], _class_name(cells[2], NO_CLASS)),
    )
    return _unique(rows, "ytbb/classes.tsv", lambda row: (row.id,), lambda row: (row.name,))


@cache
def fbms_splits() -> dict[str, FbmsSplit]:
    """Return the splits of FBMS-59 by name."""
    rows = read_table(
        manifest_path("fbms", "splits"),
        ("split", "folder", "num_annotated"),
        lambda cells: FbmsSplit(cells[0], cells[1], int(cells[2])),
    )
    return {row.name: row for row in _unique(rows, "fbms/splits.tsv", lambda row: (row.name,))}


@cache
def fbms_sequences() -> tuple[FbmsSequence, ...]:
    """Return the sequences of FBMS-59 by name."""
    rows = read_table(
        manifest_path("fbms", "sequences"),
        ("sequence", "split"),
        lambda cells: FbmsSequence(cells[0], cells[1]),
    )
    return _unique(rows, "fbms/sequences.tsv", lambda row: (row.name,))


@cache
def fbms_regions() -> tuple[FbmsRegion, ...]:
    """Return what the regions of FBMS-59 show."""
    return read_fbms_regions(manifest_path("fbms", "regions"))


@cache
def fbms_oddities() -> tuple[FbmsOddity, ...]:
    """Return the files of FBMS-59 that do not keep to their description."""
    rows = read_table(
        manifest_path("fbms", "oddities"),
        ("split", "sequence", "file", "oddity"),
        lambda cells: FbmsOddity(
            cells[0], cells[1], cells[2], _one_of(cells[3], (UNLISTED_IS_IGNORE,))
        ),
    )
    return _unique(rows, "fbms/oddities.tsv", lambda row: (row.split, row.sequence, row.file))


def read_fbms_regions(path: Path) -> tuple[FbmsRegion, ...]:
    """Return the rows of a table of regions: the manifest's, or a user's own.

    Raises:
        ManifestError: No such file, another header, a region that is neither `*` nor a number from
            1 to 254, one that occurs twice, or a class or certainty that does not exist.
    """
    seen: set[tuple[str, str, str]] = set()

    def build(cells: list[str]) -> FbmsRegion:
        split, sequence, region, category, class_name, certainty = cells
        key = (split, sequence, region)
        if key in seen:
            raise ManifestError(f"region {region} of {split} {sequence!r} occurs twice")
        seen.add(key)
        return FbmsRegion(
            split=split,
            sequence=sequence,
            region=None if region == EVERY_REGION else _region(region),
            category=category,
            class_name=_class_name(class_name, NO_CLASS, IGNORE_CLASS),
            certainty=_one_of(certainty, CERTAINTIES),
        )

    columns = ("split", "sequence", "region", "category", "class", "certainty")
    return read_table(path, columns, build)


@cache
def sources(dataset: str) -> tuple[Source, ...]:
    """Return the archives of a dataset."""
    rows = read_table(manifest_path(dataset, "sources"), _SOURCE_COLUMNS, _source)
    return _unique(rows, f"{dataset}/sources.tsv", lambda row: (row.file,), lambda row: (row.url,))


@cache
def card_sources() -> dict[str, CardSource]:
    """Return what cards say of the datasets, by their names."""
    columns = ("dataset", "title", "page", "licence", "cite")
    rows = read_table(manifest_path("cards", "sources"), columns, lambda cells: CardSource(*cells))
    return {
        row.dataset: row for row in _unique(rows, "cards/sources.tsv", lambda row: (row.dataset,))
    }


def read_table(
    path: Path, header: tuple[str, ...], build: Callable[[list[str]], Row]
) -> tuple[Row, ...]:
    """Return the rows of the table at `path`, each made by `build` from its cells.

    Raises:
        ManifestError: No such file, another header, a row with missing or wrong cells, no rows,
            or not text in UTF-8.
    """
    rows: list[Row] = []
    seen_header = False
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != len(header):
            raise ManifestError(
                f"{path}:{number}: expected {len(header)} columns, got {len(cells)}"
            )
        if not seen_header:
            _check_header(path, number, cells, header)
            seen_header = True
            continue
        try:
            rows.append(build(cells))
        except (ValueError, ManifestError) as error:
            raise ManifestError(f"{path}:{number}: {error}") from error
    if not rows:
        raise ManifestError(f"{path}: the table has no rows")
    return tuple(rows)


def _text(path: Path) -> str:
    if not path.is_file():
        raise ManifestError(f"{path}: no such table")
    try:
        return path.read_text(encoding="utf-8-sig")  # spreadsheets put a byte order mark first
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: {error}; save the table as text in UTF-8") from error


def _check_header(path: Path, number: int, cells: list[str], header: tuple[str, ...]) -> None:
    if tuple(cells) != header:
        raise ManifestError(f"{path}:{number}: expected the columns {list(header)}, got {cells}")


def _unique(
    rows: tuple[Row, ...], table: str, *keys: Callable[[Row], tuple[object, ...]]
) -> tuple[Row, ...]:
    for key in keys:
        seen: set[tuple[object, ...]] = set()
        for row in rows:
            if key(row) in seen:
                raise ManifestError(f"{table}: {key(row)} occurs twice")
            seen.add(key(row))
    return rows


def _class_name(cell: str, *besides: str) -> str:
    if cell not in besides and cell not in {row.name for row in coco_classes()}:
        raise ManifestError(f"{cell!r} is neither a COCO class nor one of {list(besides)}")
    return cell


def _region(cell: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,2}", cell) or int(cell) > _MAX_REGION:
        raise ManifestError(f"region must be 1 to {_MAX_REGION} or {EVERY_REGION!r}, got {cell!r}")
    return int(cell)


def _one_of(cell: str, known: tuple[str, ...]) -> str:
    if cell not in known:
        raise ManifestError(f"expected one of {list(known)}, got {cell!r}")
    return cell


def _source(cells: list[str]) -> Source:
    file, url, size, sha256, md5, parts, variant, strip, into, default = cells
    for name, cell, pattern in (("sha256", sha256, _SHA256), ("md5", md5, _MD5)):
        if cell != "-" and not pattern.fullmatch(cell):
            raise ManifestError(f"{name} must be its hexadecimal digits or '-', got {cell!r}")
    if size != "-" and int(size) <= 0:
        raise ManifestError(f"bytes must be positive or '-', got {size!r}")
    if default not in {"yes", "no"}:
        raise ManifestError(f"default must be 'yes' or 'no', got {default!r}")
    return Source(
        file=file,
        url=url,
        size_bytes=None if size == "-" else int(size),
        sha256=_known(sha256),
        md5=_known(md5),
        parts=tuple(parts.split(",")),
        variant=_known(variant),
        strip=_known(strip),
        into=_known(into),
        is_default=default == "yes",
    )


def _known(cell: str) -> str | None:
    return None if cell == "-" else cell
