"""A page on which a person settles which class each region of a data set has.

It shows each region with the class that is proposed, keeps the answers in the browser, and gives
back the table as the text of a file, in the form in which it came.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsda import __version__
from vsda.errors import DatasetError
from vsda.manifests import IGNORE_CLASS, NO_CLASS
from vsda.pages.pictures import rgb_jpeg_url
from vsda.pages.regions import bounds, crop, highlight, shrunk
from vsda.pages.template import write_page
from vsda.storage import Place

COLUMNS = ("split", "sequence", "region", "category", "class", "certainty")
SEEN, NAME, UNSURE = "seen", "name", "unsure"
"""How sure a class is: a person looked at the region, only its name says it, or nobody knows."""
ALL_REGIONS = "*"
"""Region of a row that speaks of every region of its sequence."""

_FRAME_PX = 560
_CROP_PX = 320


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionRow:
    """One row of the table; `region` is a number or `ALL_REGIONS`."""

    split: str
    sequence: str
    region: str
    category: str
    class_name: str
    certainty: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionView:
    """One region as the page shows it.

    Attributes:
        sequence: Name of its sequence.
        split: Split of the sequence.
        region: Its number in the table.
        num_regions: How many regions the sequence has.
        category: What it is, in the table's own words.
        class_name: The proposed class.
        certainty: `SEEN`, `NAME` or `UNSURE`.
        picture: (H, W, 3) RGB uint8, a frame in which the region is to be seen.
        mask: (H, W) bool, where it is.
        frame: Name of the frame.
    """

    sequence: str
    split: str
    region: int
    num_regions: int
    category: str
    class_name: str
    certainty: str
    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    frame: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewPage:
    """A written page; a region is unsettled while nobody has seen it."""

    path: str
    size_bytes: int
    num_regions: int
    num_unsettled: int


@dataclass(slots=True)
class _Count:
    num_regions: int = 0
    num_unsettled: int = 0


def write_review(
    out: Place,
    regions: Iterable[RegionView],
    rows: Sequence[RegionRow],
    *,
    classes: Sequence[str],
    title: str,
    header: Sequence[str] = (),
) -> ReviewPage:
    """Write the page about `regions` to `out`; memory holds one of them at a time.

    The table that a person takes from the page has the rows of `regions` with the answers, and all
    other rows as they are. A row of all regions stays one while its regions have one answer.

    Args:
        out: The HTML file, replaced if it exists.
        regions: Those of a sequence next to each other.
        rows: The table as it is, in its order.
        classes: Names that may be chosen, besides none and ignore.
        title: Heading.
        header: Comments at the head of the table, without the `#`.

    Raises:
        DatasetError: A name that no cell of a table can hold.
    """
    table = [_cells(row) for row in rows]
    count = _Count()
    size_bytes = write_page(
        out,
        "review.html.j2",
        ("review.js",),
        title=title,
        version=__version__,
        views=_cards(regions, count),
        choices=[*classes, NO_CLASS, IGNORE_CLASS],
        certainties=(SEEN, NAME, UNSURE),
        table={
            "storage": f"vsda-review-{_digest(table)}",
            "header": list(header),
            "columns": COLUMNS,
            "rows": table,
        },
    )
    return ReviewPage(
        path=str(out),
        size_bytes=size_bytes,
        num_regions=count.num_regions,
        num_unsettled=count.num_unsettled,
    )


def _cards(regions: Iterable[RegionView], count: _Count) -> Iterator[dict[str, Any]]:
    for view in regions:
        count.num_regions += 1
        count.num_unsettled += view.certainty != SEEN
        yield _card(view)


def _card(view: RegionView) -> dict[str, Any]:
    left, top, _, _ = bounds(view.mask)
    height_px, width_px = view.mask.shape
    row = RegionRow(
        split=view.split,
        sequence=view.sequence,
        region=str(view.region),
        category=view.category,
        class_name=view.class_name,
        certainty=view.certainty,
    )
    return {
        "cells": _cells(row),
        "view": view,
        "share": float(view.mask.mean()),
        "tag": (100 * left / width_px, 100 * top / height_px),
        "picture": rgb_jpeg_url(shrunk(highlight(view.picture, view.mask), _FRAME_PX)),
        "crop": rgb_jpeg_url(shrunk(crop(view.picture, view.mask), _CROP_PX)),
    }


def _cells(row: RegionRow) -> list[str]:
    cells = [str(cell) for cell in astuple(row)]
    for cell in cells:
        if not cell.isprintable():
            raise DatasetError(
                f"{row.sequence!r}: {cell!r} cannot stand in a table; rename it without tabs and "
                "line ends"
            )
    return cells


def _digest(table: Sequence[Sequence[str]]) -> str:
    text = "\n".join("\t".join(cells) for cells in table)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
