"""PatchGAN discriminators: convolutions whose every logit judges one patch of the map.

Four convolutions with kernels of 4 and strides 2, 2, 1, 1, so a logit sees 34 x 34 tokens. There is
no normalisation between them: the discriminator is called once per domain, and statistics of a
batch would tell it the domain, or hide it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vsda.adversarial.discriminators.linear import LEAKY_SLOPE, check_width, to_frames
from vsda.errors import UsageError

STRIDES = (2, 2, 1, 1)
KERNEL = 4
SMALLEST_MAP = 12
"""Tokens along a side of which the four convolutions leave one logit."""

_TIME_KERNEL = 3  # odd, so that a frame is judged with as many frames before it as behind it


class PatchDiscriminator(nn.Module):
    """Four convolutions with leaky ReLUs between them, over each frame by itself.

    Args:
        in_features: Channels C of the map.
        channels: Of the three inner convolutions; the fourth makes the logits.
        slope: Of the leaky ReLU below zero.

    Raises:
        ValueError: There are not three widths.

    Reference:
        Isola et al., "Image-to-image translation with conditional adversarial networks", 2017: its
        PatchGAN of 34 pixels, less the batch normalisation. The method names a PatchGAN of four
        layers for VideoSwin and no more.
    """

    def __init__(
        self,
        in_features: int,
        channels: Sequence[int] = (64, 128, 256),
        slope: float = LEAKY_SLOPE,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, KERNEL, stride=stride, padding=1)
            for before, after, stride in _layers(in_features, channels)
        )
        self.activation = nn.LeakyReLU(slope)

    def forward(self, features: Tensor) -> Tensor:
        """Return a map of logits per frame, positive for "an image".

        Args:
            features: (N, h, w, C), or any (..., h, w, C), with h and w at least 12.

        Returns:
            (N, h // 4 - 2, w // 4 - 2), or (..., h // 4 - 2, w // 4 - 2).

        Raises:
            ValueError: The last dimension is not C.
            UsageError: The map is too small.
        """
        check_width(features, self.in_features)
        check_patch_map(features.shape[-3], features.shape[-2])
        maps = to_frames(features)
        for index, convolution in enumerate(self.convolutions):
            maps = convolution(self.activation(maps) if index else maps)
        return maps.reshape(*features.shape[:-3], *maps.shape[-2:])


class ClipPatchDiscriminator(nn.Module):
    """The same in three dimensions: its kernels also span three frames.

    At a clip's ends the first and the last frame are repeated. A clip of one frame, which is what
    an image is, is thus judged as the still that shows this frame for ever: no logit can tell its
    length, or that frames were added. What such a discriminator can tell is motion from stillness,
    in every layer, and a still has none; whoever wants features alike in looks alone takes
    `PatchDiscriminator`.

    Args:
        in_features: Channels C of the map.
        channels: Of the three inner convolutions; the fourth makes the logits.
        slope: Of the leaky ReLU below zero.

    Raises:
        ValueError: There are not three widths.

    Reference:
        As `PatchDiscriminator`; whether the method's spans frames is not published.
    """

    def __init__(
        self,
        in_features: int,
        channels: Sequence[int] = (64, 128, 256),
        slope: float = LEAKY_SLOPE,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        kernel = (_TIME_KERNEL, KERNEL, KERNEL)
        self.convolutions = nn.ModuleList(
            nn.Conv3d(before, after, kernel, stride=(1, stride, stride), padding=(0, 1, 1))
            for before, after, stride in _layers(in_features, channels)
        )
        self.activation = nn.LeakyReLU(slope)

    def forward(self, features: Tensor) -> Tensor:
        """Return a map of logits per frame, positive for "an image".

        Args:
            features: (N, T, h, w, C) with h and w at least 12 and any T, 1 for images.

        Returns:
            (N, T, h // 4 - 2, w // 4 - 2).

        Raises:
            ValueError: The last dimension is not C, or there is no dimension of time.
            UsageError: The map is too small.
        """
        check_width(features, self.in_features)
        if features.dim() != 5:
            raise ValueError(
                f"ClipPatchDiscriminator: got features of shape {tuple(features.shape)}, expected "
                "(N, T, h, w, C); give images as clips of one frame"
            )
        check_patch_map(features.shape[2], features.shape[3])
        maps = features.permute(0, 4, 1, 2, 3)
        for index, convolution in enumerate(self.convolutions):
            maps = convolution(_ends_repeated(self.activation(maps) if index else maps))
        return maps[:, 0]


def check_patch_map(height: int, width: int) -> None:
    """Raise UsageError if a map of so many tokens is too small for four convolutions."""
    if min(height, width) < SMALLEST_MAP:
        raise UsageError(
            f"adversarial.discriminator: a PatchGAN got maps of {height} x {width} tokens, "
            f"expected at least {SMALLEST_MAP} x {SMALLEST_MAP}; choose a shallower "
            "adversarial.placement or a larger size_px, or set adversarial.discriminator to "
            '"linear" or "conv"'
        )


def _layers(in_features: int, channels: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return the channels before and after each convolution and its stride."""
    if len(channels) != len(STRIDES) - 1:
        raise ValueError(
            f"channels: got {tuple(channels)}, expected {len(STRIDES) - 1} widths for a PatchGAN "
            "of four layers"
        )
    return list(zip((in_features, *channels), (*channels, 1), STRIDES, strict=True))


def _ends_repeated(maps: Tensor) -> Tensor:
    # Not functional.pad: the gradient of its replication is not deterministic on CUDA.
    return torch.cat((maps[:, :, :1], maps, maps[:, :, -1:]), dim=2)
