import math

import pytest
import torch
from torch.nn import functional

from tests.training.small import random_batch, small_recipe
from vsda.training.build import build_network
from vsda.unlabelled.teacher import pixel_weights, pseudo_labels, self_training_loss

CONFIDENCE = torch.tensor([[[0.9, 0.5], [0.7, 0.6]], [[0.9, 0.9], [0.9, 0.2]]])
ONES = torch.ones(3)


def test_sure_pixels_count_and_others_do_not():
    found = pixel_weights(CONFIDENCE, 0.65, "pixels")
    assert found.tolist() == [[[1, 0], [1, 0]], [[1, 1], [1, 0]]]


def test_all_pixels_of_a_frame_count_as_the_share_of_its_sure_ones():
    found = pixel_weights(CONFIDENCE, 0.65, "share")
    assert found.tolist() == [[[0.5, 0.5], [0.5, 0.5]], [[0.75, 0.75], [0.75, 0.75]]]


def test_a_probability_of_the_threshold_itself_is_not_above_it():
    assert pixel_weights(torch.ones(1, 2, 2), 1.0, "pixels").sum() == 0
    assert pixel_weights(torch.full((1, 2, 2), 0.34), 0.0, "pixels").mean() == 1


def test_loss_worked_by_hand():
    logits = torch.tensor([[0.8, 0.2], [0.5, 0.5], [0.5, 0.5]]).log().T[None, :, None]
    classes = torch.tensor([[[0, 1, 1]]])
    weights = torch.tensor([[[1.0, 0.5, 0.0]]])
    found = self_training_loss(logits, classes, weights, torch.tensor([1.0, 3.0]))
    expected = (1 * -math.log(0.8) + 3 * 0.5 * math.log(2)) / (1 + 3 + 3)
    assert found.item() == pytest.approx(expected)


def test_with_all_pixels_sure_it_is_the_weighted_cross_entropy():
    logits, classes = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    weights = torch.tensor([0.5, 1.0, 2.0])
    found = self_training_loss(logits, classes, torch.ones(2, 4, 4), weights)
    expected = functional.cross_entropy(logits, classes, weight=weights)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_few_sure_pixels_count_little():
    logits, classes = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)
    one = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    found = self_training_loss(logits, classes, one, ONES)
    assert found.item() == pytest.approx(math.log(3) / 4)


def test_a_teacher_without_sure_pixels_gives_0_with_a_graph():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    classes = torch.zeros(1, 2, 2, dtype=torch.int64)
    loss = self_training_loss(logits, classes, torch.zeros(1, 2, 2), ONES)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().max() == 0


def test_pseudo_labels_are_the_networks_answers_and_change_nothing():
    teacher = build_network(small_recipe(), 3).eval()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    frames = random_batch().videos.pictures
    found = pseudo_labels(teacher, frames)
    again = pseudo_labels(teacher, frames)
    assert found.classes.shape == found.confidence.shape == (3, 32, 32)
    assert torch.equal(found.classes, again.classes)
    assert not found.confidence.requires_grad
    assert ((found.confidence >= 1 / 3) & (found.confidence <= 1)).all()
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_a_teacher_in_training_mode_is_refused():
    teacher = build_network(small_recipe(), 3).train()
    with pytest.raises(ValueError, match=r"call its eval\(\)"):
        pseudo_labels(teacher, random_batch().videos.pictures)
