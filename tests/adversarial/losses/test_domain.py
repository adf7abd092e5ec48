import math

import pytest
import torch
from torch import nn

from vsda.adversarial.discriminators import (
    ClipPatchDiscriminator,
    ConvDiscriminator,
    FrameDiscriminator,
    PatchDiscriminator,
    TokenDiscriminator,
)
from vsda.adversarial.losses import DomainLoss


class FirstChannel(nn.Module):
    """Says the token's first channel, so that its losses can be worked by hand."""

    def forward(self, tokens):
        return tokens[..., 0]


def tokens_of(*values):
    return torch.tensor(values)[:, None].requires_grad_()


# -log sigmoid(0) = ln 2, -log sigmoid(ln 3) = ln 4/3, -log (1 - sigmoid(ln 3)) = ln 4
LN3 = math.log(3)


def test_loss_worked_by_hand():
    terms = DomainLoss(FirstChannel())(tokens_of(0.0, LN3), tokens_of(0.0, LN3), strength=1.0)
    source, target = (math.log(2) + math.log(4 / 3)) / 2, (math.log(2) + math.log(4)) / 2
    assert terms.loss.item() == pytest.approx((source + target) / 2)


def test_domains_weigh_the_same_whatever_their_sizes():
    terms = DomainLoss(FirstChannel())(tokens_of(LN3), tokens_of(LN3, LN3, LN3), strength=1.0)
    assert terms.loss.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)


def test_sum_is_the_plain_sum_where_both_streams_have_the_same_size():
    terms = DomainLoss(FirstChannel(), reduction="sum")(
        tokens_of(0.0, LN3), tokens_of(0.0, LN3), strength=1.0
    )
    assert terms.loss.item() == pytest.approx(2 * math.log(2) + math.log(4 / 3) + math.log(4))


def test_sum_is_the_mean_times_the_number_of_tokens():
    source, target = torch.randn(2, 4, 4, 6), torch.randn(3, 4, 4, 6)
    discriminator = TokenDiscriminator(6)
    mean = DomainLoss(discriminator)(source, target, strength=1.0).loss
    total = DomainLoss(discriminator, reduction="sum")(source, target, strength=1.0).loss
    torch.testing.assert_close(total, mean * 5 * 16)


def test_an_image_is_one_and_a_frame_is_zero():
    images, frames = tokens_of(5.0), tokens_of(-5.0)
    loss = DomainLoss(FirstChannel())
    assert loss(images, frames, strength=1.0).loss.item() < 0.01
    assert loss(frames, images, strength=1.0).loss.item() > 4.9


def test_accuracies_count_each_domain_by_itself():
    terms = DomainLoss(FirstChannel())(
        tokens_of(1.0, 1.0, 1.0, -1.0), tokens_of(-1.0, 1.0), strength=1.0
    )
    assert terms.accuracy_source.item() == 0.75
    assert terms.accuracy_target.item() == 0.5
    assert {name: value.item() for name, value in terms.scalars().items()} == {
        "loss_adversarial": pytest.approx(terms.loss.item()),
        "accuracy_source": 0.75,
        "accuracy_target": 0.5,
    }


def test_tokens_get_the_reversed_gradient_by_hand():
    source, target = tokens_of(LN3), tokens_of(LN3)
    DomainLoss(FirstChannel())(source, target, strength=2.0).loss.backward()
    # d loss / d logit = (sigmoid - d) / 2 = -1/8 and 3/8, times -2
    assert source.grad.item() == pytest.approx(0.25)
    assert target.grad.item() == pytest.approx(-0.75)


@pytest.mark.parametrize("strength", [0.0, 0.3, 5.0])
def test_the_discriminators_gradient_does_not_depend_on_the_strength(strength):
    torch.manual_seed(0)
    loss = DomainLoss(TokenDiscriminator(4))
    tokens = torch.randn(2, 3, 3, 4)
    loss(tokens, tokens + 1, strength=1.0).loss.backward()
    expected = [parameter.grad.clone() for parameter in loss.parameters()]
    loss.zero_grad()
    loss(tokens, tokens + 1, strength=strength).loss.backward()
    assert all(
        torch.equal(parameter.grad, grad)
        for parameter, grad in zip(loss.parameters(), expected, strict=True)
    )


