"""Every region of FBMS with its picture and its row of the table, for people to look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsda.datasets.fbms.classes import region_rows
from vsda.datasets.fbms.layout import find_sequences, open_root
from vsda.datasets.fbms.sequence import Surveyed, TruthFacts, failures_of, item_of, survey
from vsda.datasets.fbms.truth import read_regions
from vsda.datasets.frames import EncodedImage, read_jpeg
from vsda.datasets.listing import Failure, Item, Request
from vsda.errors import ItemError
from vsda.manifests import NO_CLASS
from vsda.sample import Mask
from vsda.shards.pictures import opened_picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """One region of a sequence, and the labelled frame in which it is largest.

    Attributes:
        split: Of the sequence.
        sequence: Its name.
        region: Number of the region, from 1.
        num_regions: How many regions the sequence has, without the background.
        category: What the table says is seen; empty where it has no row.
        class_name: A COCO name, `NO_CLASS` or `IGNORE_CLASS`.
        certainty: One of `CERTAINTIES`; empty where the table has no row.
        frame: Name of the frame, without the ending.
        picture: Its pixels, (H, W, 3) uint8.
        mask: Where the region is, (H, W) bool; nowhere if no labelled frame shows it.
    """

    split: str
    sequence: str
    region: int
    num_regions: int
    category: str
    class_name: str
    certainty: str
    frame: str
    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def iter_regions(request: Request) -> Iterator[Region | Failure]:
    """Yield every region of the split, by sequence and number, one picture at a time.

    What cannot be read is yielded as a failure, and the rest goes on. Which classes the rules
    choose, and the certainty that the options ask for, make no difference: all rows are shown.

    Raises:
        DatasetError: The split is not there.
        ManifestError: The user's table is missing or wrong.
    """
    root, rows = open_root(request), region_rows(request)
    for found in find_sequences(root, request.split):
        sequence = survey(root, found, rows.get(found.name), request)
        yield from failures_of(sequence)
        yield from _Pictures(root, sequence, request.split).regions()


class _Pictures:
    """The labelled frames of a sequence."""

    def __init__(self, root: Path, sequence: Surveyed, split: str) -> None:
        self._root, self._sequence, self._split = root, sequence, split
        indices = sorted(sequence.truths.by_frame)
        self._items = [item_of(sequence, split, index) for index in indices]

    def regions(self) -> Iterator[Region | Failure]:
        """Yield the regions, after the frames that cannot be read."""
        largest: dict[int, tuple[int, Item]] = {}
        for item in self._items:
            try:
                _, mask = self._read(item)
            except ItemError as error:
                yield Failure(key=item.key, outcome=error.outcome, message=str(error))
                continue
            sizes = np.bincount(mask.ravel(), minlength=self._sequence.num_regions).tolist()
            for region in range(1, self._sequence.num_regions):
                if region not in largest or sizes[region] > largest[region][0]:
                    largest[region] = (sizes[region], item)
        for region, (_, item) in sorted(largest.items()):
            yield self._region(region, item)

    def _region(self, region: int, item: Item) -> Region:
        image, mask = self._read(item)
        rows = self._sequence.rows
        row = None if rows is None else rows.row(region)
        return Region(
            split=self._split,
            sequence=self._sequence.name,
            region=region,
            num_regions=self._sequence.num_regions - 1,
            category=row.category if row else "",
            class_name=row.class_name if row else NO_CLASS,
            certainty=row.certainty if row else "",
            frame=item.frame,
            picture=_pixels(image),
            mask=mask == region,
        )

    def _read(self, item: Item) -> tuple[EncodedImage, Mask]:
        image, facts = read_jpeg(self._root, item.image), TruthFacts.from_json(item.annotation)
        mask = read_regions(
            self._root,
            item.mask or "",
            image,
            facts.codes,
            unlisted_is_ignore=facts.unlisted_is_ignore,
        )
        return image, mask


def _pixels(image: EncodedImage) -> NDArray[np.uint8]:
    with opened_picture(image.data, "JPEG") as picture:
        return np.asarray(picture.convert("RGB"))
