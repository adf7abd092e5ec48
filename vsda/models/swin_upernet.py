"""Swin Transformer + UperNet, the network that the reference paper trains most.

The encoder is torchvision's: it pads a map to whole windows and then rolls it, as the authors do.
(timm rolls first, which gives other features wherever a map is not made of whole windows, as at
256 pixels.) One difference is left: on a map of exactly one window, such as the last at 224 pixels,
the authors still shift the window and torchvision does not.

Reference: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
ICCV 2021.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import SwinTransformer
from torchvision.models.swin_transformer import SwinTransformerBlock

from vsda.errors import UsageError
from vsda.models.network import Level, Levels, Tap, check_tap
from vsda.models.window_attention import Attention, attention_layer
from vsda.models.with_upernet import WithUperNet, stage_widths

NORM_EPS = 1e-5
"""Of the norms after the stages; the authors' value."""


class SwinEncoder(nn.Module):
    """Pictures -> tokens -> one level per stage, for pictures and for clips.

    Below `features` the parameters have the names of torchvision's SwinTransformer; `norm0`,
    `norm1`... are the norms after each stage, which a classifier lacks.

    Args:
        features: The patch embedding (convolution, channels last, norm) and the stages, with a
            patch merging in front of each but the first.
        taps: Those of `swin_taps`.
    """

    def __init__(self, features: nn.Sequential, taps: Mapping[str, Tap]) -> None:
        super().__init__()
        self.features = features
        self.taps = dict(taps)
        self.patch_size = taps["patch"].stride_px
        for stage, width in enumerate(stage_widths(taps)):
            self.add_module(f"norm{stage}", nn.LayerNorm(width, eps=NORM_EPS))

    def forward(self, images: Tensor, until: str | None = None) -> Levels:
        """Return the levels up to the tap `until`.

        Each is (N, h, w, C) of `images` (N, 3, H, W), and (N, T, h, w, C) of (N, 3, T, H, W).
        """
        levels = {"patch": self._patch_embed(images)}
        tokens = levels["patch"].normed
        for stage, name in enumerate(list(self.taps)[1:]):
            if until in levels:
                break
            if stage > 0:
                tokens = self.features[2 * stage](tokens)  # (..., h, w, C) -> (..., h/2, w/2, 2*C)
            tokens = self.features[2 * stage + 1](tokens)
            levels[name] = Level(tokens, self.get_submodule(f"norm{stage}")(tokens))
        return levels

    def _patch_embed(self, images: Tensor) -> Level:
        """Return the first level; zeros fill up a side that is not a multiple of the patch."""
        bottom_px, right_px = (-side_px % self.patch_size for side_px in images.shape[-2:])
        if bottom_px or right_px:
            images = functional.pad(images, (0, right_px, 0, bottom_px))
        embedding = self.features.get_submodule("0")  # convolution, channels last, norm
        raw = embedding.get_submodule("1")(embedding.get_submodule("0")(images))
        return Level(raw, embedding.get_submodule("2")(raw))


class SwinSegmenter(WithUperNet):
    """A Swin encoder, of pictures or of clips, with a UperNet decoder for each frame.

    Args:
        encoder: Gives the levels.
        num_classes: K, background included.
        decoder_channels: Width of the decoder.
        auxiliary: Whether there is a second head, on the last but one stage, to train with.
    """

    def __init__(
        self, encoder: SwinEncoder, *, num_classes: int, decoder_channels: int, auxiliary: bool
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.taps = encoder.taps
        self.add_heads(num_classes, channels=decoder_channels, auxiliary=auxiliary)

    def encode(self, pictures: Tensor, until: str | None = None) -> Levels:
        """Return the levels of `pictures` (N, 3, H, W), each (N, h, w, C), up to `until`."""
        check_tap(self.taps, until)
        levels: Levels = self.encoder(pictures, until)
        return levels


class SwinUperNet(SwinSegmenter):
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
        auxiliary: Whether there is a second head, on the last but one stage, to train with.
        attention: `sdpa` by PyTorch's fused kernel, `plain` as torchvision writes it out.

    Raises:
        UsageError: The stages contradict each other, or there is no such attention.
    """

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
        auxiliary: bool = False,
        attention: Attention = "sdpa",
    ) -> None:
        check_stages(embed_dim, depths, num_heads)
        block = partial(SwinTransformerBlock, attn_layer=attention_layer(attention, of_clips=False))
        # Only the features are kept: the classifier behind them would be dead weight.
        features = SwinTransformer(
            patch_size=[patch_size, patch_size],
            embed_dim=embed_dim,
            depths=list(depths),
            num_heads=list(num_heads),
            window_size=[window_size, window_size],
            stochastic_depth_prob=drop_path_rate,
            num_classes=1,
            block=block,
        ).features
        super().__init__(
            SwinEncoder(features, swin_taps(embed_dim, len(depths), patch_size)),
            num_classes=num_classes,
            decoder_channels=decoder_channels,
            auxiliary=auxiliary,
        )


def swin_taps(embed_dim: int, num_stages: int, patch_size: int) -> dict[str, Tap]:
    """Return the taps of a Swin Transformer: `patch`, then one per stage."""
    stages = {
        f"stage{stage + 1}": Tap(channels=embed_dim * 2**stage, stride_px=patch_size * 2**stage)
        for stage in range(num_stages)
    }
    return {"patch": Tap(channels=embed_dim, stride_px=patch_size)} | stages


def check_stages(embed_dim: int, depths: Sequence[int], num_heads: Sequence[int]) -> None:
    """Raise UsageError unless the stages fit together, see `SwinUperNet`."""
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
