"""A running average of the network's weights."""

from collections.abc import Mapping
from typing import Any

from timm.utils import ModelEmaV3  # type: ignore[attr-defined]

from vsda.models.network import SegmentationNetwork


class WeightAverage:
    """The exponential moving average of a network's weights and buffers, by timm.

    The decay rises from 0 with the step, so that the average soon forgets the initial weights;
    both follow from the step alone.

    Args:
        network: Starts the average; its copy is kept.
        decay: Per step, in (0, 1).
    """

    def __init__(self, network: SegmentationNetwork, decay: float) -> None:
        self._average = ModelEmaV3(network, decay=decay, use_warmup=True, foreach=True)

    @property
    def network(self) -> SegmentationNetwork:
        """The averaged network, in evaluation mode."""
        network: SegmentationNetwork = self._average.module
        return network

    def restart(self, network: SegmentationNetwork) -> None:
        """Begin anew with the weights of `network`."""
        self.network.load_state_dict(network.state_dict())

    def update(self, network: SegmentationNetwork, step: int) -> None:
        """Take in the weights after `step` steps."""
        self._average.update(network, step=step)

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged network's state."""
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the average of a checkpoint."""
        self.network.load_state_dict(state)
