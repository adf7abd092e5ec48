"""Where COCO's files lie, and what every source of labels gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vsda.datasets.listing import how_to_get, is_folder
from vsda.errors import DatasetError
from vsda.sample import Mask

NAME = "coco"
ANNOTATIONS = "annotations"
_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class CocoOptions:
    """What only COCO can be asked: where the masks come from."""

    labels: Literal["stuffthingmaps", "instances", "panoptic"] = "stuffthingmaps"


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The masks of an image.

    Attributes:
        seg: COCO ids; None if nothing is remapped.
        inst: Numbers of objects; None where they are not known.
        where: What to call them in an error.
    """

    seg: Mask | None
    inst: Mask | None
    where: str


def image_folder(split: str) -> str:
    """Return the folder of the images of a split."""
    return f"{split}2017"


def annotation_file(kind: str, split: str) -> str:
    """Return the annotation file of a split."""
    return f"{ANNOTATIONS}/{kind}_{split}2017.json"


def check_folder(root: Path, name: str, archive: str, part: str) -> None:
    """Raise DatasetError if there is no folder `name`; it says which archive brings it."""
    if not is_folder(root / name):
        raise missing(root, name, "folder", archive, part)


def missing(root: Path, name: str, what: str, archive: str, part: str) -> DatasetError:
    """Return the error that `name` is missing, which the part `part` of an archive brings."""
    how = how_to_get(NAME, root, archive, f" --only {part}")
    return DatasetError(f"{root / name}: no such {what}; {how}, or give another --root or --split")


def some(names: Sequence[object]) -> str:
    """Return the first few of `names` as text, and how many more there are."""
    num_more = len(names) - _MOST_NAMED
    more = f" and {num_more} more" if num_more > 0 else ""
    return ", ".join(map(str, names[:_MOST_NAMED])) + more
