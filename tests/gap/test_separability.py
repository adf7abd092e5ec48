"""The proxy A-distance on tokens with a known gap."""

import pytest
import torch

from tests.gap.made_tokens import made_tokens
from vsda.gap.folds import fold_of_tokens
from vsda.gap.separability import separability
from vsda.gap.tokens import IMAGE, VIDEO


def test_no_gap_is_about_zero():
    found, _ = separability(made_tokens(), 0)
    assert abs(found.distance) < 0.25
    assert abs(found.accuracy - 0.5) < 0.07


def test_wide_gap_is_two():
    found, _ = separability(made_tokens(shift=20), 0)
    assert (found.distance, found.low, found.high) == pytest.approx((2, 2, 2))


def test_middling_gap_is_that_of_the_best_threshold():
    found, _ = separability(made_tokens(shift=2, groups=(60, 60), per_group=(10, 10)), 0)
    error = 0.1587  # of a normal distribution beyond one deviation
    assert found.distance == pytest.approx(2 * (1 - 2 * error), abs=0.12)
    assert found.low < 2 * (1 - 2 * error) < found.high
    assert found.distance == pytest.approx(2 * (2 * found.accuracy - 1))


def test_pictures_that_differ_among_themselves_are_no_gap():
    """A probe that had seen tokens of each picture would know its domain by heart."""
    tokens = made_tokens(spread=5, channels=64, groups=(24, 24), per_group=(6, 6))
    found, held = separability(tokens, 0)
    assert held.probe.predict(tokens.features[~held.out]).eq(tokens.domains[~held.out]).all()
    assert found.distance < 0.6
    assert found.low < 0


def test_domains_weigh_alike_whatever_their_size():
    tokens = made_tokens(groups=(40, 4), per_group=(20, 5))
    assert abs(separability(tokens, 0)[0].accuracy - 0.5) < 0.15  # always "image" has 0.976 right


def test_interval_narrows_with_groups_not_with_tokens():
    def width(groups, per_group):
        tokens = made_tokens(shift=2, spread=1, groups=groups, per_group=per_group)
        found, _ = separability(tokens, 0)
        return found.high - found.low

    few = width((12, 12), (8, 8))
    assert width((12, 12), (64, 64)) > 0.6 * few
    assert width((96, 96), (8, 8)) < 0.6 * few


@pytest.mark.parametrize(("groups", "number"), [((40, 12), 5), ((40, 3), 3), ((2, 9), 2)])
def test_folds_part_groups_and_hold_both_domains(groups, number):
    tokens = made_tokens(groups=groups)
    folds, found = fold_of_tokens(tokens, 0)
    assert found == number
    for group in torch.unique(tokens.groups):
        assert len(torch.unique(folds[tokens.groups == group])) == 1
    for fold in range(number):
        assert set(tokens.domains[folds == fold].tolist()) == {IMAGE, VIDEO}


def test_tells_how_many_groups_there_were():
    found, _ = separability(made_tokens(groups=(7, 5)), 0)
    assert (found.num_images, found.num_videos) == (7, 5)
