"""What training knows of judging a network: a room above does it."""

from typing import Protocol

from torch import Tensor

from vsda.models.network import SegmentationNetwork

SCORE = "validation_miou"
"""The score that chooses the best checkpoint, in [0, 1], the higher the better."""


class Validator(Protocol):
    """Judges a network on labelled sets."""

    uses_target_labels: bool
    """Whether one of the sets is of a domain whose labels the run does not learn from."""

    def count(self, network: SegmentationNetwork, rank: int, world_size: int) -> Tensor:
        """Return the int64 confusion matrix (K + 1, K + 1) over a rank's share of the samples.

        It lies on the CPU. The network is left as it was.
        """

    def scores(self, counts: Tensor) -> dict[str, float]:
        """Return the scores of the confusion matrix over all samples, `SCORE` among them."""
