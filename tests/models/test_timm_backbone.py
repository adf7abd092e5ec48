"""Making encoders of timm: which names, levels and options there are."""

import re

import pytest
import torch
from torch import nn

from vsda.errors import UsageError
from vsda.models.network import Tap
from vsda.models.timm_backbone import choose_stages
from vsda.models.timm_upernet import TimmUperNet


def make(**settings):
    """Return a network on the encoder that is tried."""
    return TimmUperNet(num_classes=5, decoder_channels=8, **settings)


def refusal(**settings):
    with pytest.raises(UsageError) as caught:
        make(**settings)
    return str(caught.value)


def test_a_plain_transformer_gives_four_evenly_spaced_blocks():
    with torch.device("meta"):
        network = TimmUperNet(num_classes=5, backbone="vit_small_patch16_224")
    assert network.stages == (2, 5, 8, 11)
    assert {tap.stride_px for tap in network.taps.values()} == {16}


def test_of_levels_with_one_stride_the_deepest_is_taken():
    with torch.device("meta"):
        network = TimmUperNet(num_classes=5, backbone="volo_d1_224")
    assert network.stages == (0, 3)  # timm lists the strides 8, 16, 16, 16
    assert [tap.stride_px for tap in network.taps.values()] == [8, 16]


def test_a_level_finer_than_stride_4_is_not_chosen_unasked():
    levels = [Tap(channels=8, stride_px=stride_px) for stride_px in (2, 4, 8)]
    assert choose_stages("three levels", levels, ()) == (1, 2)


@pytest.mark.parametrize("stages", [(1,), (2, 1), (1, 1), (-1, 2), (3, 5)])
def test_stages_that_the_backbone_lacks_are_refused(stages):
    assert refusal(backbone="test_resnet", stages=stages) == (
        f"stages={list(stages)}: expected two or more feature levels of backbone 'test_resnet',"
        " from shallow to deep; it has 0: 32 channels at stride 2, 1: 32 channels at stride 4,"
        " 2: 48 channels at stride 8, 3: 192 channels at stride 16, 4: 96 channels at stride 32"
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("convnxt_tiny", "convnext_tiny"),
        ("convnext_tiny.fb_in1k", "convnext_tiny"),
        ("resnet5o", "resnet50"),
    ],
)
def test_an_unknown_backbone_is_answered_with_the_nearest_names(name, nearest):
    message = refusal(backbone=name)
    assert message.startswith(f"unknown timm backbone {name!r}. Did you mean {nearest!r} or '")
    assert re.search(
        r"Expected one of the \d+ names of timm.list_models\(\), without a tag of weights$", message
    )


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18", "local-dir:/tmp", "qqqqqqqqqqq", ""])
def test_an_address_is_no_backbone(name):
    assert refusal(backbone=name).startswith(f"unknown timm backbone {name!r}. Expected one of")


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("pretrained", "weights come from files, see the recipe's `init`"),
        ("checkpoint_path", "weights come from files, see the recipe's `init`"),
        ("num_classes", "the encoder has no classifier"),
        ("in_chans", "pictures have three channels"),
        ("features_only", "the setting `stages` chooses the levels"),
        ("drop_path_rate", "it is a setting of the network itself"),
    ],
)
def test_options_that_are_not_for_setting_are_refused(option, why):
    message = refusal(backbone="test_resnet", options={option: 1})
    assert message == f"options.{option} is not for setting here: {why}"


@pytest.mark.parametrize("options", [{"pad_typ": "same"}, {"act_layer": "sigmund"}])
def test_options_that_timm_does_not_take_are_refused(options):
    message = refusal(backbone="test_efficientnet", options=options)
    assert message.startswith(
        f"backbone 'test_efficientnet': timm's create_model cannot take options={options} ("
    )
    assert message.endswith("; choose options that this backbone has")


def test_options_reach_the_backbone():
    network = make(backbone="test_efficientnet", options={"bn_eps": 0.125})
    norms = [layer for layer in network.encoder.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {0.125}


def test_the_drop_path_rises_to_its_rate_at_the_last_block():
    network = make(backbone="test_convnext", drop_path_rate=0.4)
    rates = [m.drop_prob for m in network.modules() if type(m).__name__ == "DropPath"]
    assert max(rates) == rates[-1] == pytest.approx(0.4)


def test_a_drop_path_of_zero_is_none_at_all():
    network = make(
        backbone="swin_tiny_patch4_window7_224", options={"embed_dim": 12}
    )  # timm's own default for Swin is 0.1
    assert not [m for m in network.modules() if type(m).__name__ == "DropPath"]


def test_a_drop_path_that_the_backbone_lacks_is_refused():
    assert refusal(backbone="densenet121", drop_path_rate=0.2) == (
        "drop_path_rate=0.2: backbone 'densenet121' has no stochastic depth; set it to 0"
    )


def test_what_follows_the_end_of_a_stage_is_left_out():
    network = make(backbone="mobilenetv1_100", end="blocks.4.0")
    whole = make(backbone="mobilenetv1_100")
    left_out = whole.encoder.state_dict().keys() - network.encoder.state_dict().keys()
    assert {name.rpartition(".")[0].rpartition(".")[0] for name in left_out} == {"blocks.4.1"}
    assert network.taps == whole.taps
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 5, 64, 64)


def test_a_stage_within_may_end_early_too():
    network = make(backbone="test_convnext", end="stages.2.blocks.0")
    whole = make(backbone="test_convnext")
    assert len(network.encoder.stages[2].blocks) < len(whole.encoder.stages[2].blocks)
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 5, 64, 64)


@pytest.mark.parametrize("end", ["blocks.4.7", "blocks.4", "blocks.4.0.conv_dw", "conv_stem"])
def test_an_end_that_is_no_layer_of_a_stage_is_refused(end):
    message = refusal(backbone="mobilenetv1_100", end=end)
    assert message.startswith(
        f"end={end!r}: expected a layer that is one of a row inside of a stage of backbone "
        "'mobilenetv1_100', such as 'blocks.4."
    )
    assert message.endswith("; its stages are blocks.0, blocks.1, blocks.2, blocks.3, blocks.4")
