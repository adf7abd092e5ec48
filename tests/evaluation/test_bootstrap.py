"""Intervals over videos."""

import numpy as np
import pytest

from vsda.evaluation.bootstrap import (
    NUM_DRAWS,
    ClassCounts,
    drawn_ious,
    interval,
    mean_over_classes,
)
from vsda.evaluation.metrics import class_iou, mean_iou


def confusions(number, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 50, (number, classes, classes)) + 40 * np.eye(classes, dtype=np.int64)


def stacked(matrices):
    return ClassCounts.stacked([ClassCounts.of(each) for each in matrices])


def drawn_means(matrices, key=0):
    return mean_over_classes(drawn_ious(stacked(matrices), key))


def test_draws_are_spread_like_those_of_a_plain_loop():
    matrices = confusions(12)
    rng = np.random.default_rng(1)
    looped = [
        mean_iou(class_iou(matrices[rng.integers(12, size=12)].sum(axis=0))) for _ in range(1_000)
    ]
    found = drawn_means(matrices)
    assert len(found) == NUM_DRAWS
    assert found.mean() == pytest.approx(np.mean(looped), abs=3e-3)
    assert interval(found, 12) == pytest.approx(np.quantile(looped, [0.025, 0.975]), abs=5e-3)


def test_whole_videos_are_drawn_not_frames():
    """Of two videos, one right and one wrong, a quarter of the draws has the wrong one twice."""
    right, wrong = np.diag([10, 10]), np.array([[0, 10], [10, 0]])
    values, times = np.unique(drawn_means([right, wrong]), return_counts=True)
    assert values == pytest.approx([0, 1 / 3, 1])
    assert times / NUM_DRAWS == pytest.approx([0.25, 0.5, 0.25], abs=0.05)


def test_the_same_videos_are_drawn_every_time_and_others_for_another_key():
    matrices = confusions(6)
    assert np.array_equal(drawn_means(matrices), drawn_means(matrices))
    assert not np.array_equal(drawn_means(matrices), drawn_means(matrices, key=1))


def test_alike_videos_have_an_interval_without_width_and_one_video_has_none():
    one = confusions(1)[0]
    low, high = interval(drawn_means([one] * 5), 5)
    assert low == pytest.approx(high) == pytest.approx(mean_iou(class_iou(one)))
    assert interval(drawn_means([one]), 1) is None


def test_a_class_that_a_draw_lacks_does_not_count_in_it():
    with_it, without = np.diag([8, 2]), np.diag([8, 0])
    ious = drawn_ious(stacked([with_it, without]))
    assert np.isnan(ious[:, 1]).mean() == pytest.approx(0.25, abs=0.05)
    assert (mean_over_classes(ious) == 1).all()
