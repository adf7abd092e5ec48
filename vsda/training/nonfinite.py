"""Steps whose loss or gradient is not finite: counted, and after too many the run ends."""

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from vsda.errors import RunError
from vsda.storage import write_atomic
from vsda.stream.domains import Batch

NONFINITE_DIR = "nonfinite"


class NonFiniteGuard:
    """Counts the steps that were left out, and ends the run after too many in a row.

    Args:
        run_dir: Gets the batch of the last of them.
        most: Steps in a row that are borne.
        skipped: Steps that were left out before.

    Attributes:
        skipped: All steps that were left out.
        doubts: Whether the last step was, so that the weights may be past saving.
    """

    def __init__(self, run_dir: Path, most: int, skipped: int = 0) -> None:
        self._run_dir, self._most = run_dir, most
        self._in_a_row = 0
        self.skipped = skipped
        self.doubts = False

    def saw(self, was_done: bool, *, seeks_scale: bool = False) -> bool:
        """Note whether a step was done; return True if too many in a row were not.

        Args:
            was_done: Whether it was.
            seeks_scale: A step that was not may only have had its loss scaled too far up, which
                is being mended; it does not count as one in a row.
        """
        self.doubts = not was_done
        self._in_a_row = 0 if was_done else self._in_a_row + (not seeks_scale)
        self.skipped += not was_done
        return self._in_a_row >= self._most

    def end(self, step: int, rank: int, batch: Batch, module: nn.Module) -> RunError:
        """Keep the batch of `step` and return the error to end with."""
        place = self._run_dir / NONFINITE_DIR / f"step-{step:06d}-rank{rank}.pt"
        buffer = io.BytesIO()
        torch.save({"step": step, "batch": _plain(batch)}, buffer)
        write_atomic(place, buffer.getvalue())
        infinite = first_infinite(module.state_dict())
        weights = f", and {infinite} is not finite" if infinite else ""
        return RunError(
            f"{self._run_dir}: diverged: the loss or a gradient was not finite in "
            f"{self._in_a_row} steps in a row up to step {step}{weights}; the batch is in {place}; "
            "lower optimizer.learning_rate or adversarial.mu, set optimizer.clip_norm, or raise "
            "max_nonfinite"
        )


def first_infinite(state: Mapping[str, Tensor]) -> str | None:
    """Return the first name of a state whose values are not all finite, None if all are."""
    return next((name for name, tensor in state.items() if not tensor.isfinite().all()), None)


def _plain(batch: Batch) -> dict[str, dict[str, Tensor]]:
    parts = {"images": batch.images, "videos": batch.videos, "labelled": batch.labelled_videos}
    return {
        name: {key: value for key, value in asdict(part).items() if value is not None}
        for name, part in parts.items()
        if part is not None
    }
