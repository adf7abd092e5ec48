"""What a network costs: multiply-adds, the figure that papers print as "GFLOPs".

They are counted by letting the network run on PyTorch's meta device, which knows shapes and
computes nothing. Matrix products and convolutions count. Additions, norms and resizing do not: they
are less than half a per cent. One multiply-add is two floating-point operations.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vsda.models.network import SegmentationNetwork

_Result = TypeVar("_Result")
_WHOLE = "Global"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Multiply-adds of one picture or one clip, with what they depend on."""

    height_px: int
    width_px: int
    num_frames: int | None
    """T of a clip; None for a network of single pictures."""
    num_classes: int
    encoder_until: Mapping[str, int]
    """By tap, of the encoder up to it: all that a picture without labels costs."""
    decoder: int
    """Of all frames."""

    @property
    def encoder(self) -> int:
        """Multiply-adds of the whole encoder."""
        return max(self.encoder_until.values())

    @property
    def total(self) -> int:
        """Multiply-adds of a whole prediction."""
        return self.encoder + self.decoder

    @property
    def decoder_share(self) -> float:
        """The decoder's share of the multiply-adds, in [0, 1]."""
        return self.decoder / self.total


def count_multiply_adds(network: SegmentationNetwork, size_px: tuple[int, int]) -> Cost:
    """Return what `network` costs for a picture or clip of `size_px`, (height, width)."""
    network = copy.deepcopy(network).to("meta").eval()
    pictures = meta_pictures(network, size_px)
    until = {
        tap: count(partial(network.encode, pictures, until=tap))[1][_WHOLE] for tap in network.taps
    }
    levels, _ = count(lambda: network.encode(pictures))
    _, decoder = count(lambda: network.decode(levels, size_px))
    return Cost(
        height_px=size_px[0],
        width_px=size_px[1],
        num_frames=network.clip_frames,
        num_classes=network.num_classes,
        encoder_until=until,
        decoder=decoder[_WHOLE],
    )


def count_prediction(network: SegmentationNetwork, size_px: tuple[int, int]) -> int:
    """Return the multiply-adds of a prediction, counted in one piece by calling the network.

    It must lie on the meta device.
    """
    network.eval()
    pictures = meta_pictures(network, size_px)
    return count(lambda: network(pictures))[1][_WHOLE]


def meta_pictures(network: SegmentationNetwork, size_px: tuple[int, int]) -> Tensor:
    """Return (1, 3, H, W), or (1, T, 3, H, W) for a network of clips, without values."""
    clip = () if network.clip_frames is None else (network.clip_frames,)
    return torch.empty(1, *clip, 3, *size_px, device="meta")


def count(compute: Callable[[], _Result]) -> tuple[_Result, dict[str, int]]:
    """Return what `compute` returns, and the multiply-adds of it by module.

    The modules have their names below the one that was called first, which has its class's name;
    `Global` is all there was.
    """
    # Fused attention is taken apart: not every kernel of it is one that the counter knows.
    apart = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), apart, FlopCounterMode(display=False) as counter:
        result = compute()
    by_module = {
        str(name): sum(flops.values()) // 2 for name, flops in counter.get_flop_counts().items()
    }
    return result, {_WHOLE: 0, **by_module}
