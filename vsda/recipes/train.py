"""The shape of pipelines/train/*.toml. A recipe states only what differs from these defaults."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from vsda.recipes.load import Settings

# Upper bounds are far above what anyone trains: they catch a slip of the hand before it fills the
# memory, or no number of the machine can hold it.
Positive = Annotated[int, Field(gt=0, le=1_000_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Width = Annotated[int, Field(gt=0, le=16_384)]
Small = Annotated[int, Field(gt=0, le=1_024)]
BatchSize = Annotated[int, Field(gt=0, le=65_536)]
LabelledBatchSize = Annotated[int, Field(ge=2, le=65_536)]
Level = Annotated[int, Field(ge=0, le=64)]
Depths = Annotated[tuple[Small, ...], Field(min_length=1, max_length=8)]
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


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


class InitSettings(Settings):
    """The weights that the network starts from."""

    weights: str = ""
    """A name of `vsda weights list`, a path or a URL; empty for random weights."""
    may_miss: tuple[str, ...] = ()
    """Patterns (`*`, `?`) of the network's names that the file may lack: those stay random."""


class AdversarialSettings(Settings):
    """The loss that makes image and video features alike."""

    loss: Literal["none", "domain", "clustered"] = "none"
    placement: Literal["patch", "stage1", "stage2", "stage3", "stage4", "global"] = "patch"
    """Where the features are taken: right after the patch embedding, after a stage of the encoder,
    or (`global`) at its end, where all tokens of a frame are judged as one."""
    tap: Literal["after-norm", "before-norm"] = "after-norm"
    """On which side of the placement's LayerNorm; the paper does not say. After it, a token's mean
    and scale are gone. Without a norm there (DeepLabv3) both are the same."""
    discriminator: Literal["linear", "conv", "patchgan", "patchgan3d"] = "linear"
    """Of the loss `domain`. `linear`: alternating linear layers and leaky ReLUs over each token, at
    `global` over a frame's concatenated tokens. `conv`: the paper's for CNNs at `global`.
    `patchgan`: four convolutions over each frame, the paper's for VideoSwin; `patchgan3d`: over
    clips."""
    hidden: Annotated[tuple[Width, ...], Field(max_length=16)] = (64, 64)
    """Widths of the hidden layers of `linear`, `conv` and the pair discriminator."""
    conv_channels: Width = 64
    """Channels to which `conv` reduces the features; of `patchgan`, the first layer's, which double
    from layer to layer."""
    dropout: Share = 0.5
    """Of the discriminator `conv`."""
    mu: NonNegative = 1.0
    """Strength of the gradient reversal."""
    mu_on: Literal["reversal", "loss"] = "reversal"
    """`reversal`: mu scales the network's gradient alone. `loss`: mu scales the loss behind a
    reversal of strength 1, so that the discriminator slows down, too. At mu = 1 both are one."""
    start_step: Count = 0
    """The reversal's strength is 0 before this step, so that the discriminator learns first."""
    reduction: Literal["mean", "sum"] = "mean"
    """Over tokens or pairs. `sum` is the paper's formula and scales mu by their number."""
    clusters: Width | Literal["classes", "classes+background"] = "classes+background"
    """Number of clusters. The paper takes as many as classes and leaves the background open."""
    pairs: Positive = 4096
    """Pairs of tokens drawn per step, shared equally by the clusters; the paper does not say."""
    balance: Literal["balanced", "natural"] = "balanced"
    """`balanced`: half of a cluster's pairs share their domain. `natural`: pairs as they come."""
    pair_input: Literal["symmetric", "concatenated"] = "symmetric"
    """What the pair discriminator sees: difference and product, or both tokens in both orders."""
    kmeans_iterations: Annotated[int, Field(gt=0, le=1_000)] = 5
    """Lloyd iterations per step, warm-started from the step before."""
    fit_tokens: Positive = 16_384
    """With more tokens than this, k-means runs on so many of them and assigns all."""
    video_statistics: Literal["running", "batch", "tracked"] = "running"
    """Batch normalisation of unlabelled frames inside the encoder (DeepLabv3): by the running
    averages, as in prediction; by their own batch, leaving no trace; or by their own batch, which
    enters the running averages, as if nothing had been done about it."""

    @model_validator(mode="after")
    def _clusters_can_be_fitted(self) -> Self:
        if isinstance(self.clusters, int) and self.fit_tokens < self.clusters:
            raise ValueError(
                f"fit_tokens is {self.fit_tokens} and clusters {self.clusters}: k-means needs at "
                "least as many tokens as clusters"
            )
        return self


class ClassWeightSettings(Settings):
    """Weights of the classes in the cross-entropy."""

    source: Literal["none", "labelled", "videos"] = "labelled"
    """Whose pixel counts. `labelled`: of all sets whose labels the cross-entropy sees. `videos`: of
    the target domain, as in the paper; where the run has no right to those labels, that is recorded
    as a leak."""
    formula: Literal["inverse-log", "inverse-frequency", "median-frequency", "inverse-sqrt"] = (
        "inverse-log"
    )
    """See `vsda/training/class_weights.py`; the paper states none."""


