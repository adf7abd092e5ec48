"""The shape of pipelines/train/*.toml. A recipe states only what differs from these defaults."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vsda.recipes.load import Settings

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


class NetworkSettings(Settings):
    """The segmentation network; sizes default to Swin-T + UperNet."""

    name: Literal["swin_upernet"] = "swin_upernet"
    embed_dim: Positive = 96
    """Channels right after the patch embedding."""
    depths: tuple[Positive, ...] = (2, 2, 6, 2)
    num_heads: tuple[Positive, ...] = (3, 6, 12, 24)
    window_size: Positive = 7
    """Attention window, in tokens."""
    patch_size: Positive = 4
    """Side of a patch, in pixels."""
    drop_path_rate: Share = 0.3
    """Stochastic depth of the last block; Swin-T on ADE20k was trained with 0.3."""
    decoder_channels: Positive = 512

    @model_validator(mode="after")
    def _stages_agree(self) -> Self:
        if len(self.depths) != len(self.num_heads):
            raise ValueError(
                f"depths has {len(self.depths)} stages and num_heads {len(self.num_heads)}"
            )
        return self


class AdversarialSettings(Settings):
    """The loss that makes image and video features alike."""

    loss: Literal["none", "domain", "clustered"] = "none"
    placement: Literal["patch"] = "patch"
    """Where the features are taken: `patch` is right after the patch embedding's LayerNorm."""
    mu: NonNegative = 1.0
    """Strength of the gradient reversal; acts on the network's gradient alone."""
    start_step: Count = 0
    """The reversal's strength is 0 before this step, so that the discriminator learns first."""
    reduction: Literal["mean", "sum"] = "mean"
    """Over tokens or pairs. `sum` is the paper's formula and scales mu by their number."""
    hidden: tuple[Positive, ...] = (64, 64)
    """Widths of the discriminator's hidden layers."""
    clusters: Count = 0
    """Number of clusters; 0 means one per class and one for the background."""
    pairs: Positive = 4096
    """Pairs of tokens drawn per step, shared equally by the clusters."""
    kmeans_iterations: Positive = 5
    """Lloyd iterations per step, warm-started from the step before."""


class ClassWeightSettings(Settings):
    """Weights of the classes in the cross-entropy."""

    source: Literal["none", "images", "videos"] = "images"
    """Whose pixel counts. `videos` uses labels of the target domain and is recorded as a leak."""
    formula: Literal["inverse-log"] = "inverse-log"
    """`inverse-log`: 1 / ln(1.02 + share of pixels), divided by the mean over the classes."""


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
    """Sets of labelled images: names under $VSDA_DATA/shards, or `<folder or URL>/<set>`."""
    videos: tuple[str, ...] = ("davis-train",)
    """Sets whose frames are streamed without their labels; named as `images` are."""
    classes: str = "shared:davis"
    """Classes to learn: `shared:<dataset>`, `all`, or names separated by commas."""
    size_px: Positive = 256
    """Images and frames are resized to a square of this side."""
    batch_images: Annotated[int, Field(ge=2)] = 32
    """At least two: the decoder normalises over the batch, down to maps of one pixel."""
    batch_videos: Positive = 32
    steps: Positive = 40_000
    seed: Count = 0
    log_every: Positive = 50
    checkpoint_every: Positive = 1_000
    keep_checkpoints: Positive = 2
    """The latest ones."""
    workers: Count = 2
    """Processes per stream that decode and resize."""
    network: NetworkSettings = NetworkSettings()
    adversarial: AdversarialSettings = AdversarialSettings()
    class_weights: ClassWeightSettings = ClassWeightSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    discriminator_optimizer: DiscriminatorOptimizerSettings = DiscriminatorOptimizerSettings()
    augmentation: AugmentationSettings = AugmentationSettings()

    @property
    def uses_videos(self) -> bool:
        """Tell whether the run streams unlabelled frames."""
        return self.adversarial.loss != "none"

    @property
    def needs_videos(self) -> bool:
        """Tell whether the run opens sets of videos at all."""
        return self.uses_videos or self.class_weights.source == "videos"

    def deciding(self) -> dict[str, Any]:
        """Return the settings that decide the trained weights, as JSON values.

        Where the sets lie, how many processes read them and what is logged and kept when may
        change between a run and its continuation.
        """
        return self.model_dump(
            mode="json",
            exclude={
                "description",
                "images",
                "videos",
                "workers",
                "log_every",
                "checkpoint_every",
                "keep_checkpoints",
            },
        )
