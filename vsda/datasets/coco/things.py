"""From 'which thing is at this pixel' to masks, for every source that knows the things.

`inst` numbers objects from 1 in the order of the file. `seg` has the class of each. Pixels of a
crowd are somewhere among objects of its class, so they are ignored, unless its class is not
chosen: then a crowd is what an object of that class is.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vsda.datasets.coco.rows import Thing
from vsda.datasets.labels import OUTSIDE_IDS
from vsda.manifests import BACKGROUND_CLASS, coco_classes
from vsda.sample import Mask
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX

Owners = NDArray[np.uint16]
"""(H, W): 1 + the position of the thing that a pixel belongs to; 0 for none."""

MAX_INSTANCES = 254
"""What a byte numbers beside background and ignore; further objects have no number: 255."""
_BAND_PX = 1 << 20


def thing_classes(categories: Mapping[int, str]) -> dict[int, str]:
    """Return the class name of each category: stuff is background."""
    things = _thing_ids()
    return {
        category_id: name if category_id in things else BACKGROUND_CLASS
        for category_id, name in categories.items()
    }


def seg_of(owners: Owners, things: Sequence[Thing], table: Mapping[int, int], void: int) -> Mask:
    """Return the classes of pixels.

    Args:
        owners: What they belong to.
        things: Of the image.
        table: COCO id, background or ignore by category.
        void: What a pixel of no thing is.
    """
    return _looked_up([void, *(_value(thing, table) for thing in things)], owners)


def inst_of(owners: Owners, things: Sequence[Thing], void: int) -> Mask:
    """Return the numbers of the objects that pixels belong to; stuff is 0, crowds are 255."""
    numbers, num_objects = [void], 0
    thing_ids = _thing_ids()
    for thing in things:
        if thing.category_id not in thing_ids:
            numbers.append(BACKGROUND_ID)
        elif thing.is_crowd:
            numbers.append(IGNORE_INDEX)
        else:
            num_objects += 1
            numbers.append(num_objects if num_objects <= MAX_INSTANCES else IGNORE_INDEX)
    return _looked_up(numbers, owners)


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices of the rows of a picture: looking values up takes eight times their memory."""
    num_rows = max(1, _BAND_PX // max(1, shape[1]))
    for top in range(0, shape[0], num_rows):
        yield slice(top, top + num_rows)


def count_objects(things: Sequence[Thing]) -> int:
    """Return how many things would have a number."""
    thing_ids = _thing_ids()
    return sum(one.category_id in thing_ids and not one.is_crowd for one in things)


def _looked_up(values: Sequence[int], owners: Owners) -> Mask:
    table, mask = np.array(values, dtype=np.uint8), np.empty(owners.shape, dtype=np.uint8)
    for band in bands(owners.shape):
        mask[band] = table[owners[band]]
    return mask


def _value(thing: Thing, table: Mapping[int, int]) -> int:
    value = table[thing.category_id]
    return IGNORE_INDEX if thing.is_crowd and value not in OUTSIDE_IDS.values() else value


def _thing_ids() -> set[int]:
    return {row.id for row in coco_classes()}
