"""What is measured inside of a step."""

import copy

import pytest
import torch

from tests.training.small import CLUSTERED, DOMAIN, NETWORKS, random_batch, small_objective
from vsda.evaluation.metrics import class_iou, confusion_matrix, mean_iou
from vsda.training.measures import batch_mean_iou, gradient_ratio

STILL = NETWORKS["swin_upernet"] | {"drop_path_rate": 0.0}


def measured(model, mu):
    generator = torch.Generator().manual_seed(0)
    model = copy.deepcopy(model)
    return model(random_batch(), strength=mu, generator=generator, measure=True)


def test_gradient_ratio_is_that_of_two_known_gradients():
    features = torch.tensor([1.0, 2.0], requires_grad=True)
    ratio = gradient_ratio((3 * features).sum(), (4 * features).sum(), [features])
    assert float(ratio) == pytest.approx(0.75)


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
@pytest.mark.parametrize("placement", ["patch", "stage1"])
def test_gradient_ratio_grows_with_mu_and_is_0_without(loss, placement):
    model = small_objective(network=STILL, adversarial=loss | {"placement": placement}).train()
    model.network.decoder.dropout.p = 0.0
    none, half, one = (float(measured(model, mu)["gradient_ratio"]) for mu in (0.0, 0.5, 1.0))
    assert none == 0
    assert half > 0
    assert one == pytest.approx(2 * half, rel=1e-4)


def test_measuring_changes_no_gradient():
    found = []
    for measure in (False, True):
        model = small_objective(network=STILL, adversarial=CLUSTERED).eval()
        generator = torch.Generator().manual_seed(0)
        losses = model(random_batch(), strength=1.0, generator=generator, measure=measure)
        losses["loss"].backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert found[0]
    for name, gradient in found[0].items():
        assert torch.equal(gradient, found[1][name]), name


def test_mean_iou_of_a_batch_is_that_of_its_confusion_matrix():
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 8, 8)
    masks = torch.randint(0, 3, (2, 8, 8))  # class 3 is absent
    masks[0, :2] = 255
    predicted = logits.argmax(dim=1)
    confusion = confusion_matrix(masks.byte().numpy().ravel(), predicted.byte().numpy().ravel(), 4)
    expected = mean_iou(class_iou(confusion))
    assert float(batch_mean_iou(logits, masks)) == pytest.approx(expected)


def test_mean_iou_of_a_batch_without_labels_is_not_a_number():
    assert batch_mean_iou(torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), 255)).isnan()
