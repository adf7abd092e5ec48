"""Differences paired over seeds."""

import math

import pytest
from scipy import stats

from vsda.tables.paired import estimate


@pytest.mark.parametrize("values", [[1.0, 3.0], [0.5, 1.5, 4.0], [-2.0, 0.1, 0.3, 0.7, 1.9]])
def test_interval_is_students(values):
    found = estimate(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.mean == pytest.approx(sum(values) / len(values))
    assert (found.low, found.high, found.num) == (
        pytest.approx(low),
        pytest.approx(high),
        len(values),
    )


def test_one_seed_bounds_nothing_and_none_is_none():
    assert estimate([]) is None
    one = estimate([4.0])
    assert (one.mean, one.low, one.high) == (4.0, -math.inf, math.inf)


def test_equal_differences_leave_no_doubt():
    found = estimate([2.0, 2.0, 2.0])
    assert (found.low, found.high) == (2.0, 2.0)
