"""UperNet, the decoder: pyramid pooling on the coarsest map, then a feature pyramid over all maps.

The parameters have the names that they have in the files of the Swin Transformer's authors (there
below `decode_head.`), and the same weights give the same logits.

Reference: Xiao et al., "Unified Perceptual Parsing for Scene Understanding", ECCV 2018.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsda.models.batch_norm import check_batch

POOL_SIZES = (1, 2, 3, 6)
"""Side lengths, in cells, of the maps that the pyramid pooling makes."""


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `maps` (N, C, h, w) bilinearly resized to `size`, with the pixel corners not aligned.

    Weights trained with one corner rule give other logits under the other.
    """
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


class UperNet(nn.Module):
    """Feature maps of an encoder -> logits at the size of the finest map.

    Args:
        in_channels: Widths of the encoder's maps, finest first; at least two.
        num_classes: K, background included.
        channels: Width of every map inside the decoder.
        dropout: Share of channels dropped before the classifier while training.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        *,
        channels: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(in_channels) < 2:
            raise ValueError(f"UperNet got {len(in_channels)} input level(s), expected at least 2")
        *finer, coarsest = in_channels
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(side), conv_block(coarsest, channels, 1))
            for side in POOL_SIZES
        )
        self.bottleneck = conv_block(coarsest + len(POOL_SIZES) * channels, channels, 3)
        self.lateral_convs = nn.ModuleList(conv_block(width, channels, 1) for width in finer)
        self.fpn_convs = nn.ModuleList(conv_block(channels, channels, 3) for _ in finer)
        self.fpn_bottleneck = conv_block(len(in_channels) * channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = nn.Conv2d(channels, num_classes, kernel_size=1)
        nn.init.normal_(self.conv_seg.weight, std=0.01)
        nn.init.zeros_(_bias(self.conv_seg))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return logits (N, K, h, w) of the first map's size from maps (N, C_i, h_i, w_i).

        Raises:
            UsageError: A batch of one while batch normalisation is training.
        """
        *finer, coarsest = self._top_down(features)
        maps = [conv(level) for conv, level in zip(self.fpn_convs, finer, strict=True)]
        height, width = maps[0].shape[-2:]
        coarser = [resize(level, (height, width)) for level in [*maps[1:], coarsest]]
        fused = self.fpn_bottleneck(torch.cat([maps[0], *coarser], dim=1))
        logits: Tensor = self.conv_seg(self.dropout(fused))
        return logits

    def _top_down(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the maps at the decoder's width, each with all coarser ones added."""
        *finer, coarsest = features
        levels = [self._pool(coarsest)]
        laterals = [conv(level) for conv, level in zip(self.lateral_convs, finer, strict=True)]
        for lateral in reversed(laterals):
            height, width = lateral.shape[-2:]
            levels.insert(0, lateral + resize(levels[0], (height, width)))
        return levels

    def _pool(self, coarsest: Tensor) -> Tensor:
        """Return the coarsest map, joined with its averages over regions of four sizes."""
        check_batch(self.psp_modules, coarsest.shape[0], "UperNet")
        height, width = coarsest.shape[-2:]
        pooled = [resize(pool(coarsest), (height, width)) for pool in self.psp_modules]
        joined: Tensor = self.bottleneck(torch.cat([coarsest, *pooled], dim=1))
        return joined


def conv_block(in_channels: int, out_channels: int, kernel_px: int) -> nn.Sequential:
    """Return convolution, batch norm and ReLU, named `conv`, `bn` and `act`."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_px, padding=kernel_px // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    layers = OrderedDict(conv=conv, bn=nn.BatchNorm2d(out_channels), act=nn.ReLU(inplace=True))
    return nn.Sequential(layers)


def _bias(layer: nn.Conv2d) -> Tensor:
    if layer.bias is None:
        raise ValueError(f"{layer} has no bias")
    return layer.bias
