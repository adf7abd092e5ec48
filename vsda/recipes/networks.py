"""The networks of pipelines/train/*.toml: which keys the table has depends on its `name`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from vsda.recipes.load import Settings
from vsda.recipes.numbers import Depths, Level, Share, Small, Width


class SwinSettings(Settings):
    """What the Swin networks share; sizes default to Swin-T + UperNet."""

    embed_dim: Width = 96
    """Channels right after the patch embedding."""
    depths: Depths = (2, 2, 6, 2)
    num_heads: Depths = (3, 6, 12, 24)
    window_size: Small = 7
    """Attention window, in tokens."""
    patch_size: Small = 4
    """Side of a patch, in pixels."""
    drop_path_rate: Share = 0.3
    """Stochastic depth of the last block; Swin-T on ADE20k was trained with 0.3."""
    decoder_channels: Width = 512
    auxiliary: bool = False
    """A second, small head on the last but one stage; see `auxiliary_weight` of the recipe."""
    attention: Literal["sdpa", "plain"] = "sdpa"
    """`sdpa`: by PyTorch's fused kernels, where the device has one. `plain`: written out, as in
    torchvision; the same up to rounding."""

    @model_validator(mode="after")
    def _stages_agree(self) -> Self:
        if len(self.depths) != len(self.num_heads):
            raise ValueError(
                f"depths has {len(self.depths)} stages and num_heads {len(self.num_heads)}"
            )
        return self


class SwinUperNetSettings(SwinSettings):
    """Swin Transformer + UperNet."""

    name: Literal["swin_upernet"] = "swin_upernet"


class VideoSwinUperNetSettings(SwinSettings):
    """Video Swin Transformer + UperNet on each frame."""

    name: Literal["video_swin_upernet"] = "video_swin_upernet"
    window_frames: Small = 4
    """Frames that an attention window spans."""
    clip_frames: Small = 4
    """Frames of a clip."""
    image_padding: Literal["zeros", "none"] = "zeros"
    """How an image becomes a clip. `zeros` is the paper's: the other frames are black, of the mean
    colour to be exact, and attention sees them; no loss does. `none` takes the image as a clip of
    one frame, which is what attention that passes over the padding would compute."""


class DeepLabv3Settings(Settings):
    """DeepLabv3 on a ResNet whose last two stages are dilated; sizes default to R101."""

    name: Literal["deeplabv3"] = "deeplabv3"
    depths: Depths = (3, 4, 23, 3)
    """Blocks of each stage."""
    width_per_group: Width = 64
    """Width inside the first stage's blocks; they end four times 64 wide whatever it is."""
    decoder_channels: Width = 256
    auxiliary: bool = False
    """A second, small head on the last but one stage; see `auxiliary_weight` of the recipe."""


class TimmUperNetSettings(Settings):
    """Any encoder of timm + UperNet."""

    name: Literal["timm_upernet"] = "timm_upernet"
    backbone: str = "convnext_tiny"
    """Its name in timm."""
    stages: Annotated[tuple[Level, ...], Field(max_length=8)] = ()
    """Which of timm's feature levels the decoder takes; () chooses the last four."""
    end: str = ""
    """The last layer of its stage to keep, by timm's name, such as `blocks.4.0`; what follows in
    that stage is left out. For files that lack the end of a network."""
    normalisation: Literal["imagenet", "symmetric"] = "imagenet"
    """What the encoder's weights were trained on: `imagenet`: ImageNet's mean and deviation
    removed. `symmetric`: values from -1 to 1, as most of TensorFlow's and Keras's were. A timm
    model whose mean and deviation are 0.5 is symmetric."""
    drop_path_rate: Share = 0.0
    decoder_channels: Width = 512
    auxiliary: bool = False
    """A second, small head on the last but one stage; see `auxiliary_weight` of the recipe."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """More arguments of timm's `create_model`, such as pad_type = "same"."""


DEFAULT_NETWORK = "swin_upernet"


def _network_name(value: Any) -> Any:
    """Return which of the networks a table describes; one without a name is the default."""
    if isinstance(value, Mapping):
        return value.get("name", DEFAULT_NETWORK)
    return getattr(value, "name", None)


NetworkSettings = Annotated[
    Annotated[SwinUperNetSettings, Tag("swin_upernet")]
    | Annotated[VideoSwinUperNetSettings, Tag("video_swin_upernet")]
    | Annotated[DeepLabv3Settings, Tag("deeplabv3")]
    | Annotated[TimmUperNetSettings, Tag("timm_upernet")],
    Discriminator(_network_name),
]
"""The segmentation network: which keys it has depends on its `name`."""
