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
from scipy.spatial import KDTree

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
    true_points, points = boundary_points(truth), boundary_points(predicted)
    if not len(true_points) or not len(points):
        return float(len(true_points) == len(points))
    reach_px = math.ceil(BOUNDARY_SHARE * math.hypot(*truth.shape))
    precision = _found(points, true_points, reach_px)
    recall = _found(true_points, points, reach_px)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary_points(region: Region) -> NDArray[np.int64]:
    """Return row and column (n, 2) of the pixels of a region's boundary.

    A pixel belongs to it if it differs from the one to the right, below, or to the right and below;
    the picture's edge is no boundary.
    """
    edge = np.zeros(region.shape, dtype=np.bool_)
    edge[:, :-1] |= region[:, :-1] != region[:, 1:]
    edge[:-1] |= region[:-1] != region[1:]
    edge[:-1, :-1] |= region[:-1, :-1] != region[1:, 1:]
    return np.argwhere(edge)


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


def _found(points: NDArray[np.int64], others: NDArray[np.int64], reach_px: int) -> float:
    """Return the share of `points` that have one of `others` within `reach_px`."""
    # The bound itself is left out by the search: squares of distances are whole numbers.
    bound = math.sqrt(reach_px**2 + 0.5)
    distances, _ = KDTree(others).query(points, distance_upper_bound=bound)
    return float(np.isfinite(distances).mean())
