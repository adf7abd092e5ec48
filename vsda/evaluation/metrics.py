"""Intersection over union from one confusion matrix over a whole set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vsda.sample import Mask
from vsda.taxonomy import IGNORE_INDEX

Confusion = NDArray[np.int64]
"""(K + 1, K + 1) pixels: rows are the truth, columns the prediction, background first."""
Counts = NDArray[np.int64]
"""(K + 1,) pixels of each class, background first."""


def confusion_matrix(truth: Mask, prediction: Mask, num_classes: int) -> Confusion:
    """Return the pixel counts (num_classes, num_classes) of two masks of class indices.

    Pixels whose truth is `IGNORE_INDEX` do not count.

    Raises:
        ValueError: The shapes differ, or an index is not below `num_classes`.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape}, prediction {prediction.shape}")
    labelled = truth != IGNORE_INDEX
    rows = truth[labelled].astype(np.int64)
    columns = prediction[labelled].astype(np.int64)
    if rows.size and max(rows.max(), columns.max()) >= num_classes:
        raise ValueError(f"a mask holds an index that is not below {num_classes}")
    counts = np.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_iou(confusion: Confusion) -> list[float | None]:
    """Return each class's intersection over union; None for a class that the truth lacks.

    A class without a labelled pixel has no IoU: counting it as 0 would punish a set for what it
    does not hold. Where it is predicted nevertheless, the true class of those pixels loses them.
    """
    return count_iou(np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0))


def count_iou(hits: Counts, truth: Counts, predicted: Counts) -> list[float | None]:
    """Return what `class_iou` does, from the pixels of each class that are right, true, predicted.

    Each is (K + 1,).
    """
    union = truth + predicted - hits
    return [
        float(hit / both) if present else None
        for hit, both, present in zip(hits, union, truth, strict=True)
    ]


def mean_iou(ious: Sequence[float | None]) -> float | None:
    """Return the mean over the classes that have an IoU, None if none has."""
    present = [iou for iou in ious if iou is not None]
    return sum(present) / len(present) if present else None
