"""Where an adversarial loss looks at a network, and how."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vsda.models.batch_norm import Statistics, batch_norm_statistics
from vsda.models.network import Levels, SegmentationNetwork, Side


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What of a network's features an adversarial loss gets.

    Attributes:
        tap: The level.
        side: Of the level's norm.
        frames_as_tokens: Give each frame's map as one vector (frames, h * w * C).
        statistics: Batch statistics of pictures without labels on their way to the tap.
        shuffles: Deal the pictures to the domains at random; a control.
    """

    tap: str
    side: Side = "after-norm"
    frames_as_tokens: bool = False
    statistics: Statistics = "running"
    shuffles: bool = False

    def features(self, levels: Levels) -> Tensor:
        """Return the features (N, [T,] h, w, C) at the tap, or (frames, h * w * C)."""
        features = levels[self.tap].on(self.side)
        return features.flatten(0, -4).flatten(1) if self.frames_as_tokens else features

    def domains(
        self, source: Tensor, target: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the features (N, ...) and (M, ...) of both domains, dealt anew if it shuffles."""
        if not self.shuffles:
            return source, target
        both = torch.cat((source, target))
        order = torch.randperm(len(both), generator=generator, device=generator.device)
        dealt = both[order.to(both.device)]
        return dealt[: len(source)], dealt[len(source) :]

    def unlabelled(self, network: SegmentationNetwork, pictures: Tensor) -> Tensor:
        """Return the features of normalised pictures that nothing behind the tap sees."""
        with batch_norm_statistics(network, self.statistics):
            return self.features(network.encode(pictures, until=self.tap))
