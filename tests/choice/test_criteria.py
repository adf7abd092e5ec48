"""Criteria by hand."""

import numpy as np
import pytest

from vsda.choice.criteria import agreement, entropy, infomax, snd

SURE = [[[1.0, 0.0], [0.0, 1.0]]]
UNSURE = [[[0.5, 0.5], [0.5, 0.5]]]
COLLAPSED = [[[1.0, 0.0], [1.0, 0.0]]]


def points(values):
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("values", "uncertainty", "information"),
    [(SURE, 0, np.log(2)), (UNSURE, np.log(2), 0), (COLLAPSED, 0, 0)],
)
def test_entropy_and_infomax_by_hand(values, uncertainty, information):
    """Only infomax tells a network that uses its classes from one that does not."""
    each = points(values)
    assert entropy(each, each) == pytest.approx(uncertainty, abs=1e-9)
    assert infomax(each, each) == pytest.approx(information, abs=1e-9)


def test_snd_of_even_neighbours_is_the_logarithm_of_their_number():
    """A point is no neighbour of its own: four points have three neighbours each."""
    each = points([[[0.7, 0.3]] * 4])
    assert snd(each, each) == pytest.approx(np.log(3), rel=1e-5)


def test_snd_by_hand():
    """Of three points two are alike: cosines 1, 0, 0 by a temperature of 0.05."""
    each = points([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    near = 1 / (1 + np.exp(-20))
    paired = -(near * np.log(near) + (1 - near) * np.log(1 - near))
    assert snd(each, each) == pytest.approx((2 * paired + np.log(2)) / 3, rel=1e-4)


def test_snd_is_the_mean_over_frames_not_over_their_mixture():
    one, other = [[1.0, 0.0]] * 3, [[0.0, 1.0]] * 3
    assert snd(points([one, other]), points([one, other])) == pytest.approx(np.log(2), rel=1e-5)


def test_agreement_by_hand():
    """The ensemble says 0, 0, 1; the candidate 0, 1, 1: each class has one pixel of two."""
    ensemble = points([[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]])
    own = points([[[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]])
    assert agreement(own, ensemble) == pytest.approx(1 / 2)
    assert agreement(ensemble, ensemble) == 1
    assert agreement(points([[[1.0, 0.0]] * 3]), ensemble) == pytest.approx((2 / 3 + 0) / 2)
