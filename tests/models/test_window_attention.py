"""Fused attention against torchvision's, layer by layer: values, gradients, names, kernels."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.models.video.swin_transformer import _compute_attention_mask_3d

from vsda.errors import UsageError
from vsda.models.swin_upernet import SwinUperNet
from vsda.models.video_swin_upernet import VideoSwinUperNet
from vsda.models.window_attention import _shift_mask, attention_layer
from vsda.training.repeatable import repeatable

CHANNELS, HEADS = 12, 3
OF_256_320_448_512_PX = [(64, 64), (80, 80), (112, 112), (128, 128)]
"""Stage 1's maps of windows of 7: the third alone is made of whole windows."""
MAPS = [*OF_256_320_448_512_PX, (7, 7), (14, 14), (15, 21), (16, 5), (5, 16), (3, 2), (1, 1)]
CLIPS = [(frames, *sides) for frames in (1, 2, 3, 4) for sides in ((16, 21), (9, 5), (4, 3))]
LONG_CLIPS = [(5, 9, 11), (6, 8, 8), (8, 4, 9)]
"""Longer than the window of 4 frames, which then shifts over time, too."""
SHIFTS = [False, True]


class Recorded(TorchDispatchMode):
    """Remembers the names of the operators that are run inside."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.name())
        return func(*args, **(kwargs or {}))


def pair(num_frames, *, shifted, dtype):
    """Return torchvision's layer and ours with the same weights, of clips if there are frames."""
    window = [7, 7] if num_frames is None else [4, 7, 7]
    shift = [side // 2 if shifted else 0 for side in window]
    torch.manual_seed(0)
    plain, ours = (
        attention_layer(name, of_clips=num_frames is not None)(CHANNELS, window, shift, HEADS)
        for name in ("plain", "sdpa")
    )
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.normal_(std=0.5)
    ours.load_state_dict(plain.state_dict())
    return plain.to(dtype), ours.to(dtype)


def tokens(*sides, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, *sides, CHANNELS, generator=generator, dtype=dtype)


def value_and_gradients(layer, batch):
    batch = batch.clone().requires_grad_()
    layer.zero_grad()
    value = layer.train()(batch)
    (
        value * torch.linspace(-1, 1, value.numel(), dtype=value.dtype).view(value.shape)
    ).sum().backward()
    gradients = {name: parameter.grad for name, parameter in layer.named_parameters()}
    return {"value": value.detach(), "input": batch.grad, **gradients}


def assert_equal(found, expected, tolerance):
    """Compare relative to the greatest number: single ones may be differences of large ones."""
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        atol = tolerance * wanted.abs().max().item()
        torch.testing.assert_close(
            found[name], wanted, rtol=0, atol=atol, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("shifted", SHIFTS)
@pytest.mark.parametrize("sides", MAPS, ids=str)
def test_pictures_get_torchvisions_values_and_gradients_to_twelve_digits(sides, shifted):
    plain, ours = pair(None, shifted=shifted, dtype=torch.float64)
    batch = tokens(*sides)
    assert_equal(value_and_gradients(ours, batch), value_and_gradients(plain, batch), 1e-12)


@pytest.mark.parametrize("shifted", SHIFTS)
@pytest.mark.parametrize("sides", [*CLIPS, *LONG_CLIPS], ids=str)
def test_clips_get_torchvisions_values_and_gradients_to_twelve_digits(sides, shifted):
    plain, ours = pair(sides[0], shifted=shifted, dtype=torch.float64)
    batch = tokens(*sides)
    assert_equal(value_and_gradients(ours, batch), value_and_gradients(plain, batch), 1e-12)


@pytest.mark.parametrize("sides", [(64, 64), (16, 5), (4, 16, 21), (3, 9, 5)], ids=str)
def test_in_32_bits_they_differ_by_rounding(sides):
    num_frames = sides[0] if len(sides) == 3 else None
    plain, ours = pair(num_frames, shifted=True, dtype=torch.float32)
    batch = tokens(*sides, dtype=torch.float32)
    assert_equal(value_and_gradients(ours, batch), value_and_gradients(plain, batch), 1e-6)


@torch.no_grad()
@pytest.mark.parametrize("shifted", SHIFTS)
@pytest.mark.parametrize("sides", [(16, 21), (3, 2), (4, 16, 21), (2, 9, 5)], ids=str)
def test_a_prediction_runs_the_fused_kernel_and_gives_the_same(sides, shifted):
    num_frames = sides[0] if len(sides) == 3 else None
    plain, ours = pair(num_frames, shifted=shifted, dtype=torch.float64)
    batch = tokens(*sides)
    with Recorded() as recorded:
        found = ours(batch)
    assert "aten::_scaled_dot_product_flash_attention_for_cpu" in recorded.names
    assert "aten::_softmax" not in recorded.names
    assert_equal({"value": found}, {"value": plain(batch)}, 1e-12)


@pytest.mark.parametrize(
    ("size", "window", "shift"),
    [
        ((1, 14, 21), (1, 7, 7), [0, 3, 3]),
        ((4, 8, 12), (4, 4, 4), [0, 2, 2]),
        ((8, 4, 12), (4, 4, 4), [2, 0, 2]),
        ((6, 6, 9), (2, 3, 3), [1, 1, 1]),
    ],
)
def test_the_mask_is_torchvisions(size, window, shift):
    like = torch.zeros(1)
    expected = _compute_attention_mask_3d(like, size, window, shift)
    assert torch.equal(_shift_mask(size, window, shift, like), expected)


@pytest.mark.parametrize("network_class", [SwinUperNet, VideoSwinUperNet])
def test_both_attentions_have_the_same_state(network_class):
    small = {"embed_dim": 16, "depths": (2, 2), "num_heads": (1, 2), "decoder_channels": 8}
    plain, ours = (
        network_class(num_classes=3, attention=name, **small).state_dict()
        for name in ("plain", "sdpa")
    )
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in (plain, ours)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("sides", [(30, 30), (4, 16, 16)], ids=str)
def test_gradients_repeat_bit_for_bit(sides):
    num_frames = sides[0] if len(sides) == 3 else None
    _, ours = pair(num_frames, shifted=True, dtype=torch.float32)
    batch = tokens(*sides, dtype=torch.float32)
    with repeatable(torch.device("cpu")):
        first, second = (value_and_gradients(ours, batch) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("sides", [(16, 21), (4, 16, 21)], ids=str)
@pytest.mark.parametrize("is_training", [True, False])
def test_in_bf16_it_is_as_near_as_torchvisions(sides, is_training):
    num_frames = sides[0] if len(sides) == 3 else None
    plain, ours = pair(num_frames, shifted=True, dtype=torch.float32)
    batch = tokens(*sides, dtype=torch.float32)
    exact = plain(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.set_grad_enabled(is_training):
        errors = [(layer(batch).float() - exact).abs().mean() for layer in (ours, plain)]
    assert 0 < errors[0] < 2 * errors[1]


@pytest.mark.parametrize("network_class", [SwinUperNet, VideoSwinUperNet])
def test_an_unknown_attention_is_refused(network_class):
    with pytest.raises(UsageError) as caught:
        network_class(num_classes=3, attention="flash")
    assert str(caught.value) == "attention='flash': expected 'sdpa' or 'plain'"