class OptimizerSettings(Settings):
    """One optimiser and its schedule, by timm's names.

    The paper states a learning rate of 0.0032 for Swin and neither optimiser nor schedule; SGD with
    momentum is what takes such a rate.
    """

    name: str = "sgd"
    """`sgd` is Nesterov's, `momentum` the plain one; `adamw`, `lamb` and so on as in timm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.0032
    weight_decay: NonNegative = 0.0005
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Of the Adam family."""
    momentum: Share = 0.9
    """Of SGD."""
    schedule: Literal["constant", "cosine", "poly"] = "poly"
    warmup_steps: Count = 0
    clip_norm: NonNegative = 0.0
    """Largest gradient norm; 0 does not clip."""


class DiscriminatorOptimizerSettings(OptimizerSettings):
    """The discriminator's optimiser; the paper states none."""

    name: str = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: NonNegative = 0.0
    betas: tuple[Share, Share] = (0.9, 0.99)
    schedule: Literal["constant", "cosine", "poly"] = "constant"


class AugmentationSettings(Settings):
    """Random changes of the labelled images; the paper states none."""

    flip: bool = False
    """Mirror left to right, half of the time; also applied to the video frames."""
    brightness: Share = 0.0
    """Factor drawn from [1 - b, 1 + b]; the same for contrast and saturation."""
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Shift drawn from [-h, h], as a share of the hue circle."""


class TrainRecipe(Settings):
    """One training run."""

    description: str = ""
    images: tuple[str, ...] = ("coco-train",)
    """Sets of images: names under $VSDA_DATA/shards, or `<folder or URL>/<set>`."""
    image_labels: bool = True
    """Whether the cross-entropy sees the images' labels; without, they serve the discriminator."""
    videos: tuple[str, ...] = ("davis-train",)
    """Sets whose frames are streamed without their labels; named as `images` are. Only a run with
    an adversarial loss reads them."""
    labelled_videos: tuple[str, ...] = ()
    """Sets whose frames are streamed with their labels; the discriminator sees them, too."""
    classes: str = "shared:davis"
    """Classes to learn: `shared:<dataset>`, `all`, or names separated by commas."""
    size_px: Width = 256
    """Images and frames are resized to a square of this side."""
    batch_images: LabelledBatchSize = 32
    """At least two: the decoder normalises over the batch, down to maps of one pixel."""
    batch_videos: BatchSize = 32
    """Frames, or clips, per step."""
    batch_labelled_videos: LabelledBatchSize = 32
    """Frames, or clips, per step."""
    clip_stride: Small = 1
    """Frames from one of a clip to the next."""
    steps: Positive = 40_000
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    log_every: Positive = 50
    checkpoint_every: Positive = 1_000
    keep_checkpoints: Positive = 2
    """The latest ones."""
    workers: Annotated[int, Field(ge=0, le=1_024)] = 2
    """Processes per stream that decode and resize."""
    auxiliary_weight: NonNegative = 0.4
    """Of the auxiliary head's cross-entropy, for networks that have one; the authors' value."""
    network: NetworkSettings = SwinUperNetSettings()
    init: InitSettings = InitSettings()
    adversarial: AdversarialSettings = AdversarialSettings()
    class_weights: ClassWeightSettings = ClassWeightSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    discriminator_optimizer: DiscriminatorOptimizerSettings = DiscriminatorOptimizerSettings()
    augmentation: AugmentationSettings = AugmentationSettings()

    @property
    def is_adversarial(self) -> bool:
        """Tell whether the run has a discriminator."""
        return self.adversarial.loss != "none"

    @property
    def uses_images(self) -> bool:
        """Tell whether the run streams images."""
        return bool(self.images) and (self.image_labels or self.is_adversarial)

    @property
    def uses_videos(self) -> bool:
        """Tell whether the run streams unlabelled frames."""
        return bool(self.videos) and self.is_adversarial

    @property
    def needs_videos(self) -> bool:
        """Tell whether the run opens sets of unlabelled videos at all."""
        counted = self.class_weights.source == "videos" and not self.labelled_videos
        return self.uses_videos or counted

    @property
    def clip_frames(self) -> int | None:
        """Return the frames of a clip, None for a network that takes single pictures."""
        return getattr(self.network, "clip_frames", None)

    @model_validator(mode="after")
    def _has_what_it_compares(self) -> Self:
        if not (self.uses_images and self.image_labels) and not self.labelled_videos:
            raise ValueError(
                "nothing is labelled: name images and keep image_labels, or name labelled_videos"
            )
        if self.is_adversarial and not (self.images and (self.videos or self.labelled_videos)):
            raise ValueError(
                "an adversarial loss compares two domains: name images, and videos or "
                "labelled_videos, or set adversarial.loss to none"
            )
        return self

    def deciding(self) -> dict[str, Any]:
        """Return the settings that decide the trained weights, as JSON values.

        Where the sets lie, how many processes read them and what is logged and kept when may
        change between a run and its continuation, which has no use for initial weights.
        """
        return self.model_dump(
            mode="json",
            exclude={
                "description",
                "images",
                "videos",
                "labelled_videos",
                "init",
                "workers",
                "log_every",
                "checkpoint_every",
                "keep_checkpoints",
            },
        )
