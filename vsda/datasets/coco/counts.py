"""How many images of COCO hold a class of a video dataset, beside the numbers that were published.

What an image holds can be told in several ways, and a published number read in several; each way
is counted for each reading, so that it shows which of them the number follows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vsda.datasets.coco.instances import INSTANCES, instances_path
from vsda.datasets.coco.maps import find_maps, map_classes, map_folder
from vsda.datasets.coco.table import read_table
from vsda.datasets.frames import read_mask
from vsda.manifests import CocoCount, coco_counts
from vsda.progress import progress
from vsda.taxonomy import class_ids

ALL, NO_CROWDS, MAPS = "all annotations", "without crowds", "stuffthingmaps"

ClassCounts = Counter[frozenset[int]]
"""How many images hold exactly these classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """A published number in one reading, and what was counted.

    Attributes:
        published: The number and its reading.
        found: Number of images by what tells the classes of an image.
    """

    published: CocoCount
    found: Mapping[str, int]

    @property
    def is_met(self) -> bool:
        """Whether one of the ways gives the published number."""
        return self.published.num_images in self.found.values()


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitCounts:
    """What the images of a split hold, by what tells the classes of an image.

    Attributes:
        counts: See `ClassCounts`.
        faults: Images whose annotations are broken; what is sound of them counts.
    """

    counts: Mapping[str, ClassCounts]
    faults: tuple[str, ...]


def count_split(root: Path, split: str, *, with_maps: bool = False) -> SplitCounts:
    """Return which classes the images of a split hold.

    Args:
        root: Folder of COCO.
        split: `train` or `val`.
        with_maps: Also read every map of COCO-Stuff, which takes minutes.

    Raises:
        DatasetError: A file is missing or cannot be used.
        ItemError: A map cannot be read.
    """
    images = read_table(instances_path(root, split), INSTANCES, keeps_rows=False).images.values()
    counts = {
        ALL: Counter(frozenset(image.categories(with_crowds=True)) for image in images),
        NO_CROWDS: Counter(frozenset(image.categories()) for image in images),
    }
    if with_maps:
        counts[MAPS] = Counter(_classes_of_maps(root, split))
    return SplitCounts(
        counts=counts, faults=tuple(image.fault for image in images if image.fault is not None)
    )


def compare(splits: Mapping[str, SplitCounts]) -> tuple[Counted, ...]:
    """Return the published numbers in all readings, with what was counted.

    Args:
        splits: What `count_split` gave for each split.
    """
    return tuple(Counted(published=row, found=_found(row, splits)) for row in coco_counts())


def figures_met(counted: Iterable[Counted]) -> dict[tuple[str, str], bool]:
    """Return for each published number whether a reading of it gives it."""
    met: dict[tuple[str, str], bool] = {}
    for row in counted:
        figure = row.published.video, row.published.figure
        met[figure] = met.get(figure, False) or row.is_met
    return met


def _found(row: CocoCount, splits: Mapping[str, SplitCounts]) -> dict[str, int]:
    chosen = {class_ids()[name] for name in row.class_names}
    ways = splits[row.splits[0]].counts.keys()
    return {
        way: sum(_num_images(splits[split].counts[way], chosen) for split in row.splits)
        for way in ways
    }


def _num_images(counts: ClassCounts, chosen: set[int]) -> int:
    return sum(number for classes, number in counts.items() if classes & chosen)


def _classes_of_maps(root: Path, split: str) -> Iterable[frozenset[int]]:
    ids = class_ids()
    table = {value: ids[name] for value, name in map_classes().items() if name in ids}
    for stem in progress(find_maps(root, split), f"coco {split}: label maps"):
        values = np.bincount(read_mask(root, f"{map_folder(split)}/{stem}.png").values.ravel())
        present = np.flatnonzero(values).tolist()
        yield frozenset(table[value] for value in present if value in table)
