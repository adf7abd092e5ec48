"""Video Swin Transformer + UperNet: attention sees a whole clip, the decoder one frame.

The parameters have the names that `SwinUperNet` gives them, so that weights of pictures become
weights of clips without renaming, see `vsda.models.inflate`.

Reference: Liu et al., "Video Swin Transformer", CVPR 2022.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.swin_transformer import SwinTransformerBlock
from torchvision.models.video.swin_transformer import SwinTransformer3d
from torchvision.ops import Permute

from vsda.errors import UsageError
from vsda.models.network import Level, Levels, check_tap
from vsda.models.swin_upernet import SwinEncoder, SwinSegmenter, check_stages, swin_taps
from vsda.models.window_attention import Attention, attention_layer

ImagePadding = Literal["zeros", "none"]
"""What fills up a clip of too few frames: zeros, as in the paper, or nothing."""


class VideoSwinUperNet(SwinSegmenter):
    """Video Swin Transformer encoder with a UperNet decoder; the defaults are the paper's.

    A token is a patch of one frame. Frames are expected normalised with ImageNet's mean and
    deviation. A picture (N, 3, H, W) counts as a clip of one frame and comes back without time.

    A clip of fewer than `clip_frames` frames is filled up at its end or taken as it is, see
    `image_padding`. Attention sees the filling, and the given frames' features change with it;
    levels and logits are those of the given frames. At the tap `patch`, where no frame sees
    another, nothing is filled up.

    Wherever a stage's map is at least a window wide and high, the encoder is torchvision's
    SwinTransformer3d; on smaller maps it is `SwinUperNet`'s, which torchvision's is not.

    Args:
        num_classes: K, background included.
        embed_dim: Width of the tokens; doubles from stage to stage.
        depths: Number of blocks of each stage; two stages or more.
        num_heads: Number of attention heads of each stage; divides the stage's width.
        window_size: Side of an attention window, in tokens.
        window_frames: Frames that an attention window spans; shorter clips have shorter windows.
        patch_size: Side of a patch, in pixels.
        drop_path_rate: Chance that the last block of the encoder is skipped for a clip while
            training; rises linearly from 0 at the first block.
        decoder_channels: Width of the decoder.
        auxiliary: Whether there is a second head, on the last but one stage, to train with.
        clip_frames: T, the most frames of a clip.
        image_padding: `zeros` appends frames of zeros up to `clip_frames`, the paper's way to feed
            images; `none` appends nothing, so that an image gets the features of `SwinUperNet`.
        attention: `sdpa` by PyTorch's fused kernel, `plain` as torchvision writes it out.

    Attributes:
        window: (frames, height, width) of an attention window, in tokens.

    Raises:
        UsageError: The settings contradict each other.
    """

    clip_frames: int

    def __init__(  # noqa: PLR0913  (these names are the keys of a recipe's network table)
        self,
        *,
        num_classes: int,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
        window_frames: int = 4,
        patch_size: int = 4,
        drop_path_rate: float = 0.3,
        decoder_channels: int = 512,
        auxiliary: bool = False,
        clip_frames: int = 4,
        image_padding: ImagePadding = "zeros",
        attention: Attention = "sdpa",
    ) -> None:
        check_stages(embed_dim, depths, num_heads)
        _check_clips(window_frames, clip_frames, image_padding)
        window = (window_frames, window_size, window_size)
        backbone = SwinTransformer3d(
            patch_size=[1, patch_size, patch_size],
            embed_dim=embed_dim,
            depths=list(depths),
            num_heads=list(num_heads),
            window_size=list(window),
            stochastic_depth_prob=drop_path_rate,
            num_classes=1,
            block=partial(_Block, attention=attention_layer(attention, of_clips=True)),
        )
        super().__init__(
            SwinEncoder(_features(backbone), swin_taps(embed_dim, len(depths), patch_size)),
            num_classes=num_classes,
            decoder_channels=decoder_channels,
            auxiliary=auxiliary,
        )
        self.window = window
        self.clip_frames = clip_frames
        self.image_padding = image_padding

    def encode(self, pictures: Tensor, until: str | None = None) -> Levels:
        """Return the levels of clips (N, t, 3, H, W), each (N, t, h, w, C), up to `until`.

        Those of pictures (N, 3, H, W) are (N, h, w, C). Padding is in none of them.

        Raises:
            UsageError: There is no such tap, or the clips have more than `clip_frames` frames.
        """
        check_tap(self.taps, until)
        clips = pictures if pictures.ndim == 5 else pictures.unsqueeze(1)
        # The patch embedding sees one frame at a time: what fills a clip up changes nothing there.
        frames = self._frames(clips, fill_up=self.image_padding == "zeros" and until != "patch")
        levels: Levels = self.encoder(frames, until)
        given = slice(clips.shape[1]) if pictures.ndim == 5 else 0
        return {
            name: Level(level.raw[:, given], level.normed[:, given])
            for name, level in levels.items()
        }

    def _frames(self, clips: Tensor, *, fill_up: bool) -> Tensor:
        """Return `clips` (N, t, 3, H, W) as (N, 3, T, H, W), or (N, 3, t, H, W) not filled up."""
        missing = self.clip_frames - clips.shape[1]
        if not 0 <= missing < self.clip_frames:
            raise UsageError(
                f"clips of {clips.shape[1]} frames: this network takes 1 to {self.clip_frames};"
                " cut them into shorter ones, or raise clip_frames"
            )
        frames = clips.movedim(1, 2)
        if fill_up and missing:
            frames = functional.pad(frames, (0, 0, 0, 0, 0, missing))
        return frames


class _Block(SwinTransformerBlock):  # type: ignore[misc]  # torchvision has no types
    """torchvision's block with the given attention; SwinTransformer3d would name its own."""

    def __init__(self, *sizes: int, attention: type[nn.Module], **settings: Any) -> None:
        super().__init__(*sizes, **settings | {"attn_layer": attention})


def _features(backbone: SwinTransformer3d) -> nn.Sequential:
    """Return the patch embedding and the stages of `backbone`, in the order of `SwinEncoder`."""
    embedding = backbone.patch_embed
    channels_last = Permute([0, 2, 3, 4, 1])
    return nn.Sequential(
        nn.Sequential(embedding.proj, channels_last, embedding.norm), *backbone.features
    )


def _check_clips(window_frames: int, clip_frames: int, image_padding: str) -> None:
    if window_frames < 1 or clip_frames < 1:
        raise UsageError(
            f"window_frames={window_frames}, clip_frames={clip_frames}: expected positive numbers"
        )
    if image_padding not in get_args(ImagePadding):
        known = " or ".join(map(repr, get_args(ImagePadding)))
        raise UsageError(f"image_padding={image_padding!r}: expected {known}")
