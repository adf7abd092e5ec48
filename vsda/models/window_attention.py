"""Attention in shifted windows, for pictures and clips, by PyTorch's fused kernel.

torchvision writes out softmax(q k^T + bias + mask) v, and so keeps maps of tokens times tokens for
each head and window. Here `scaled_dot_product_attention` is given bias and mask as one sum, and
kernels that keep no map can do it: a GPU's, and the CPU's where nothing is trained. Parameters,
their names, padding, rolling and, up to rounding, values are torchvision's.

Reference: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
ICCV 2021, and "Video Swin Transformer", CVPR 2022.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.swin_transformer import ShiftedWindowAttention
from torchvision.models.video.swin_transformer import ShiftedWindowAttention3d

from vsda.errors import UsageError

Attention = Literal["sdpa", "plain"]
"""`sdpa`: this file's. `plain`: torchvision's, bit for bit."""

Size = tuple[int, int, int]
"""Frames, rows and columns, in tokens."""

_MASKED = -100.0
"""What the authors add between tokens that only the rolling has made neighbours."""


class WindowAttention(ShiftedWindowAttention):  # type: ignore[misc]  # torchvision has no types
    """torchvision's ShiftedWindowAttention, without dropout."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens (N, h, w, C) after attention."""
        window, shift = (1, *self.window_size), (0, *self.shift_size)
        return attend_in_windows(self, tokens.unsqueeze(1), window, shift).squeeze(1)


class WindowAttention3d(ShiftedWindowAttention3d):  # type: ignore[misc]  # torchvision has no types
    """torchvision's ShiftedWindowAttention3d, without dropout, in windows that shrink in time only.

    A map narrower or lower than a window is filled up, see `PlainAttention3d`.
    """

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens (N, T, h, w, C) after attention."""
        return attend_in_windows(self, tokens, self.window_size, self.shift_size)


class PlainAttention3d(ShiftedWindowAttention3d):  # type: ignore[misc]  # torchvision has no types
    """torchvision's attention in windows that shrink along time only.

    torchvision's shrink to a map narrower or lower than they are, too, and then take the first
    rows of the position index, which belong to the full window. Here such a map is filled up with
    zeros, as torchvision does for pictures.
    """

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens (N, T, h, w, C) after attention."""
        height, width = tokens.shape[2:4]
        _, bottom, right = (
            max(0, window - side)
            for window, side in zip(self.window_size, tokens.shape[1:4], strict=True)
        )
        if bottom or right:
            tokens = functional.pad(tokens, (0, 0, 0, right, 0, bottom))
        attended: Tensor = super().forward(tokens)
        return attended[:, :, :height, :width]


_OF_PICTURES: dict[Attention, type[nn.Module]] = {
    "sdpa": WindowAttention,
    "plain": ShiftedWindowAttention,
}
_OF_CLIPS: dict[Attention, type[nn.Module]] = {
    "sdpa": WindowAttention3d,
    "plain": PlainAttention3d,
}


def attention_layer(attention: Attention, *, of_clips: bool) -> type[nn.Module]:
    """Return the layer that `attention` names.

    Raises:
        UsageError: There is no such attention.
    """
    layers = _OF_CLIPS if of_clips else _OF_PICTURES
    if attention not in layers:
        known = " or ".join(map(repr, get_args(Attention)))
        raise UsageError(f"attention={attention!r}: expected {known}")
    return layers[attention]


def attend_in_windows(
    layer: Any, tokens: Tensor, window_size: Sequence[int], shift_size: Sequence[int]
) -> Tensor:
    """Return `tokens` (N, T, h, w, C) after attention inside windows of `window_size`.

    A clip shorter than a window has a shorter window; a map that is not made of whole windows is
    filled up with zeros. There is no shift along an axis that has one window.

    Args:
        layer: With torchvision's parameters: `qkv`, `proj`, `num_heads` and the position table.
        tokens: Of clips; a picture is a clip of one frame.
        window_size: In tokens, (frames, rows, columns).
        shift_size: How far the map is rolled, as `window_size`.
    """
    sides = tokens.shape[1:4]
    window = (min(window_size[0], sides[0]), window_size[1], window_size[2])
    shift = [
        0 if side <= extent else by
        for side, extent, by in zip(sides, window, shift_size, strict=True)
    ]
    ahead, below, right = (-side % extent for side, extent in zip(sides, window, strict=True))
    filled = tokens
    if ahead or below or right:
        filled = functional.pad(tokens, (0, 0, 0, right, 0, below, 0, ahead))
    if any(shift):
        filled = torch.roll(filled, [-by for by in shift], (1, 2, 3))
    size = (filled.shape[1], filled.shape[2], filled.shape[3])

    windows = _cut(filled, window)
    bias = _position_bias(layer, windows.shape[2])
    if any(shift):
        bias = bias + _shift_mask(size, window, shift, bias).unsqueeze(1)
    joined = _join(_attend(layer, windows, bias), size, window)

    if any(shift):
        joined = torch.roll(joined, shift, (1, 2, 3))
    return joined[:, : sides[0], : sides[1], : sides[2]].contiguous()