def test_identical_domains_are_at_chance():
    torch.manual_seed(0)
    terms = DomainLoss(TokenDiscriminator(96))(
        torch.randn(4, 32, 32, 96), torch.randn(4, 32, 32, 96), strength=1.0
    )
    assert terms.loss.item() == pytest.approx(math.log(2), abs=0.02)
    accuracy = (terms.accuracy_source + terms.accuracy_target) / 2
    assert accuracy.item() == pytest.approx(0.5, abs=0.03)


def test_streams_may_differ_in_batch_and_size():
    terms = DomainLoss(TokenDiscriminator(5))(
        torch.randn(6, 4, 4, 5), torch.randn(1, 3, 7, 5), strength=1.0
    )
    assert terms.loss.isfinite()


@pytest.mark.parametrize(
    "discriminator",
    [
        FrameDiscriminator(3, (12, 12)),
        ConvDiscriminator(3, (12, 12)),
        PatchDiscriminator(3, (4, 4, 4)),
        ClipPatchDiscriminator(3, (4, 4, 4)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_maps_of_images_and_clips_are_told_apart_by_any_discriminator(discriminator):
    features = [torch.randn(2, frames, 12, 12, 3, requires_grad=True) for frames in (1, 4)]
    terms = DomainLoss(discriminator)(*features, strength=1.0)
    terms.loss.backward()
    assert terms.loss.item() == pytest.approx(math.log(2), abs=0.3)
    assert all(each.grad.any() for each in features)


@pytest.mark.parametrize("empty_domain", [0, 1])
def test_a_batch_of_one_domain_gives_zero_with_a_graph(empty_domain):
    batch = [torch.randn(2, 3, 3, 4, requires_grad=True) for _ in range(2)]
    batch[empty_domain] = torch.empty(0, 3, 3, 4, requires_grad=True)
    loss = DomainLoss(TokenDiscriminator(4))
    terms = loss(*batch, strength=1.0)
    terms.loss.backward()
    assert terms.loss.item() == 0.0
    assert not batch[1 - empty_domain].grad.any()
    assert all(not parameter.grad.any() for parameter in loss.parameters())
    assert "loss_adversarial" in terms.scalars()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sum_over_131072_tokens_at_chance_is_finite_in_16_bits(dtype):
    # 131,072 ln 2 = 90,852 does not fit into float16, whose largest number is 65,504.
    tokens = torch.zeros(16, 64, 64, 1, dtype=dtype)
    with torch.autocast("cpu", dtype=dtype):
        terms = DomainLoss(FirstChannel(), reduction="sum")(tokens, tokens, strength=1.0)
    assert terms.loss.dtype == torch.float32
    assert terms.loss.item() == pytest.approx(131_072 * math.log(2), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_131072_tokens_under_autocast_train_with_finite_gradients(dtype, reduction):
    torch.manual_seed(0)
    tokens = torch.randn(2, 16, 64, 64, 8).requires_grad_()
    loss = DomainLoss(TokenDiscriminator(8, (16,)), reduction=reduction)
    with torch.autocast("cpu", dtype=dtype):
        terms = loss(*tokens, strength=1.0)
    terms.loss.backward()
    assert terms.loss.dtype == torch.float32
    scale = 131_072 if reduction == "sum" else 1
    assert terms.loss.item() == pytest.approx(scale * math.log(2), rel=0.1)
    assert tokens.grad.isfinite().all()
    assert tokens.grad.any()
    assert all(each.grad.isfinite().all() for each in loss.parameters())
    assert loss.discriminator.layers[0].weight.grad.any()


def test_double_precision_is_kept():
    tokens = torch.zeros(1, 2, 2, 1, dtype=torch.float64)
    assert DomainLoss(FirstChannel())(tokens, tokens, strength=1.0).loss.dtype == torch.float64


def test_diagnostics_are_detached():
    tokens = torch.randn(1, 2, 2, 3, requires_grad=True)
    terms = DomainLoss(TokenDiscriminator(3))(tokens, tokens, strength=1.0)
    assert terms.loss.requires_grad
    assert not terms.accuracy_source.requires_grad
    assert not terms.accuracy_target.requires_grad


def test_unknown_reduction_is_refused():
    with pytest.raises(
        ValueError, match=r"reduction: got 'max', expected one of \('mean', 'sum'\)"
    ):
        DomainLoss(FirstChannel(), reduction="max")
