"""What the measurement of the clustered loss gives; without torch, for commands that print it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """How long something took, in milliseconds.

    Attributes:
        median_ms: Half of the rounds took less.
        low_ms: A quarter of the rounds took less.
        high_ms: A quarter of the rounds took more.
        fastest_ms: The round that was disturbed least.
        num_rounds: How often it was done.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    fastest_ms: float
    num_rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """How many times as long one way takes as another.

    Attributes:
        of_medians: The quotient of both medians.
        low: A quarter of the rounds, each compared in itself, gave less.
        high: A quarter of the rounds gave more.
    """

    of_medians: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Where it was measured.

    Attributes:
        device: `cpu`, or the name of the GPU.
        processor: What the system calls it.
        num_threads: Of torch.
        num_cores: That this process may use.
        torch_version: As installed.
        sklearn_version: None where it is not installed.
    """

    device: str
    processor: str
    num_threads: int
    num_cores: int
    torch_version: str
    sklearn_version: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What was measured.

    Attributes:
        recipe: Its name.
        network: The name of the network.
        num_parameters: Of the network.
        size_px: Side of a picture.
        batch_images: Labelled images of a step.
        batch_videos: Unlabelled frames, or clips, of a step.
        placement: Where the discriminator looks.
        num_tokens: M of both domains together.
        num_channels: C of a token.
        num_clusters: k.
        num_pairs: Of a step.
        kmeans_iterations: Of a step.
        fit_tokens: On how many tokens k-means runs at most, before it assigns all.
        num_rounds: Of every measurement.
    """

    recipe: str
    network: str
    num_parameters: int
    size_px: int
    batch_images: int
    batch_videos: int
    placement: str
    num_tokens: int
    num_channels: int
    num_clusters: int
    num_pairs: int
    kmeans_iterations: int
    fit_tokens: int
    num_rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PartRow:
    """A part of the clustered term by itself, or the domain term beside it.

    Attributes:
        name: The part.
        took: Forward and, where it has one, backward.
        share_of_step: Of the median of the clustered step.
    """

    name: str
    took: Timing
    share_of_step: float


@dataclass(frozen=True, kw_only=True, slots=True)
class KMeansRow:
    """One way to cluster the tokens of a step.

    Attributes:
        name: The way; `vsda, later steps` is what every step but the first does.
        took: None where it is not installed.
        against_vsda: How many times as long as `vsda, later steps`; None likewise.
        square_distance: Mean over the tokens to the nearest centroid, smaller is better; None
            likewise.
        note: Why there is no number, or how it works.
    """

    name: str
    took: Timing | None = None
    against_vsda: Ratio | None = None
    square_distance: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingResult:
    """All measurements of one setting.

    Attributes:
        setting: What was measured.
        steps: A whole training step by loss: `none`, `domain`, `clustered`.
        clustered_to_domain: The price of clustering.
        domain_to_none: The price of the general loss.
        parts: Of the clustered step.
        kmeans: Ways to cluster the tokens of the step.
    """

    setting: Setting
    steps: dict[str, Timing]
    clustered_to_domain: Ratio
    domain_to_none: Ratio
    parts: tuple[PartRow, ...]
    kmeans: tuple[KMeansRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterBench:
    """All settings, and the machine."""

    machine: Machine
    settings: tuple[SettingResult, ...]
