import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vsda.adversarial.discriminators import ConvDiscriminator, FrameDiscriminator

KINDS = [FrameDiscriminator, ConvDiscriminator]


def num_weights(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 3, 5), (1, 1, 1)], ids=str)
def test_each_frame_gets_one_logit(kind, shape):
    num_frames, height, width = shape
    discriminator = kind(6, (height, width))
    assert discriminator(torch.randn(num_frames, height, width, 6)).shape == (num_frames,)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_clips_are_judged_one_by_one(kind):
    discriminator = kind(6, (4, 5)).eval()
    clips = torch.randn(2, 3, 4, 5, 6)
    logits = discriminator(clips)
    assert logits.shape == (2, 3)
    alone = torch.stack([discriminator(frame) for frame in clips.flatten(0, 1)])
    torch.testing.assert_close(logits.flatten(), alone)


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_gives_no_logit_and_a_gradient(kind):
    features = torch.empty(0, 4, 4, 6, requires_grad=True)
    logits = kind(6, (4, 4))(features)
    assert logits.shape == (0,)
    logits.sum().backward()
    assert features.grad.shape == (0, 4, 4, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_permuted_tokens_change_the_logit(kind):
    torch.manual_seed(0)
    discriminator = kind(6, (8, 8)).eval()
    features = torch.randn(2, 64, 6)
    shuffled = features[:, torch.randperm(64)]
    logits, others = (discriminator(each.view(2, 8, 8, 6)) for each in (features, shuffled))
    assert ((logits - others).abs() > 1e-3).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_the_map_reaches_the_logit(kind):
    torch.manual_seed(0)
    features = torch.randn(1, 5, 6, 3, requires_grad=True)
    kind(3, (5, 6)).eval()(features).sum().backward()
    assert features.grad.ne(0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(2, 4, 8, 6), (2, 8, 4, 5), (2, 32, 6)], ids=str)
def test_another_size_is_refused_and_the_right_one_named(kind, shape):
    message = (
        r"expected maps of 8 x 4 tokens with 6 channels, \(\.\.\., 8, 4, 6\), for which it was"
    )
    with pytest.raises(ValueError, match=message):
        kind(6, (8, 4))(torch.ones(shape))


def test_a_transformers_frame_is_one_vector_of_all_its_tokens():
    discriminator = FrameDiscriminator(768, (8, 8))
    assert [type(layer) for layer in discriminator.layers] == [
        nn.Linear,
        nn.LeakyReLU,
        nn.Linear,
        nn.LeakyReLU,
        nn.Linear,
    ]
    assert discriminator.layers[0].in_features == 49_152
    assert discriminator.layers[1].negative_slope == 0.2
    assert discriminator(torch.randn(3, 8, 8, 768)).shape == (3,)
    assert [type(layer) for layer in FrameDiscriminator(2, (3, 3), ()).layers] == [nn.Linear]


def test_logit_of_a_frame_with_hand_set_weights():
    discriminator = FrameDiscriminator(1, (1, 2), (1,))
    with torch.no_grad():
        for parameter, value in zip(
            discriminator.parameters(), ([[1.0, -1.0]], [0.0], [[10.0]], [1.0]), strict=True
        ):
            parameter.copy_(torch.tensor(value))
    # 3 - 1 = 2 -> 2 -> 21;  1 - 3 = -2 -> -0.4 -> -3
    maps = torch.tensor([[3.0, 1.0], [1.0, 3.0]]).view(2, 1, 2, 1)
    torch.testing.assert_close(discriminator(maps), torch.tensor([21.0, -3.0]))


def test_a_networks_convolution_comes_before_linear_dropout_relu_and_classifier():
    discriminator = ConvDiscriminator(8, (4, 4), conv_channels=5, hidden=(7, 3), dropout=0.25)
    assert [type(layer) for layer in discriminator.children()] == [nn.Conv2d, nn.Sequential]
    assert [type(layer) for layer in discriminator.layers] == [
        *[nn.Linear, nn.Dropout, nn.ReLU] * 2,
        nn.Linear,
    ]
    assert discriminator.reduce.out_channels == 5
    assert [layer.out_features for layer in discriminator.layers[::3]] == [7, 3, 1]
    assert discriminator.layers[1].p == 0.25


def test_the_convolution_equals_its_definition():
    torch.manual_seed(0)
    discriminator = ConvDiscriminator(2, (3, 4), conv_channels=1, hidden=(), dropout=0.0)
    features = torch.randn(3, 4, 2)
    padded = nn.functional.pad(features, (0, 0, 1, 1, 1, 1))
    weight, bias = discriminator.reduce.weight[0], discriminator.reduce.bias[0]
    reduced = [
        (padded[row : row + 3, column : column + 3] * weight.permute(1, 2, 0)).sum() + bias
        for row in (0, 2)
        for column in (0, 2)
    ]
    expected = discriminator.layers(torch.stack(reduced))
    torch.testing.assert_close(discriminator(features[None]), expected)


def test_deeplabs_features_are_judged_for_half_a_percent_of_the_network():
    discriminator = ConvDiscriminator(2048, (32, 32))
    with FlopCounterMode(display=False) as counter:
        assert discriminator(torch.randn(3, 32, 32, 2048)).shape == (3,)
    assert counter.get_total_flops() / 2 / 3 == pytest.approx(0.30e9, rel=0.02)
    assert num_weights(discriminator) == pytest.approx(2.2e6, rel=0.02)


def test_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    discriminator = ConvDiscriminator(4, (6, 6))
    features = torch.randn(5, 6, 6, 4)
    assert not torch.equal(discriminator(features), discriminator(features))
    discriminator.eval()
    before = torch.get_rng_state()
    assert torch.equal(discriminator(features), discriminator(features))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_frame_discriminator_draws_nothing():
    discriminator, features = FrameDiscriminator(4, (2, 2)), torch.randn(3, 2, 2, 4)
    before = torch.get_rng_state()
    assert torch.equal(discriminator.train()(features), discriminator.eval()(features))
    assert torch.equal(torch.get_rng_state(), before)
