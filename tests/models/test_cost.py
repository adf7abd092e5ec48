"""Multiply-adds against the paper's 60.1 and 60.0 G and against sums by hand."""

import itertools

import pytest
import torch

from vsda.models.cost import count, count_multiply_adds, count_prediction
from vsda.models.deeplabv3 import DeepLabv3
from vsda.models.swin_upernet import SwinUperNet
from vsda.models.timm_upernet import TimmUperNet
from vsda.models.video_swin_upernet import VideoSwinUperNet

SMALL_SWIN = {"embed_dim": 8, "depths": (2, 2), "num_heads": (1, 2), "decoder_channels": 16}
SMALL = {
    "swin": (SwinUperNet, SMALL_SWIN),
    "video": (VideoSwinUperNet, SMALL_SWIN | {"clip_frames": 3}),
    "cnn": (DeepLabv3, {"depths": (1, 1, 1, 1), "width_per_group": 8, "decoder_channels": 16}),
    "timm": (TimmUperNet, {"backbone": "test_convnext", "decoder_channels": 16}),
}


def bare(model, **settings):
    """Return a network without values, which costs no time to make."""
    with torch.device("meta"):
        return model(num_classes=11, **settings)


@pytest.fixture(scope="module")
def swin_t():
    """The paper's network."""
    return SwinUperNet(num_classes=11)


def test_swin_t_costs_what_the_paper_states(swin_t):
    cost = count_multiply_adds(swin_t, (256, 256))
    assert cost.total / 1e9 == pytest.approx(60.0, abs=0.2)
    assert cost.encoder / 1e9 == pytest.approx(7.4, abs=0.1)
    assert cost.decoder_share == pytest.approx(0.88, abs=0.005)
    assert (cost.height_px, cost.width_px, cost.num_classes) == (256, 256, 11)


def test_deeplabv3_costs_what_the_paper_states():
    cost = count_multiply_adds(bare(DeepLabv3), (256, 256))
    assert cost.total / 1e9 == pytest.approx(60.4, abs=0.2)
    assert cost.num_frames is None


def test_video_swin_t_costs_what_its_backbone_does():
    cost = count_multiply_adds(bare(VideoSwinUperNet), (512, 512))
    assert cost.encoder / 1e9 == pytest.approx(112.7, abs=0.5)
    assert cost.num_frames == 4


def test_every_frame_of_a_clip_is_decoded_by_itself():
    one = count_multiply_adds(bare(SwinUperNet, **SMALL_SWIN), (64, 64))
    clip = count_multiply_adds(bare(VideoSwinUperNet, **SMALL_SWIN, clip_frames=3), (64, 64))
    assert clip.decoder == 3 * one.decoder
    assert clip.encoder_until["patch"] == 3 * one.encoder_until["patch"]


@pytest.mark.parametrize("kind", SMALL)
def test_the_parts_are_the_whole(kind):
    model, settings = SMALL[kind]
    network = bare(model, **settings)
    cost = count_multiply_adds(network, (64, 96))
    assert cost.total == count_prediction(network, (64, 96)) > 0


@pytest.mark.parametrize("kind", SMALL)
def test_a_deeper_tap_costs_more_and_the_last_one_all_of_the_encoder(kind):
    model, settings = SMALL[kind]
    network = bare(model, **settings)
    cost = count_multiply_adds(network, (64, 64))
    assert list(cost.encoder_until) == list(network.taps)
    steps = list(itertools.pairwise(cost.encoder_until.values()))
    assert all(shallow < deep for shallow, deep in steps)
    assert steps[-1][1] == cost.encoder


def test_the_auxiliary_head_costs_nothing_in_a_prediction():
    without, with_head = (
        count_multiply_adds(bare(SwinUperNet, **SMALL_SWIN, auxiliary=auxiliary), (64, 64))
        for auxiliary in (False, True)
    )
    assert with_head == without


def test_a_class_more_costs_one_product_per_channel_and_cell():
    few, many = (
        count_multiply_adds(SwinUperNet(num_classes=num_classes, **SMALL_SWIN), (64, 64))
        for num_classes in (3, 4)
    )
    assert many.decoder - few.decoder == 16 * 16 * 16  # channels, height and width in cells
    assert many.encoder == few.encoder


def test_the_encoder_is_the_sum_worked_out_by_hand():
    network = SwinUperNet(
        num_classes=3, embed_dim=8, depths=(2, 2), num_heads=(1, 2), window_size=4
    )
    patches = 256 * (4 * 4 * 3 * 8)  # tokens, products of each
    merging = 64 * (32 * 16)
    # a block: 12 C^2 for its linear layers and 2 C for each of the 16 tokens of the window
    first = 2 * 256 * (12 * 8 * 8 + 2 * 8 * 16)
    second = 2 * 64 * (12 * 16 * 16 + 2 * 16 * 16)
    cost = count_multiply_adds(network, (64, 64))
    assert cost.encoder == patches + first + merging + second == 1_114_112
    assert cost.encoder_until == {
        "patch": patches,
        "stage1": patches + first,
        "stage2": patches + first + merging + second,
    }


def test_counting_leaves_the_network_as_it_was(swin_t):
    swin_t.train()
    before = swin_t.decoder.conv_seg.weight.clone()
    count_multiply_adds(swin_t, (64, 64))
    assert swin_t.training
    assert torch.equal(swin_t.decoder.conv_seg.weight, before)
    assert swin_t.decoder.bottleneck.bn.num_batches_tracked == 0


def test_fused_attention_counts_as_what_it_is_made_of():
    plain, fused = (
        SwinUperNet(num_classes=3, attention=attention, **SMALL_SWIN).eval()
        for attention in ("plain", "sdpa")
    )
    pictures = torch.zeros(1, 3, 64, 64)
    costs = [
        count(lambda network=network: network(pictures))[1]["Global"] for network in (plain, fused)
    ]
    assert costs[0] == costs[1] > 0
