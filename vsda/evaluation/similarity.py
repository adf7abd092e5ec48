"""J and F: how alike two masks are in their regions and along their boundaries.

Both are those of the public evaluation of DAVIS, on the same masks to the last digit. J is the
Jaccard index. F is the harmonic mean of boundary precision and recall, where a boundary pixel
counts as found if the other boundary has a pixel near it.

Reference: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation, CVPR 2016; Pont-Tuset et al., The 2017 DAVIS Challenge, arXiv:1704.00675.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Region = NDArray[np.bool_]
"""(H, W), true inside of the object."""

BOUNDARY_SHARE = 0.008
"""How far apart boundaries may lie, as a share of the picture's diagonal."""
_RECALLED = 0.5
_QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """What the values of an object's frames come to.

    Attributes:
        mean: Of all frames.
        recall: Share of the frames whose value is above 0.5.
        decay: Mean of the first quarter of the frames less that of the last; the quarters share the
            frames at their ends.
    """

    mean: float
    recall: float
    decay: float


def region_similarity(truth: Region, predicted: Region) -> float:
    """Return J of two masks; 1 where both are empty."""
    union = np.count_nonzero(truth | predicted)
    return float(np.count_nonzero(truth & predicted) / union) if union else 1.0


def boundary_accuracy(truth: Region, predicted: Region) -> float:
    """Return F of two masks; 1 where neither has a boundary, 0 where one alone has.

    A boundary pixel is found if one of the other boundary lies within 0.8 % of the diagonal,
    rounded up to whole pixels, in a straight line.
    """
    part = _surroundings(truth | predicted)
    boundaries = boundary(truth[part]), boundary(predicted[part])
    has_any = [bool(each.any()) for each in boundaries]
    if not all(has_any):
        return float(not any(has_any))
    reach_px = math.ceil(BOUNDARY_SHARE * math.hypot(*truth.shape))
    recall, precision = _found(*boundaries, reach_px), _found(*boundaries[::-1], reach_px)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(region: Region) -> Region:
    """Return which pixels (H, W) are a region's boundary.

    Those are the ones that differ from the one to the right, below, or to the right and below; the
    picture's edge is no boundary.
    """
    edge = np.zeros(region.shape, dtype=np.bool_)
    edge[:, :-1] |= region[:, :-1] != region[:, 1:]
    edge[:-1] |= region[:-1] != region[1:]
    edge[:-1, :-1] |= region[:-1, :-1] != region[1:, 1:]
    return edge


def series(values: Sequence[float]) -> Series:
    """Return mean, recall and decay of the values of an object's frames, in order; at least one."""
    each = np.asarray(values, dtype=np.float64)
    # A half is rounded up, where a fraction of a frame is left over.
    ends = np.floor(np.linspace(1, len(each), _QUARTERS + 1) + 0.5).astype(int) - 1
    first, last = each[: ends[1] + 1], each[ends[-2] :]
    return Series(
        mean=float(each.mean()),
        recall=float((each > _RECALLED).mean()),
        decay=float(first.mean() - last.mean()),
    )


def _surroundings(region: Region) -> tuple[slice, slice]:
    """Return the rows and columns of a region and of what lies next to it: the rest has no edge."""
    return tuple(
        slice(max(int(places[0]) - 1, 0), int(places[-1]) + 2) if len(places) else slice(0)
        for places in (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    )  # type: ignore[return-value]


def _found(points: Region, others: Region, reach_px: int) -> float:
    """Return the share of the pixels in `points` that have one of `others` within `reach_px`.

    A disk is a stretch of each row that it covers, and a stretch is empty if the number of pixels
    up to its end is the number up to its start: that is asked for where there are points only.
    """
    height_px, width_px = others.shape
    up_to = np.zeros((height_px + 2 * reach_px, width_px + 2 * reach_px + 1), dtype=np.int32)
    inside = up_to[reach_px : reach_px + height_px, reach_px + 1 :]
    np.cumsum(np.pad(others, ((0, 0), (0, reach_px))), axis=1, out=inside)
    rows, columns = (places + reach_px for places in np.nonzero(points))
    is_near = np.zeros(len(rows), dtype=np.bool_)
    for down in range(-reach_px, reach_px + 1):
        half = math.isqrt(reach_px**2 - down**2)
        row = rows + down
        is_near |= up_to[row, columns + half + 1] > up_to[row, columns - half]
    return float(is_near.mean())
