"""What a network costs: multiply-adds, the figure that papers print as "GFLOPs"."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from vsda.models.network import SegmentationNetwork

_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Multiply-adds of one image, with what they depend on."""

    height_px: int
    width_px: int
    num_classes: int
    encoder: int
    """Patch embedding included; all that an unlabelled frame costs."""
    decoder: int

    @property
    def total(self) -> int:
        """Multiply-adds of a whole prediction."""
        return self.encoder + self.decoder

    @property
    def decoder_share(self) -> float:
        """The decoder's share of the multiply-adds, in [0, 1]."""
        return self.decoder / self.total


def count_multiply_adds(network: SegmentationNetwork, size_px: tuple[int, int]) -> Cost:
    """Return what `network` costs for one image of `size_px`, (height, width); computes nothing.

    Matrix products and convolutions are counted. Additions, norms and resizing are not: they are
    less than half a per cent. One multiply-add is two floating-point operations.
    """
    network = copy.deepcopy(network).to("meta").eval()
    images = torch.empty(1, 3, *size_px, device="meta")
    features, encoder = _count(lambda: network.encode(network.patch_embed(images)))
    _, decoder = _count(lambda: network.decode(features, size_px))
    return Cost(
        height_px=size_px[0],
        width_px=size_px[1],
        num_classes=network.num_classes,
        encoder=encoder,
        decoder=decoder,
    )


def _count(compute: Callable[[], _Result]) -> tuple[_Result, int]:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        result = compute()
    return result, counter.get_total_flops() // 2
