"""The maximum mean discrepancy against a computation by hand, and under no gap."""

import itertools

import numpy as np
import pytest
import torch

from tests.gap.made_tokens import made_tokens
from vsda.gap.discrepancy import discrepancy


def by_hand(tokens):
    """The squared discrepancy, pair of groups after pair of groups."""
    deviation, mean = torch.std_mean(tokens.features, dim=0, correction=0)
    features = ((tokens.features - mean) / deviation).double().numpy()
    groups, domains = tokens.groups.numpy(), tokens.domains.numpy()
    pairs = [
        (i, j) for i, j in itertools.combinations(range(len(groups)), 2) if groups[i] != groups[j]
    ]
    variance = np.sort([np.sum((features[i] - features[j]) ** 2) for i, j in pairs])[
        (len(pairs) - 1) // 2
    ]
    kernel = {}
    for first, second in itertools.permutations(np.unique(groups), 2):
        values = [
            np.mean(
                [
                    np.exp(-np.sum((x - y) ** 2) / (2 * each * variance))
                    for each in (0.25, 0.5, 1, 2, 4)
                ]
            )
            for x in features[groups == first]
            for y in features[groups == second]
        ]
        kernel[first, second] = np.mean(values)
    domain = {group: domains[groups == group][0] for group in np.unique(groups)}
    means = [
        np.mean([value for (i, j), value in kernel.items() if (domain[i], domain[j]) == wanted])
        for wanted in ((0, 0), (1, 1), (0, 1))
    ]
    return means[0] + means[1] - 2 * means[2]


def test_equals_a_computation_by_hand():
    tokens = made_tokens(shift=1.5, groups=(5, 3), per_group=(2, 4), channels=3)
    assert discrepancy(tokens, 0).squared == pytest.approx(by_hand(tokens), abs=1e-5)


def test_wide_gap_is_beyond_chance():
    found = discrepancy(made_tokens(shift=5), 0)
    assert found.p_value == pytest.approx(0.001)
    assert found.squared > 10 * found.null_deviation


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_without_a_gap_the_null_is_as_wide_as_what_is_found(spread):
    """Tokens of a group are alike with a spread: a null that exchanged them would be too narrow."""
    shape = {"groups": (16, 8), "per_group": (4, 8)}
    found = [
        discrepancy(made_tokens(spread=spread, seed=seed, **shape), seed) for seed in range(16)
    ]
    squares = [each.squared for each in found]
    null = np.mean([each.null_deviation for each in found])
    assert 0.6 < np.std(squares) / null < 1.6
    assert abs(np.mean(squares)) < 0.75 * null  # neither above nor below 0
    assert 0.25 < np.mean([each.p_value for each in found]) < 0.75


def test_only_some_tokens_of_many_are_compared():
    tokens = made_tokens(shift=1, groups=(40, 12), per_group=(50, 200), channels=4)
    assert discrepancy(tokens, 0).squared == pytest.approx(discrepancy(tokens, 1).squared, rel=0.3)


def test_scale_of_a_channel_does_not_count():
    tokens = made_tokens(shift=1)
    expected = discrepancy(tokens, 0).squared
    tokens.features[:, 3] *= 1000
    assert discrepancy(tokens, 0).squared == pytest.approx(expected, rel=1e-3)
