"""Averages of what batch norms are given, some pixels counting for more."""

import torch
from torch import nn

from vsda.training.norm_averages import NormAverages


def measured(batches, weights):
    """Return the running averages of a norm after batches of (N, C, H, W) maps."""
    norm = nn.BatchNorm2d(batches[0].shape[1]).eval()
    found = NormAverages([norm], nn.Identity())
    for maps, counts in zip(batches, weights, strict=True):
        with found.measured(counts):
            norm(maps)
    found.apply()
    return norm.running_mean, norm.running_var


def test_equal_pixels_are_what_torch_averages():
    batches = list(torch.randn(3, 4, 5, 6, 6))
    norm = nn.BatchNorm2d(5, momentum=None)
    for maps in batches:
        norm(maps)
    equal = [None, torch.ones(4, 1, 6, 6), torch.full((4, 1, 3, 3), 0.3)]
    for average, expected in zip(
        measured(batches, equal), (norm.running_mean, norm.running_var), strict=True
    ):
        torch.testing.assert_close(average, expected)


def test_a_pixel_of_weight_two_is_in_the_mean_twice():
    maps = torch.randn(2, 3, 2, 2)
    weights = torch.ones(2, 1, 2, 2)
    weights[1] = 2
    mean, variance = measured([maps], [weights])
    twice = torch.cat([maps, maps[1:]])
    torch.testing.assert_close(mean, twice.mean((0, 2, 3)))
    effective = 12**2 / (4 + 4 * 2**2)
    biased = twice.var((0, 2, 3), correction=0)
    torch.testing.assert_close(variance, biased * effective / (effective - 1))


def test_a_cell_of_a_coarser_map_has_the_mean_of_what_it_covers():
    weights = torch.tensor([[1.0, 3.0], [0.0, 0.0]]).repeat_interleave(2, 0)[None, None]
    maps = torch.tensor([[[[5.0], [1.0]]], [[[0.0], [2.0]]]])
    both = torch.cat([weights, torch.ones(1, 1, 4, 2)])
    mean, _ = measured([maps], [both])
    torch.testing.assert_close(mean, torch.tensor([(2 * 5 + 0 * 1 + 0 + 2) / 4]))


def test_a_norm_normalises_by_the_batch_while_it_is_measured():
    norm = nn.BatchNorm2d(3).eval()
    maps = 7 + 3 * torch.randn(4, 3, 5, 5)
    with NormAverages([norm], nn.Identity()).measured(None):
        normed = norm(maps)
    torch.testing.assert_close(normed, nn.BatchNorm2d(3)(maps))


def test_a_norm_that_no_batch_came_to_keeps_its_averages():
    norms = [nn.BatchNorm2d(2).eval(), nn.BatchNorm2d(2).eval()]
    found = NormAverages(norms, nn.Identity())
    with found.measured(None):
        norms[0](5 + torch.randn(2, 2, 3, 3))
    found.apply()
    assert norms[0].running_mean.min() > 3
    assert torch.equal(norms[1].running_mean, torch.zeros(2))
