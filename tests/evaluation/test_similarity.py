"""J and F, by hand and against an implementation that dilates pictures."""

import math

import numpy as np
import pytest
from scipy import ndimage

from vsda.evaluation.similarity import boundary, boundary_accuracy, region_similarity, series


def dilating_f(truth, predicted):
    """Return F as DAVIS's evaluation describes it: boundaries dilated by a disk."""
    radius = math.ceil(0.008 * np.linalg.norm(truth.shape))
    across, down = np.meshgrid(*[np.arange(-radius, radius + 1)] * 2)
    disk = across**2 + down**2 <= radius**2
    edges = [outline(mask) for mask in (truth, predicted)]
    if not edges[0].any() or not edges[1].any():
        return float(edges[0].any() == edges[1].any())
    near = [ndimage.binary_dilation(edge, disk) for edge in edges]
    precision = (edges[1] & near[0]).sum() / edges[1].sum()
    recall = (edges[0] & near[1]).sum() / edges[0].sum()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask):
    """Return the boundary pixel by pixel; the edge of the picture repeats."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    neighbours = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return np.logical_or.reduce([mask != neighbour for neighbour in neighbours])


def blobs(seed, shape=(97, 171), share=0.5):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 6)
    return noise > np.quantile(noise, 1 - share)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(97, 171), (240, 135)])
def test_f_equals_that_of_dilated_pictures(seed, shape):
    truth = blobs(seed, shape, 0.3)
    pairs = [
        (truth, np.roll(truth, (seed - 2, 3 - seed), (0, 1))),
        (truth, blobs(seed + 100, shape, 0.02)),
        (truth, np.random.default_rng(seed).random(shape) < 0.3),
        (truth, ~truth),
        (truth[:, :2], truth[:, 1:3]),
    ]
    for one, other in pairs:
        for first, second in ((one, other), (other, one)):
            assert boundary_accuracy(first, second) == pytest.approx(dilating_f(first, second))


def test_boundary_by_hand():
    """A pixel is on it that differs from the right, the lower or the lower right one."""
    mask = np.zeros((4, 4), dtype=bool)
    mask[1:3, 2:] = True
    expected = [[0, 1, 1, 1], [0, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]
    assert boundary(mask).astype(int).tolist() == expected


def test_boundaries_count_as_found_up_to_the_reach_and_no_further():
    """In a picture with a diagonal of 1,000 the reach is 8 pixels, in a straight line."""
    truth = np.zeros((600, 800), dtype=bool)
    truth[:, 400:] = True
    for moved, expected in ((8, 1.0), (9, 0.0)):
        assert boundary_accuracy(truth, np.roll(truth, -moved, axis=1) | truth) == expected


def test_regions_by_hand():
    truth = np.array([[1, 1, 0, 0]], dtype=bool)
    predicted = np.array([[0, 1, 1, 0]], dtype=bool)
    assert region_similarity(truth, predicted) == pytest.approx(1 / 3)


def test_empty_masks():
    empty, some = np.zeros((9, 9), dtype=bool), np.eye(9, dtype=bool)
    for measure in (region_similarity, boundary_accuracy):
        assert measure(empty, empty) == 1.0
        assert measure(some, empty) == measure(empty, some) == 0.0


def test_series_by_hand():
    """Quarters of 10 frames: 0 to 2 and 7 to 9."""
    found = series([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert found.mean == pytest.approx(0.55)
    assert found.recall == pytest.approx(0.5)
    assert found.decay == pytest.approx(0.9 - 0.2)
    assert series([0.4]).decay == 0.0
