"""DeepLabv3 against torchvision's, its early end and its settings."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.segmentation import deeplabv3_resnet50, deeplabv3_resnet101

from vsda.errors import UsageError
from vsda.models.deeplabv3 import DeepLabv3

SMALL = {"num_classes": 3, "depths": (1, 1, 1, 1), "width_per_group": 8, "decoder_channels": 8}
R50 = {"num_classes": 21, "depths": (3, 4, 6, 3), "auxiliary": True}
PREFIXES = {
    "backbone.": "encoder.",
    "classifier.": "decoder.",
    "aux_classifier.0.": "auxiliary.convs.0.conv.",
    "aux_classifier.1.": "auxiliary.convs.0.bn.",
    "aux_classifier.4.": "auxiliary.conv_seg.",
}
"""The renaming that the docstring of the module states."""


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DeepLabv3(**SMALL).eval()


def torchvisions(create):
    """Return torchvision's network with random weights and batch statistics, ready to predict."""
    torch.manual_seed(0)
    network = create(weights=None, weights_backbone=None, num_classes=21, aux_loss=True)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.2, 0.6)
    return network.eval()


def renamed(state):
    """Return torchvision's state under our names."""
    return {
        ours + name.removeprefix(theirs): tensor
        for name, tensor in state.items()
        for theirs, ours in PREFIXES.items()
        if name.startswith(theirs)
    }


@torch.no_grad()
def assert_same_logits(create, settings, size_px):
    theirs, ours = torchvisions(create), DeepLabv3(**settings).eval()
    ours.load_state_dict(renamed(theirs.state_dict()))
    pictures = torch.randn(1, 3, *size_px)
    expected, levels = theirs(pictures), ours.encode(pictures)
    assert expected["out"].std() > 0.01
    torch.testing.assert_close(ours.decode(levels, size_px), expected["out"], rtol=0, atol=1e-6)
    auxiliary = ours.decode_auxiliary(levels, size_px)
    torch.testing.assert_close(auxiliary, expected["aux"], rtol=0, atol=1e-6)
    assert torch.equal(ours(pictures), ours.decode(levels, size_px))


@pytest.mark.parametrize("size_px", [(64, 64), (50, 71)], ids=str)
def test_torchvisions_weights_give_torchvisions_logits(size_px):
    assert_same_logits(deeplabv3_resnet50, R50, size_px)


@pytest.mark.parametrize(
    "size_px", [(256, 256), pytest.param((250, 270), marks=pytest.mark.slow)], ids=str
)
def test_torchvisions_r101_gives_torchvisions_logits(size_px):
    assert_same_logits(deeplabv3_resnet101, {"num_classes": 21, "auxiliary": True}, size_px)


def test_the_defaults_are_torchvisions_r101_to_the_last_parameter():
    with torch.device("meta"):
        theirs = deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=True)
        ours = DeepLabv3(num_classes=21, auxiliary=True)
    shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in renamed(theirs.state_dict()).items()}
    assert sum(parameter.numel() for parameter in ours.parameters()) == 60_996_202


def test_an_encoded_picture_of_256_px_is_2048_wide_and_32_high():
    with torch.device("meta"):
        network = DeepLabv3(num_classes=11).eval()
        levels = network.encode(torch.empty(1, 3, 256, 256))
    shapes = [tuple(level.normed.shape) for level in levels.values()]
    assert shapes == [(1, 64, 64, 256), (1, 32, 32, 512), (1, 32, 32, 1024), (1, 32, 32, 2048)]


def test_a_picture_of_256_px_costs_60_billion_multiply_adds():
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        DeepLabv3(num_classes=11).eval()(torch.empty(1, 3, 256, 256))
    assert counter.get_total_flops() / 2 == pytest.approx(60.4e9, rel=2e-3)


