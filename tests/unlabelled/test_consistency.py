import math

import pytest
import torch

from vsda.unlabelled.consistency import Consistency

SURE, UNSURE = [0.99, 0.01], [0.6, 0.4]


def clip(*frames):
    """Return logits (1, T, 2, 1, 1) of one pixel with these probabilities in each frame."""
    return torch.tensor(frames).log()[None, :, :, None, None].requires_grad_()


def test_a_sure_frame_teaches_the_unsure_one_before_and_behind_it():
    logits = clip(UNSURE, SURE, UNSURE)
    loss = Consistency(confidence=0.9)(logits)
    loss.backward()
    assert loss.item() == pytest.approx(2 * (0.39**2 + 0.39**2) / 2, rel=1e-5)
    moved = logits.grad[0, :, 0, 0, 0]
    assert moved[0] < 0
    assert moved[2] < 0
    assert moved[1] == 0


@pytest.mark.parametrize("other", [[0.01, 0.99], SURE], ids=["another class", "the same"])
def test_two_sure_frames_are_left_alone(other):
    assert Consistency(confidence=0.9)(clip(SURE, other)).item() == 0


def test_two_unsure_frames_are_left_alone():
    assert Consistency(confidence=0.9)(clip(UNSURE, [0.4, 0.6])).item() == 0


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (2, 1, 3, 4, 4)])
def test_what_has_no_neighbours_is_refused(shape):
    with pytest.raises(ValueError, match="of at least 2 frames"):
        Consistency()(torch.zeros(shape))


def test_the_mean_is_over_all_pixels():
    one = clip(UNSURE, SURE).detach()
    four = torch.cat(
        [one.expand(1, 2, 2, 1, 1), clip(SURE, SURE).detach().expand(1, 2, 2, 1, 1)], 4
    )
    assert Consistency(confidence=0.9)(four).item() == pytest.approx(0.39**2, rel=1e-5)
    assert math.isclose(Consistency(confidence=0.9)(one).item(), 2 * 0.39**2, rel_tol=1e-5)