def _attend(layer: Any, windows: Tensor, bias: Tensor) -> Tensor:
    """Return the tokens of `windows` (N, windows, tokens, C) after attention inside each.

    Args:
        layer: See `attend_in_windows`.
        windows: In the order of the map.
        bias: (windows, heads, tokens, tokens), or (1, heads, tokens, tokens) for all alike.
    """
    num_maps, num_windows, num_tokens, channels = windows.shape
    shape = (num_maps, num_windows, num_tokens, 3, layer.num_heads, channels // layer.num_heads)
    heads = layer.qkv(windows).view(shape).permute(3, 0, 1, 4, 2, 5)
    # The kernels take one batch axis and one axis of heads: windows with a bias each are heads.
    query, key, value = heads.reshape(
        3, -1, bias.shape[0] * layer.num_heads, num_tokens, shape[-1]
    ).unbind()
    attended = _weighted(query, key, value, bias.reshape(1, -1, num_tokens, num_tokens))
    of_windows = attended.view(num_maps, num_windows, layer.num_heads, num_tokens, shape[-1])
    projected: Tensor = layer.proj(of_windows.transpose(2, 3).reshape(windows.shape))
    return projected


def _weighted(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Return softmax(q k^T / sqrt(channels) + bias) v; all (batch, heads, tokens, ...)."""
    if bias.requires_grad and bias.device.type == "cpu":
        # No kernel of the CPU has a gradient of the bias, and what PyTorch puts in its place passes
        # over the map more often than this.
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        scores += bias
        attended: Tensor = scores.softmax(-1) @ value
        return attended
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def _position_bias(layer: Any, num_tokens: int) -> Tensor:
    """Return (1, heads, tokens, tokens) of windows with the first `num_tokens` tokens each."""
    index = layer.relative_position_index
    full = round(index.numel() ** 0.5)
    index = index.view(full, full)[:num_tokens, :num_tokens]
    bias: Tensor = layer.relative_position_bias_table[index]
    return bias.movedim(-1, 0).unsqueeze(0)


def _shift_mask(size: Size, window: Size, shift: Sequence[int], like: Tensor) -> Tensor:
    """Return (windows, tokens, tokens): 0, or `_MASKED` between tokens that are no neighbours.

    Rolling brings the map's first rows behind its last ones, into one window with them.
    """
    frames, rows, columns = (
        _regions(*axis, like.device) for axis in zip(size, window, shift, strict=True)
    )
    regions = frames[:, None, None] * 9 + rows[:, None] * 3 + columns
    of_tokens = _cut(regions[None, ..., None], window)[0, ..., 0]
    differ = of_tokens.unsqueeze(1) != of_tokens.unsqueeze(2)
    return torch.zeros_like(differ, dtype=like.dtype).masked_fill_(differ, _MASKED)


def _regions(side: int, extent: int, shift: int, device: torch.device) -> Tensor:
    """Return (side,): 0 before the last window, 1 in it, and 2 where it was rolled in."""
    place = torch.arange(side, device=device)
    if not shift:
        return torch.zeros_like(place)
    return (place >= side - extent).long() + (place >= side - shift).long()


def _cut(tokens: Tensor, window: Size) -> Tensor:
    """Return the map (N, T, h, w, C) as its windows (N, windows, tokens, C)."""
    num_maps, *sides, channels = tokens.shape
    frames, rows, columns = (
        (side // extent, extent) for side, extent in zip(sides, window, strict=True)
    )
    cut = tokens.reshape(num_maps, *frames, *rows, *columns, channels)
    cut = cut.permute(0, 1, 3, 5, 2, 4, 6, 7)
    return cut.reshape(num_maps, -1, window[0] * window[1] * window[2], channels)


def _join(windows: Tensor, size: Size, window: Size) -> Tensor:
    """Return the windows (N, windows, tokens, C) as the map of `size` (N, T, h, w, C)."""
    num_maps, _, _, channels = windows.shape
    counts = (side // extent for side, extent in zip(size, window, strict=True))
    joined = windows.view(num_maps, *counts, *window, channels)
    return joined.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(num_maps, *size, channels)
