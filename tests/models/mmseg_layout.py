"""The layout of mmsegmentation, made from the authors' state one value after the other.

Its patch merging cuts the map with `nn.Unfold`: place 4 * c + 2 * right + down... see `PLACES`.
"""

import torch
from torch import nn

PLACES = {(0, 0): 0, (1, 0): 1, (0, 1): 2, (1, 1): 3}
"""(down, right) of a cell -> where the authors put its channels among the four cells."""

_RENAMED = {
    "backbone.patch_embed.proj.": "backbone.patch_embed.projection.",
    "backbone.layers.": "backbone.stages.",
    ".attn.": ".attn.w_msa.",
    ".mlp.fc1.": ".ffn.layers.0.0.",
    ".mlp.fc2.": ".ffn.layers.1.",
}


def from_authors(state):
    """Return the authors' `state` under mmsegmentation's names, patch merging reordered."""
    return {
        rename(name): in_unfold_order(tensor) if ".downsample." in name else tensor
        for name, tensor in state.items()
    }


def rename(name):
    for theirs, ours in _RENAMED.items():
        name = name.replace(theirs, ours)
    return name


def in_unfold_order(weights):
    """Return (..., 4 * C) weights as mmsegmentation has them: channel by channel."""
    width = weights.shape[-1] // 4
    reordered = torch.empty_like(weights)
    for channel in range(width):
        for (down, right), place in PLACES.items():
            reordered[..., 4 * channel + 2 * down + right] = weights[..., place * width + channel]
    return reordered


class UnfoldMerging(nn.Module):
    """mmsegmentation's patch merging, by its description: unfold 2 x 2, norm, reduce."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, tokens):
        """Return (N, h/2, w/2, 2*C) of `tokens` (N, h, w, C)."""
        height, width = tokens.shape[1:3]
        cells = nn.functional.unfold(tokens.movedim(-1, 1), kernel_size=2, stride=2)
        merged = self.reduction(self.norm(cells.transpose(1, 2)))
        return merged.unflatten(1, (height // 2, width // 2))
