"""The regions of a frame that are one thing each: a class, and an instance where there are any."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError
from vsda.sample import Mask
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, class_names

_ID_BITS = 8
_NO_INSTANCE = 1 << _ID_BITS


@dataclass(frozen=True, slots=True)
class Segment:
    """One region.

    Attributes:
        category_id: COCO id.
        mask: Where it is, (H, W).
    """

    category_id: int
    mask: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """The number of its pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def bbox(self) -> list[int]:
        """Left, top, width and height in pixels of the box around it."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        top, left = int(rows[0]), int(columns[0])
        return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]


def segments(seg: Mask, inst: Mask | None) -> list[Segment]:
    """Return the regions of a frame, which do not overlap and cover all pixels with a class.

    Each instance is one, with the class below it; one that lies on two classes is cut there, and
    one that lies on background or void is none. What has a class but no instance is one region per
    class.

    Args:
        seg: (H, W) COCO ids, 0 background, 255 void.
        inst: (H, W) instance ids, 0 and 255 none; None where the frame has no instances.

    Returns:
        By instance id, then by class; regions without an instance last, so that a reader who counts
        regions gives instances 1, 2, ... their numbers back.
    """
    codes = seg.astype(np.uint16)
    if inst is not None:
        codes |= np.where(inst == IGNORE_INDEX, 0, inst).astype(np.uint16) << _ID_BITS
    codes[(seg == BACKGROUND_ID) | (seg == IGNORE_INDEX)] = 0
    found = [code for code in np.flatnonzero(np.bincount(codes.ravel())).tolist() if code]
    found.sort(key=lambda code: code >> _ID_BITS or _NO_INSTANCE)
    return [Segment(code & 0xFF, codes == code) for code in found]


def present_values(mask: Mask) -> list[int]:
    """Return the values that occur in a mask, ascending."""
    return [int(value) for value in np.flatnonzero(np.bincount(mask.ravel()))]


def known_classes(seg: Mask, where: str) -> list[int]:
    """Return the values of `seg`, ascending.

    Raises:
        ShardError: One of them is neither a COCO id nor background nor void.
    """
    values = present_values(seg)
    unknown = [value for value in values if value not in class_names()]
    if unknown:
        raise ShardError(
            f"{where}: its seg.png holds {unknown}, which are no ids of COCO's classes, so they "
            "have no name to export; prepare the set again with --remap coco"
        )
    return values
