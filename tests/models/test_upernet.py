"""UperNet's sums by hand, its corner rule and its dropout."""

import pytest
import torch
from torch import nn

from vsda.errors import UsageError
from vsda.models.upernet import UperNet, resize


def unit_decoder(num_levels):
    """Return a decoder one channel wide whose convolutions add up the cells they stand on."""
    decoder = UperNet([1] * num_levels, 1, channels=1).eval()
    for layer in decoder.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
            centre = layer.kernel_size[0] // 2
            with torch.no_grad():
                layer.weight[:, :, centre, centre] = 1
    nn.init.constant_(decoder.conv_seg.bias, 0.5)
    return decoder


def constant_maps(*values):
    """Return one constant map per value, each half as wide as the one before."""
    sides = [2 ** (len(values) - index) for index in range(len(values))]
    pairs = zip(values, sides, strict=True)
    return [torch.full((1, 1, side, side), float(value)) for value, side in pairs]


@torch.no_grad()
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # pooled: 3 + four averages of 3 = 15; top-down: 2 + 15 = 17; all levels: 17 + 15, + bias
        ((2, 3), 32.5),
        # pooled: 15; top-down: 2 + 15 = 17 and 1 + 17 = 18; all levels: 18 + 17 + 15, + bias
        ((1, 2, 3), 50.5),
        # pooled: 20; top-down: 23, 25, 26; all levels: 26 + 25 + 23 + 20, + bias
        ((1, 2, 3, 4), 94.5),
    ],
)
def test_constant_maps_give_the_sum_worked_out_by_hand(values, expected):
    logits = unit_decoder(len(values))(constant_maps(*values))
    torch.testing.assert_close(logits, torch.full_like(logits, expected), rtol=1e-4, atol=0)
    assert logits.shape == (1, 1, 2 ** len(values), 2 ** len(values))


def test_resizing_does_not_align_the_corners():
    row = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert resize(row, (1, 4)).flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


@torch.no_grad()
def test_the_decoder_does_not_align_the_corners_inside():
    decoder = unit_decoder(2)
    coarse = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(1, 1, 2, 2)
    coarse_only = decoder.bottleneck(
        torch.cat([coarse, *(resize(pool(coarse), (2, 2)) for pool in decoder.psp_modules)], dim=1)
    )
    logits = decoder([torch.zeros(1, 1, 4, 4), coarse])
    left, right = coarse_only[0, 0, 0].tolist()
    quarter = 2 * (0.75 * left + 0.25 * right) + 0.5  # once from above, once as its own level
    assert logits[0, 0, 0, 1].item() == pytest.approx(quarter, rel=1e-4)


def test_channels_are_dropped_in_training_only():
    torch.manual_seed(0)
    decoder = UperNet([4, 4], 3, channels=64)
    maps = [torch.randn(2, 4, 8, 8), torch.randn(2, 4, 4, 4)]
    assert decoder.dropout.p == 0.1
    assert not torch.equal(decoder(maps), decoder(maps))
    decoder.eval()
    assert torch.equal(decoder(maps), decoder(maps))


def test_one_input_level_is_refused():
    with pytest.raises(ValueError, match=r"got 1 input level\(s\), expected at least 2"):
        UperNet([8], 3)


def test_a_missing_level_is_refused():
    with pytest.raises(ValueError, match="shorter than"):
        UperNet([1, 1, 1], 2, channels=1).eval()(constant_maps(1, 2))


def test_a_batch_of_one_works_once_batch_normalisation_is_frozen():
    decoder = UperNet([1, 1], 2, channels=4).train()
    with pytest.raises(UsageError, match="raise the batch size, or call eval"):
        decoder(constant_maps(1, 2))
    for layer in decoder.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    assert decoder(constant_maps(1, 2)).shape == (1, 2, 4, 4)
