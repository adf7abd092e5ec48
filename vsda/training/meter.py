"""The numbers between two rows of the log."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(slots=True)
class Meter:
    """The numbers since the last row of the log, left on the device until they are read.

    Attributes:
        values: Each number's values, one per step that has it.
        pictures: Images and frames seen, over all ranks.
        steps: Steps done.
        waited_s: How long this process waited for batches.
        away_s: How long it did something else than training, such as judging the network.
        started: When it began, by the clock of `time.monotonic`.
    """

    values: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    pictures: int = 0
    steps: int = 0
    waited_s: float = 0.0
    away_s: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def add(self, numbers: Mapping[str, Tensor], pictures: int) -> None:
        """Add the numbers of one step over `pictures` images and frames."""
        for name, value in numbers.items():
            self.values[name].append(value.detach())
        self.pictures += pictures
        self.steps += 1

    @contextmanager
    def away(self) -> Iterator[None]:
        """Leave the time that the block takes out of the speed."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.away_s += time.monotonic() - start

    def means(self) -> dict[str, float]:
        """Return the mean of every number over the steps that have it, and how fast it went.

        Diagnostics without any measurement (nan in every step) are left out.
        """
        # Reading the numbers waits for the device, so the clock is read after them.
        means = {name: float(_mean(name, values)) for name, values in self.values.items()}
        seconds = max(time.monotonic() - self.started - self.away_s, 1e-9)
        kept = {
            name: mean for name, mean in means.items() if name == "loss" or not math.isnan(mean)
        }
        return kept | {
            "images_per_s": self.pictures / seconds,
            "step_ms": 1e3 * seconds / max(self.steps, 1),
            "data_wait": min(self.waited_s / seconds, 1.0),
        }

    def state(self) -> dict[str, Tensor]:
        """Return the numbers so far, for a checkpoint between two rows."""
        return {name: torch.stack(values) for name, values in self.values.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], device: torch.device) -> "Meter":
        """Go on with the numbers of a checkpoint, on the device where new ones come from."""
        kept = {name: list(each.to(device).unbind()) for name, each in state.items()}
        return cls(defaultdict(list, kept))


def _mean(name: str, values: list[Tensor]) -> Tensor:
    stacked = torch.stack([value.float() for value in values])
    # nan means "not measured" in a diagnostic, but "diverged" in the loss.
    return stacked.mean() if name == "loss" else stacked.nanmean()
