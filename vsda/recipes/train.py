"""The shape of pipelines/train/*.toml. A recipe states only what differs from these defaults."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vsda.recipes.adversarial import AdversarialSettings
from vsda.recipes.augmentation import AugmentationSettings
from vsda.recipes.load import Settings
from vsda.recipes.networks import NetworkSettings, SwinUperNetSettings
from vsda.recipes.numbers import (
    BatchSize,
    Count,
    LabelledBatchSize,
    NonNegative,
    Positive,
    Share,
    Small,
    Width,
)
from vsda.recipes.optimizers import DiscriminatorOptimizerSettings, OptimizerSettings
from vsda.recipes.unlabelled import UnlabelledSettings


class InitSettings(Settings):
    """The weights that the network starts from."""

    weights: str = ""
    """A name of `vsda weights list`, a file's in $VSDA_DATA/weights, a path or a URL; empty for
    random weights."""
    may_miss: tuple[str, ...] = ()
    """Patterns (`*`, `?`) of the network's names that the file may lack: those stay random."""


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


class TrainRecipe(Settings):
    """One training run."""

    description: str = ""
    images: tuple[str, ...] = ("coco-train",)
    """Sets of images: names under $VSDA_DATA/shards, or `<folder or URL>/<set>`."""
    image_labels: bool = True
    """Whether the cross-entropy sees the images' labels; without, they serve the discriminator."""
    videos: tuple[str, ...] = ("davis-train",)
    """Sets whose frames are streamed without their labels; named as `images` are. Only a run with
    an adversarial loss, one of `unlabelled` or `statistics` of them reads them."""
    labelled_videos: tuple[str, ...] = ()
    """Sets whose frames are streamed with their labels; the discriminator sees them, too."""
    classes: str = "shared:davis"
    """Classes to learn: `shared:<dataset>`, `all`, or names separated by commas."""
    size_px: Width = 256
    """Images and frames are resized to a square of this side."""
    batch_images: LabelledBatchSize = 32
    """Images per step, over all devices and pieces together: a recipe means the same on one device
    and on eight. At least two of them on each: the decoder normalises over them, down to maps of
    one pixel."""
    batch_videos: BatchSize = 32
    """Frames, or clips, per step; over all devices, too."""
    batch_labelled_videos: LabelledBatchSize = 32
    """Frames, or clips, per step; over all devices, too."""
    accumulate: Small = 1
    """Pieces that a device cuts its share of a batch into, one after the other, where memory is
    short. Batch normalisation sees one piece at a time."""
    clip_stride: Small = 1
    """Frames from one of a clip to the next."""
    steps: Count = 40_000
    """0 trains nothing: for a network that is trained already and shall get `statistics` alone."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    log_every: Positive = 50
    checkpoint_every: Positive = 1_000
    keep_checkpoints: Positive = 2
    """The latest ones; the best one on `validation` is kept besides."""
    validation: tuple[str, ...] = ()
    """Labelled sets on which the network is judged while it trains, by mean IoU; named as `images`
    are. Sets of the target domain choose the best checkpoint by labels that an unlabelled setting
    does not have: that is recorded."""
    validate_every: Positive = 1_000
    validation_samples: Positive = 500
    """At most so many of them, spread evenly over the sets."""
    panels_every: Count = 500
    """Steps from one picture of image, truth, frame and prediction to the next; 0 for none."""
    workers: Annotated[int, Field(ge=0, le=1_024)] = 2
    """Processes per stream and device that decode and resize."""
    prefetch: Small = 2
    """Batches that each of them has ready."""
    damaged: Literal["raise", "skip"] = "raise"
    """What a sample that cannot be read does: end the run, or be replaced by another one, which
    follows from the seed, too."""
    max_damaged: Positive = 100
    """With `skip`, the run ends when more samples than these were replaced on one device."""
    max_nonfinite: Positive = 10
    """Steps in a row whose loss or gradient is not finite, after which the run ends. Such a step
    changes nothing and is counted."""
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"
    """Of matrix products and convolutions; weights, sums and losses have 32 bits in any case."""
    compile: bool = False
    """Compile encoder and decoder with torch.compile; the first steps take minutes then."""
    channels_last: bool = False
    """Lay out convolutions channels last, which tensor cores prefer."""
    sync_batch_norm: bool = True
    """On several devices batch normalisation takes the statistics of all of them together."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per step of a running average of the weights, which is kept, judged and exported in
    place of them; 0 keeps none."""
    statistics: Literal["own", "videos", "balanced"] = "own"
    """Running averages of batch normalisation: those that training leaves, or, after the last step,
    those of `videos` in place of them (AdaBN, Li et al. 2016). `balanced` are those of videos, too,
    but each pixel counts by the class that the network sees there, so that the classes have the
    shares that it sees in `images`: the averages follow how videos look, not what they show. They
    are given up, with a warning, where a tenth of the mean IoU on labelled images would go."""
    statistics_batches: Positive = 50
    """Batches of `batch_videos` that these average over, and of `batch_images` to compare with."""
    statistics_share: Share = 1.0
    """How far each mean and variance moves from its own (0) to that of the frames (1)."""
    auxiliary_weight: NonNegative = 0.4
    """Of the auxiliary head's cross-entropy, for networks that have one; the authors' value."""
    trainable: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    """Patterns (`*`, `?`) of the names of the network's parameters that learn. All others keep
    their weights, and batch norms among them their averages, by which they normalise."""
    network: NetworkSettings = SwinUperNetSettings()
    init: InitSettings = InitSettings()
    adversarial: AdversarialSettings = AdversarialSettings()
    unlabelled: UnlabelledSettings = UnlabelledSettings()
    class_weights: ClassWeightSettings = ClassWeightSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    discriminator_optimizer: DiscriminatorOptimizerSettings = DiscriminatorOptimizerSettings()
    augmentation: AugmentationSettings = AugmentationSettings()

    @property
    def is_adversarial(self) -> bool:
        """Tell whether the run has a discriminator."""
        return self.adversarial.loss != "none"

    @property
    def learns_from_frames(self) -> bool:
        """Tell whether the whole network learns from unlabelled frames by themselves."""
        return self.unlabelled.loss != "none"

    @property
    def uses_images(self) -> bool:
        """Tell whether the run streams images."""
        return bool(self.images) and (self.image_labels or self.is_adversarial)

    @property
    def trains_on_videos(self) -> bool:
        """Tell whether the steps stream unlabelled frames."""
        return bool(self.videos) and (self.is_adversarial or self.learns_from_frames)

    @property
    def uses_videos(self) -> bool:
        """Tell whether the run streams unlabelled frames, in its steps or after them."""
        return self.trains_on_videos or (bool(self.videos) and self.renews_statistics)

    @property
    def renews_statistics(self) -> bool:
        """Tell whether batch norms get the averages of frames after the last step."""
        return self.statistics != "own"

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
        if self.learns_from_frames and not self.videos:
            raise ValueError(
                f"unlabelled.loss = {self.unlabelled.loss} learns from frames without labels: name "
                "videos, or set unlabelled.loss to none"
            )
        if self.renews_statistics and not self.videos:
            raise ValueError(
                f"statistics = {self.statistics} averages over frames without labels: name videos, "
                "or set it to own"
            )
        if self.statistics == "balanced" and not self.uses_images:
            raise ValueError(
                "statistics = balanced gives classes the shares that they have in images: name "
                "images and keep image_labels, or set it to videos"
            )
        if not self.steps and not self.renews_statistics:
            raise ValueError(
                "steps = 0 trains nothing, which makes sense only for a network that is to get "
                "the statistics of videos: set statistics to balanced or videos, or raise steps"
            )
        if self.unlabelled.consistency and (self.clip_frames or 1) < 2:
            raise ValueError(
                "unlabelled.consistency compares neighbours in a clip: choose a network of clips, "
                "such as video_swin_upernet, with clip_frames of 2 or more, or set it to 0"
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
                "accumulate",
                "workers",
                "prefetch",
                "damaged",
                "max_damaged",
                "max_nonfinite",
                "compile",
                "channels_last",
                "log_every",
                "checkpoint_every",
                "keep_checkpoints",
                "validation",
                "validate_every",
                "validation_samples",
                "panels_every",
            },
        )
