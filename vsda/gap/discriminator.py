"""What the run's own discriminator says, asked as its loss asks it, but without a gradient."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vsda.adversarial.losses import ClusteredLoss, DomainLoss
from vsda.gap.tokens import IMAGE, VIDEO
from vsda.models.network import Levels
from vsda.training.view import View

_FRAME_TOKENS = 16
"""Of each frame that a pair is drawn from: as many as the fresh probe sees by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opponent:
    """A run's discriminator with the loss around it, and where it looks."""

    loss: DomainLoss | ClusteredLoss
    view: View


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How often a run's discriminator is right; 0.5 is chance.

    Attributes:
        tap: Where it looks.
        judges: `features` of one domain, or `pairs` of one cluster.
        first: Of images; of pairs from the same domain.
        second: Of video frames; of pairs from both. Each picture counts alike, and each pair.
        accuracy: The mean of both.
    """

    tap: str
    judges: Literal["features", "pairs"]
    first: float
    second: float
    accuracy: float


class Hearing:
    """Takes the levels of one batch after the other, and then says how the discriminator did.

    Args:
        opponent: In evaluation mode, on the device of the levels.
        seed: Of the tokens and pairs that are drawn.
    """

    def __init__(self, opponent: Opponent, seed: int) -> None:
        self._opponent = opponent
        self._generator = torch.Generator().manual_seed(seed)
        self._taken: dict[int, list[Tensor]] = {IMAGE: [], VIDEO: []}

    def take(self, levels: Levels, domain: int) -> None:
        """Hear what the discriminator says of N pictures or clips of a domain, or keep tokens."""
        features = self._opponent.view.features(levels)
        if isinstance(self._opponent.loss, DomainLoss):
            logits = self._opponent.loss.discriminator(features)
            right = (logits > 0) == (domain == IMAGE)
            self._taken[domain].append(right.reshape(len(right), -1).float().mean(dim=1).cpu())
        elif self._opponent.view.frames_as_tokens:
            self._taken[domain].append(features)
        else:
            frames = features.flatten(0, -4).flatten(1, 2)
            drawn = torch.rand(frames.shape[:2], generator=self._generator)
            numbers = drawn.argsort(dim=1)[:, :_FRAME_TOKENS].to(frames.device)
            self._taken[domain].append(torch.cat([*map(_rows, frames, numbers)]))

    def verdict(self) -> Verdict | None:
        """Return how often the discriminator was right, None where there was nothing to judge.

        That is so of pairs where no cluster holds two tokens of either domain.

        Raises:
            UsageError: There are fewer tokens than clusters.
        """
        loss, view = self._opponent.loss, self._opponent.view
        image, video = (torch.cat(self._taken[domain]) for domain in (IMAGE, VIDEO))
        if isinstance(loss, DomainLoss):
            first, second = float(image.mean()), float(video.mean())
        else:
            generator = torch.Generator(image.device).manual_seed(self._generator.initial_seed())
            terms = loss(image, video, strength=0.0, generator=generator)
            first, second = (_number(each) for each in (terms.accuracy_same, terms.accuracy_cross))
        if math.isnan(first + second):
            return None
        return Verdict(
            tap=view.tap,
            judges="features" if isinstance(loss, DomainLoss) else "pairs",
            first=first,
            second=second,
            accuracy=(first + second) / 2,
        )


def _rows(tokens: Tensor, numbers: Tensor) -> Tensor:
    return tokens[numbers]


def _number(value: Tensor | None) -> float:
    return math.nan if value is None else float(value)


def opponent_of(loss: nn.Module | None, view: View | None) -> Opponent | None:
    """Return the opponent in an objective, None in that of a run without."""
    if view is None or not isinstance(loss, DomainLoss | ClusteredLoss):
        return None
    return Opponent(loss=loss, view=view)
