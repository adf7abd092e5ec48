"""How fast devices are at most, and how fast the reference paper was."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from vsda.manifests.table import known_or_none, manifest_path, read_table, unique

_FORMATS = ("fp32", "tf32", "bf16", "fp16")


@dataclass(frozen=True, slots=True)
class Peak:
    """What a device can do at most.

    Attributes:
        device: Its name, as its driver tells it.
        tflops: 10^12 floating-point operations per second by format, of those that it has.
    """

    device: str
    tflops: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PaperEpoch:
    """One epoch of the reference paper.

    Attributes:
        loss: Its adversarial loss, as in a recipe.
        seconds: How long it took.
        frames: How many it is made of.
        batch: Of a step.
        device: What it ran on.
    """

    loss: str
    seconds: int
    frames: int
    batch: int
    device: str


@cache
def peaks() -> dict[str, Peak]:
    """Return the devices whose peak is known, by name."""
    rows = read_table(manifest_path("devices", "peaks"), ("device", *_FORMATS), _peak)
    return {row.device: row for row in unique(rows, "devices/peaks.tsv", lambda row: (row.device,))}


@cache
def paper_epochs() -> dict[str, PaperEpoch]:
    """Return the epochs that the paper states, by loss."""
    columns = ("loss", "seconds", "frames", "batch", "device")
    rows = read_table(manifest_path("paper", "epochs"), columns, _epoch)
    return {row.loss: row for row in unique(rows, "paper/epochs.tsv", lambda row: (row.loss,))}


def _peak(cells: list[str]) -> Peak:
    device, *numbers = cells
    known = zip(_FORMATS, map(known_or_none, numbers), strict=True)
    return Peak(device, {name: float(number) for name, number in known if number is not None})


def _epoch(cells: list[str]) -> PaperEpoch:
    loss, seconds, frames, batch, device = cells
    return PaperEpoch(loss, int(seconds), int(frames), int(batch), device)
