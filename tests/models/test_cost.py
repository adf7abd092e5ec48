"""Multiply-adds against the paper's 60.0 G and against sums by hand."""

import pytest
import torch

from vsda.models.cost import count_multiply_adds
from vsda.models.swin_upernet import SwinUperNet


@pytest.fixture(scope="module")
def swin_t():
    """The paper's network."""
    return SwinUperNet(num_classes=11)


def test_swin_t_costs_what_the_paper_states(swin_t):
    cost = count_multiply_adds(swin_t, (256, 256))
    assert cost.total / 1e9 == pytest.approx(60.0, abs=0.2)
    assert cost.decoder_share == pytest.approx(0.88, abs=0.005)
    assert (cost.height_px, cost.width_px, cost.num_classes) == (256, 256, 11)


def test_a_class_more_costs_one_product_per_channel_and_cell():
    settings = {"embed_dim": 8, "depths": (2, 2), "num_heads": (1, 2), "decoder_channels": 16}
    few, many = (
        count_multiply_adds(SwinUperNet(num_classes=num_classes, **settings), (64, 64))
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
    assert cost.total == cost.encoder + cost.decoder


def test_counting_leaves_the_network_as_it_was(swin_t):
    swin_t.train()
    before = swin_t.decoder.conv_seg.weight.clone()
    count_multiply_adds(swin_t, (64, 64))
    assert swin_t.training
    assert torch.equal(swin_t.decoder.conv_seg.weight, before)
    assert swin_t.decoder.bottleneck.bn.num_batches_tracked == 0
