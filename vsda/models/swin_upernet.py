"""Swin Transformer + UperNet, the network that the reference paper trains most.

The encoder is torchvision's: it pads a map to whole windows and then rolls it, as the authors do.
(timm rolls first, which gives other features wherever a map is not made of whole windows, as at
256 pixels.) One difference is left: on a map of exactly one window, such as the last at 224 pixels,
the authors still shift the window and torchvision does not.

Reference: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
ICCV 2021.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import SwinTransformer

from vsda.errors import UsageError
from vsda.models.network import SegmentationNetwork
from vsda.models.upernet import UperNet, resize

_NORM_EPS = 1e-5


class SwinEncoder(nn.Module):
    """Images -> tokens -> one normalised map per stage; the arguments are those of `SwinUperNet`.

    Below `features` the parameters have torchvision's names; `norm0`, `norm1`... are the norms
    after each stage, which a classifier lacks.
    """

    def __init__(
        self,
        *,
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: int,
        patch_size: int,
        drop_path_rate: float,
    ) -> None:
        super().__init__()
        _check_stages(embed_dim, depths, num_heads)
        self.patch_size = patch_size
        self.widths = tuple(embed_dim * 2**stage for stage in range(len(depths)))
        # Only the features are kept: the classifier behind them would be dead weight.
        self.features: nn.Sequential = SwinTransformer(
            patch_size=[patch_size, patch_size],
            embed_dim=embed_dim,
            depths=list(depths),
            num_heads=list(num_heads),
            window_size=[window_size, window_size],
            stochastic_depth_prob=drop_path_rate,
            num_classes=1,
        ).features
        for stage, width in enumerate(self.widths):
            self.add_module(f"norm{stage}", nn.LayerNorm(width, eps=_NORM_EPS))

    def patch_embed(self, images: Tensor) -> Tensor:
        """Return tokens (N, h, w, C); zeros fill up a side that is not a multiple of the patch."""
        bottom_px, right_px = (-side_px % self.patch_size for side_px in images.shape[-2:])
        if bottom_px or right_px:
            images = functional.pad(images, (0, right_px, 0, bottom_px))
        tokens: Tensor = self.features[0](images)
        return tokens

    def forward(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """Return the maps (N, C_i, h_i, w_i) of all stages, finest first, from (N, h, w, C)."""
        maps = []
        for stage in range(len(self.widths)):
            if stage > 0:
                tokens = self.features[2 * stage](tokens)  # (N, h, w, C) -> (N, h/2, w/2, 2*C)
            tokens = self.features[2 * stage + 1](tokens)
            maps.append(self.get_submodule(f"norm{stage}")(tokens).permute(0, 3, 1, 2))
        return tuple(maps)


class SwinUperNet(SegmentationNetwork):
    """Swin Transformer encoder with a UperNet decoder; the defaults are the paper's Swin-T.

    Images are expected normalised with ImageNet's mean and deviation, as the ADE20k weights are.
    Any height and width will do.

    Args:
        num_classes: K, background included.
        embed_dim: Width of the tokens; doubles from stage to stage.
        depths: Number of blocks of each stage; two stages or more.
        num_heads: Number of attention heads of each stage; divides the stage's width.
        window_size: Side of an attention window, in tokens.
        patch_size: Side of a patch, in pixels.
        drop_path_rate: Chance that the last block of the encoder is skipped for an image while
            training; rises linearly from 0 at the first block. The authors' segmentation value.
        decoder_channels: Width of the decoder.

    Raises:
        UsageError: The stages contradict each other.
    """

    classifier: ClassVar[str] = "decoder.conv_seg"

    def __init__(  # noqa: PLR0913  (these names are the keys of a recipe's model table)
        self,
        *,
        num_classes: int,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
        patch_size: int = 4,
        drop_path_rate: float = 0.3,
        decoder_channels: int = 512,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.embed_dim = embed_dim
        self.encoder = SwinEncoder(
            embed_dim=embed_dim,
            depths=depths,
            num_heads=num_heads,
            window_size=window_size,
            patch_size=patch_size,
            drop_path_rate=drop_path_rate,
        )
        self.feature_channels = self.encoder.widths
        self.decoder = UperNet(self.feature_channels, num_classes, channels=decoder_channels)

    def patch_embed(self, images: Tensor) -> Tensor:
        """Return the tokens (N, h, w, C) of `images`, right after the patch embedding's norm."""
        return self.encoder.patch_embed(images)

    def encode(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """Return the normalised maps (N, C_i, h_i, w_i) of all stages, finest first."""
        features: tuple[Tensor, ...] = self.encoder(tokens)
        return features

    def decode(self, features: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        """Return logits (N, K, H, W), bilinearly upsampled to `size`, (H, W) in pixels."""
        return resize(self.decoder(features), size)


def _check_stages(embed_dim: int, depths: Sequence[int], num_heads: Sequence[int]) -> None:
    if len(depths) < 2 or len(depths) != len(num_heads) or min(depths) < 1:
        raise UsageError(
            f"depths={list(depths)}, num_heads={list(num_heads)}: expected one positive number per"
            " stage in both, for two stages or more"
        )
    for stage, heads in enumerate(num_heads):
        width = embed_dim * 2**stage
        if heads < 1 or width % heads:
            raise UsageError(
                f"num_heads={list(num_heads)}: {heads} heads do not divide the {width} channels of"
                f" stage {stage + 1}; choose divisors of the stages' widths, or another embed_dim"
            )
