"""Intersection over union, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as reference

from vsda.evaluation.metrics import class_iou, confusion_matrix, mean_iou

TRUTH = np.array([[0, 0, 1], [1, 255, 2]], dtype=np.uint8)
PREDICTED = np.array([[0, 1, 1], [1, 1, 0]], dtype=np.uint8)


def test_confusion_matrix_by_hand():
    expected = [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert confusion_matrix(TRUTH, PREDICTED, 3).tolist() == expected


def test_iou_by_hand():
    confusion = confusion_matrix(TRUTH, PREDICTED, 3)
    assert class_iou(confusion) == pytest.approx([1 / 3, 2 / 3, 0.0])
    assert mean_iou(class_iou(confusion)) == pytest.approx(1 / 3)


def test_confusion_matrix_equals_scikit_learn_without_ignored_pixels():
    rng = np.random.default_rng(0)
    truth = rng.choice([0, 1, 2, 3, 4, 255], size=(64, 64)).astype(np.uint8)
    predicted = rng.integers(0, 5, size=(64, 64)).astype(np.uint8)
    labelled = truth != 255
    expected = reference(truth[labelled], predicted[labelled], labels=range(5))
    assert np.array_equal(confusion_matrix(truth, predicted, 5), expected)


def test_class_without_labelled_pixels_has_no_iou_and_is_not_counted_as_zero():
    truth = np.zeros((2, 2), dtype=np.uint8)
    predicted = np.array([[0, 0], [0, 1]], dtype=np.uint8)
    ious = class_iou(confusion_matrix(truth, predicted, 3))
    assert ious == [0.75, None, None]
    assert mean_iou(ious) == 0.75


def test_mean_over_the_set_is_not_the_mean_over_its_frames():
    one = confusion_matrix(np.zeros((1, 4), np.uint8), np.array([[0, 0, 0, 1]], np.uint8), 2)
    other = confusion_matrix(np.ones((1, 4), np.uint8), np.ones((1, 4), np.uint8), 2)
    frames = [mean_iou(class_iou(each)) for each in (one, other)]
    assert mean_iou(class_iou(one + other)) == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert sum(frames) / 2 == pytest.approx((3 / 4 + 1) / 2)


def test_nothing_labelled_has_no_mean():
    everything_ignored = np.full((2, 2), 255, np.uint8)
    confusion = confusion_matrix(everything_ignored, np.zeros((2, 2), np.uint8), 2)
    assert mean_iou(class_iou(confusion)) is None


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), "truth is"),
        (np.full((2, 2), 7, np.uint8), np.zeros((2, 2), np.uint8), "not below 3"),
    ],
)
def test_masks_that_do_not_fit_are_refused(truth, predicted, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(truth, predicted, 3)
