"""What changes between neighbouring frames."""

import numpy as np
import pytest

from vsda.evaluation.stability import Judged, Neighbours, changes_between, consistency


def masks(*rows):
    return [np.array([row], dtype=np.uint8) for row in rows]


def test_flicker_is_what_changes_where_the_truth_stays():
    before, after, first, second = masks(
        [0, 0, 1, 255, 1], [0, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1] * 5
    )
    found = changes_between(Judged(before, first), Judged(after, second), 2)
    assert (found.still, found.flickering) == (3, 1)
    assert found.flicker == pytest.approx(1 / 3)


def test_a_perfect_prediction_of_what_moves_does_not_flicker():
    before, after = masks([1, 1, 0, 0], [0, 1, 1, 0])
    found = changes_between(Judged(before, before), Judged(after, after), 2)
    assert found.flicker == 0
    assert consistency(found.predicted) == consistency(found.truth) == pytest.approx(1 / 3)


def test_consistency_by_hand():
    """Class 0 keeps one pixel of three, class 1 one of two, class 2 none of one."""
    before, after = masks([0, 0, 1, 1], [0, 2, 1, 0])
    truth = np.zeros((1, 4), dtype=np.uint8)
    found = changes_between(Judged(truth, before), Judged(truth, after), 4)
    assert consistency(found.predicted) == pytest.approx((1 / 3 + 1 / 2 + 0) / 3)
    assert consistency(found.truth) == 1


def test_changes_of_pairs_add_up():
    before, after = masks([0, 1], [1, 1])
    pair = changes_between(Judged(before, before), Judged(after, after), 2)
    both = pair + pair
    assert (both.num_pairs, both.still) == (2, 2 * pair.still)
    assert np.array_equal(both.truth, 2 * pair.truth)


def test_nothing_is_said_of_masks_of_different_sizes():
    small, large = np.zeros((2, 2), np.uint8), np.zeros((3, 2), np.uint8)
    assert changes_between(Judged(small, small), Judged(large, large), 2) is None


def pairs_of(order, reach=1, sequence="bear"):
    neighbours = Neighbours(reach)
    frame = {number: Judged(np.full((1, 1), number), np.zeros((1, 1))) for number in order}
    found = []
    for number in order:
        for before, after in neighbours.pairs(sequence, number, frame[number]):
            found.append((int(before.truth[0, 0]), int(after.truth[0, 0])))
    return found


def test_neighbours_follow_each_other():
    assert pairs_of([0, 1, 2, 5, 6]) == [(0, 1), (1, 2), (5, 6)]


def test_neighbours_are_found_when_clips_interleave():
    order = [0, 2, 4, 6, 1, 3, 5, 7, 8]
    assert sorted(pairs_of(order, reach=8)) == [(number, number + 1) for number in range(8)]


def test_frames_of_two_sequences_are_no_neighbours():
    neighbours = Neighbours()
    frame = Judged(np.zeros((1, 1)), np.zeros((1, 1)))
    assert neighbours.pairs("bear", 0, frame) == []
    assert neighbours.pairs("cows", 1, frame) == []
    assert len(neighbours.pairs("cows", 2, frame)) == 1
