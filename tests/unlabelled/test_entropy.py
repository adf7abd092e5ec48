import math

import pytest
import torch

from vsda.unlabelled.entropy import entropy_loss


def maps(*pixels):
    """Return logits (1, K, 1, pixels) of pixels with these probabilities."""
    return torch.tensor(pixels).log().T[None, :, None]


def test_entropy_worked_by_hand():
    half = -(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25)) / math.log(3)
    found = entropy_loss(maps([0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]))
    assert found.item() == pytest.approx((half + 1) / 2)


def test_a_sure_answer_has_none_and_no_gradient_of_nan():
    logits = torch.tensor([[1e4, 0.0, 0.0]]).T[None, :, None].requires_grad_()
    loss = entropy_loss(logits)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.isfinite().all()


def test_descending_makes_the_likelier_class_likelier():
    logits = maps([0.6, 0.4]).requires_grad_()
    entropy_loss(logits).backward()
    assert logits.grad[0, 0] < 0 < logits.grad[0, 1]


def test_clips_and_half_precision_are_taken_as_they_come():
    logits = torch.zeros(2, 3, 5, 4, 4, dtype=torch.float16)
    found = entropy_loss(logits)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(1, abs=1e-6)
