"""The sequences of FBMS-59, what their regions show, and files that are not as described."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vsda.errors import ManifestError
from vsda.manifests.classes import IGNORE_CLASS, NO_CLASS, class_name_of
from vsda.manifests.table import manifest_path, one_of, read_table, unique

EVERY_REGION = "*"
"""In place of the number of a region: every one without a row of its own."""
CERTAINTIES = ("seen", "name", "unsure")
"""How the class of a region is known, the surest first."""
UNLISTED_IS_IGNORE = "unlisted-is-ignore"
"""The oddity of a ground truth with colours that its own list lacks."""

_MAX_REGION = 254  # 0 is the background, 255 is void


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


@cache
def fbms_splits() -> dict[str, FbmsSplit]:
    """Return the splits of FBMS-59 by name."""
    rows = read_table(
        manifest_path("fbms", "splits"),
        ("split", "folder", "num_annotated"),
        lambda cells: FbmsSplit(cells[0], cells[1], int(cells[2])),
    )
    return {row.name: row for row in unique(rows, "fbms/splits.tsv", lambda row: (row.name,))}


@cache
def fbms_sequences() -> tuple[FbmsSequence, ...]:
    """Return the sequences of FBMS-59 by name."""
    rows = read_table(
        manifest_path("fbms", "sequences"),
        ("sequence", "split"),
        lambda cells: FbmsSequence(cells[0], cells[1]),
    )
    return unique(rows, "fbms/sequences.tsv", lambda row: (row.name,))


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
            cells[0], cells[1], cells[2], one_of(cells[3], (UNLISTED_IS_IGNORE,))
        ),
    )
    return unique(rows, "fbms/oddities.tsv", lambda row: (row.split, row.sequence, row.file))


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
            class_name=class_name_of(class_name, NO_CLASS, IGNORE_CLASS),
            certainty=one_of(certainty, CERTAINTIES),
        )

    columns = ("split", "sequence", "region", "category", "class", "certainty")
    return read_table(path, columns, build)


def _region(cell: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,2}", cell) or int(cell) > _MAX_REGION:
        raise ManifestError(f"region must be 1 to {_MAX_REGION} or {EVERY_REGION!r}, got {cell!r}")
    return int(cell)
