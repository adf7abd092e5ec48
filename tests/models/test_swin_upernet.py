"""What is special to SwinUperNet: its stages, its padding, its settings."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from vsda.errors import UsageError
from vsda.models.swin_upernet import SwinUperNet

TINY = {"num_classes": 3, "embed_dim": 8, "window_size": 2, "decoder_channels": 8}


@torch.no_grad()
@pytest.mark.parametrize(
    ("depths", "num_heads"),
    [((2, 2), (1, 2)), ((2, 2, 2), (1, 2, 4)), ((2, 2, 6, 2), (1, 2, 4, 8))],
)
def test_two_three_and_four_stages_halve_the_map_and_double_the_width(depths, num_heads):
    network = SwinUperNet(depths=depths, num_heads=num_heads, **TINY).eval()
    patch, *stages = network.encode(torch.randn(1, 3, 64, 32)).values()
    assert patch.normed.shape == (1, 16, 8, 8)
    shapes = [tuple(level.normed.shape) for level in stages]
    assert shapes == [(1, 16 // 2**i, 8 // 2**i, 8 * 2**i) for i in range(len(depths))]


def test_lists_as_a_recipe_gives_them_are_taken():
    taps = SwinUperNet(depths=[2, 2], num_heads=[1, 2], **TINY).taps
    assert {name: (tap.channels, tap.stride_px) for name, tap in taps.items()} == {
        "patch": (8, 4),
        "stage1": (8, 4),
        "stage2": (16, 8),
    }


@torch.no_grad()
def test_an_odd_image_is_filled_up_with_zeros_below_and_to_the_right():
    network = SwinUperNet(depths=(2, 2), num_heads=(1, 2), **TINY).eval()
    images = torch.randn(1, 3, 61, 31)
    tokens = network.encode(images)["patch"].raw
    assert torch.equal(tokens, network.encode(functional.pad(images, (0, 1, 0, 3)))["patch"].raw)


@torch.no_grad()
def test_tokens_are_normalised():
    network = SwinUperNet(depths=(2, 2), num_heads=(1, 2), **TINY)
    # Far from 0, where the norm's epsilon would show.
    tokens = network.encode(10 * torch.randn(2, 3, 64, 64))["patch"].normed
    torch.testing.assert_close(tokens.mean(-1), torch.zeros(2, 16, 16), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        tokens.var(-1, correction=0), torch.ones(2, 16, 16), rtol=1e-3, atol=0
    )


@torch.no_grad()
def test_every_stage_ends_in_a_norm_of_its_own():
    network = SwinUperNet(depths=(2, 2), num_heads=(1, 2), **TINY)
    for level in network.encode(torch.randn(2, 3, 64, 64)).values():
        assert level.normed.mean(-1).abs().max() < 1e-5
        assert not torch.allclose(level.raw, level.normed, atol=1e-3)
    norms = [layer for layer in network.encoder.modules() if isinstance(layer, nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-5}


def test_torchvisions_classifier_is_left_behind():
    names = dict(SwinUperNet(depths=(2, 2), num_heads=(1, 2), **TINY).encoder.named_children())
    assert list(names) == ["features", "norm0", "norm1"]


def test_the_drop_path_rises_to_its_rate_at_the_last_block():
    network = SwinUperNet(depths=(2, 3), num_heads=(1, 2), drop_path_rate=0.4, **TINY)
    rates = [m.p for m in network.modules() if type(m).__name__ == "StochasticDepth"]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("depths", [(2, 2, 2), (2,), (), (2, 0)])
def test_stages_that_do_not_match_their_heads_are_refused(depths):
    with pytest.raises(UsageError, match="expected one positive number per stage in both, for two"):
        SwinUperNet(depths=depths, num_heads=(1, 2)[: max(len(depths), 2)], **TINY)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(UsageError) as caught:
        SwinUperNet(depths=(2, 2), num_heads=(1, 3), **TINY)
    assert str(caught.value) == (
        "num_heads=[1, 3]: 3 heads do not divide the 16 channels of stage 2; choose divisors of the"
        " stages' widths, or another embed_dim"
    )