@torch.no_grad()
@pytest.mark.parametrize("size_px", [(64, 64), (61, 83), (32, 96), (5, 3)], ids=str)
def test_maps_have_the_announced_widths_and_strides(network, size_px):
    levels = network.encode(torch.randn(2, 3, *size_px))
    assert list(levels) == list(network.taps) == ["stage1", "stage2", "stage3", "stage4"]
    for name, level in levels.items():
        tap = network.taps[name]
        assert level.normed.shape == (2, *tap.map_size(size_px), tap.channels)


@torch.no_grad()
def test_a_level_ends_in_a_relu_and_has_no_norm(network):
    for level in network.encode(torch.randn(2, 3, 64, 64)).values():
        assert level.raw is level.normed
        assert level.normed.min() == 0


@torch.no_grad()
@pytest.mark.parametrize("until", ["stage1", "stage2", "stage3", "stage4"])
def test_nothing_behind_the_tap_is_run(network, until):
    pictures = torch.randn(2, 3, 64, 64)
    whole = network.encode(pictures)
    run = []
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda *_, name=name: run.append(name))
    levels = network.encode(pictures, until)
    depth = int(until[-1])
    assert list(levels) == [f"stage{number}" for number in range(1, depth + 1)]
    assert {name.split(".")[1] for name in run} == {
        "conv1",
        *(f"layer{number}" for number in range(1, depth + 1)),
    }
    for name, level in levels.items():
        assert torch.equal(level.normed, whole[name].normed)


def test_another_tap_is_refused(network):
    with pytest.raises(UsageError, match="placement 'patch': this network has stage1, stage2"):
        network.encode(torch.randn(1, 3, 64, 64), "patch")


def test_a_batch_of_one_is_refused_while_training(network):
    with pytest.raises(UsageError) as caught:
        network.train()(torch.randn(1, 3, 64, 64))
    assert str(caught.value) == (
        "DeepLabv3 got a batch of 1 image in training mode, expected at least 2: its batch"
        " normalisation has one value per channel there; raise the batch size, or"
        " call eval() to predict"
    )


def test_a_batch_of_one_works_once_batch_normalisation_is_frozen(network):
    network.train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    assert network(torch.randn(1, 3, 64, 64)).shape == (1, 3, 64, 64)


def test_a_batch_of_one_can_be_encoded_while_training(network):
    levels = network.train().encode(torch.randn(1, 3, 64, 64))
    assert levels["stage4"].normed.shape == (1, 8, 8, 2048)


def test_there_is_no_auxiliary_head_unless_asked_for(network):
    levels = network.encode(torch.randn(1, 3, 64, 64))
    assert network.decode_auxiliary(levels, (64, 64)) is None
    assert not [name for name in network.state_dict() if name.startswith("auxiliary")]


def test_the_encoders_gradient_of_the_auxiliary_loss_ends_at_stage3():
    network = DeepLabv3(**SMALL, auxiliary=True)
    network.decode_auxiliary(network.encode(torch.randn(2, 3, 64, 64)), (64, 64)).sum().backward()
    assert network.encoder.layer3[0].conv1.weight.grad.any()
    assert network.encoder.layer4[0].conv1.weight.grad is None


def test_every_classifier_is_where_the_network_says():
    network = DeepLabv3(**SMALL, auxiliary=True)
    assert [len(network.get_submodule(name).weight) for name in network.classifiers] == [3, 3]


def test_settings_make_it_small(network):
    assert sum(parameter.numel() for parameter in network.parameters()) < 4_000_000
    assert network.encoder.layer1[0].conv1.out_channels == 8
    assert network.decoder[4].in_channels == 8


@pytest.mark.parametrize("depths", [(3, 4, 6), (1, 1, 1, 1, 1), (), (2, 2, 0, 2)])
def test_other_than_four_stages_are_refused(depths):
    with pytest.raises(UsageError) as caught:
        DeepLabv3(num_classes=3, depths=depths)
    assert str(caught.value) == (
        f"depths={list(depths)}: expected four positive numbers, the blocks of each stage of a"
        " ResNet, such as [3, 4, 23, 3]"
    )
