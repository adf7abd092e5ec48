"""What the measurement of training gives; without torch, for commands that print it."""

from dataclasses import dataclass

from vsda.bench.cluster_results import Machine, Ratio, Timing
from vsda.manifests.speeds import PaperEpoch


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSetting:
    """What was measured.

    Attributes:
        recipe: Its name.
        network: The name of the network.
        num_parameters: Of the network.
        loss: The adversarial loss; `none` without.
        placement: Where it looks.
        size_px: Side of a picture.
        batch_images: Labelled images of a step.
        batch_videos: Unlabelled frames, or clips, of a step; 0 where they are not read.
        precision: Of the forward passes.
        channels_last: Whether convolutions are laid out so.
        workers: Processes that read each of the streams.
        multiply_adds: Of the forward passes of a step.
        num_steps: Timed in a round.
        log_every: Steps for each row of the log.
        num_rounds: Of each way.
    """

    recipe: str
    network: str
    num_parameters: int
    loss: str
    placement: str
    size_px: int
    batch_images: int
    batch_videos: int
    precision: str
    channels_last: bool
    workers: int
    multiply_adds: int
    num_steps: int
    log_every: int
    num_rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainRow:
    """One way to do the steps.

    Attributes:
        name: Of the way.
        step: A step, over the rounds.
        images_per_s: Images and frames, at the median.
        of_bare: Its speed as a share of the bare loop's, compiled as it is; None for the loop.
        data_wait: Share of the time in which it waited for batches; None for the bare loop.
        peak_bytes: On a GPU, of what was allocated there; None elsewhere.
        share_of_peak: Of what the device can do at most; None where that is not known.
        epoch_s: An epoch of the paper's frames.
    """

    name: str
    step: Timing
    images_per_s: float
    of_bare: Ratio | None
    data_wait: float | None
    peak_bytes: int | None
    share_of_peak: float | None
    epoch_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """All ways of one recipe.

    Attributes:
        setting: What was measured.
        rows: One for each way.
        peak_format: The format whose peak `share_of_peak` counts; None where it is not known.
        paper: What the paper states of an epoch; None where it states nothing.
    """

    setting: TrainSetting
    rows: tuple[TrainRow, ...]
    peak_format: str | None
    paper: PaperEpoch | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainBench:
    """All recipes, and the machine.

    Attributes:
        results: One for each recipe.
        process_peak_bytes: The most memory that this process has had, of all that it measured.
        machine: Where.
    """

    results: tuple[TrainResult, ...]
    process_peak_bytes: int
    machine: Machine
