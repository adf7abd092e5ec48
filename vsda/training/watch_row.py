"""A logged row as the rules of `watch_rules` look at it, and what the rows before have shown."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from vsda.recipes.train import TrainRecipe

WINDOW = 5
"""Rows whose median loss is taken and whose skipped steps are counted."""

_CHANCE, _BETTER = 0.55, 0.6
"""Up to the first mean accuracy a discriminator guesses, from the second on it does not."""
_BETTER_ROWS = 3
_ONE_ANSWER = 0.05
_ACCURACIES = (
    ("accuracy_source", "images", "accuracy_target", "frames"),
    ("accuracy_same", "same-domain pairs", "accuracy_cross", "cross-domain pairs"),
)


@dataclass(slots=True)
class Past:
    """What a warning needs to know of the rows before; plain values, for a checkpoint.

    Attributes:
        better_rows: Rows in a row in which the discriminator did better than to guess.
        was_better: It has done so for some rows.
        losses: Segmentation losses of the last rows.
        best_loss: The least median of so many.
        skipped: (steps, skipped steps) of the last rows.
    """

    better_rows: int = 0
    was_better: bool = False
    losses: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    skipped: list[list[float]] = field(default_factory=list)

    def saw(self, step: int, values: Mapping[str, float]) -> None:
        """Take in a row."""
        judged = Discriminator.of(values)
        if judged is not None:
            self.better_rows = self.better_rows + 1 if judged.mean >= _BETTER else 0
            self.was_better = self.was_better or self.better_rows >= _BETTER_ROWS
        loss = values.get("loss_segmentation", values.get("loss"))
        if loss is not None and math.isfinite(loss):
            self.losses = [*self.losses, loss][-WINDOW:]
            recent = self.recent_loss()
            self.best_loss = self.best_loss if recent is None else min(self.best_loss, recent)
        self.skipped = [*self.skipped, [step, values.get("skipped_steps", 0)]][-WINDOW:]

    def recent_loss(self) -> float | None:
        """Return the median loss of the last rows, None before there are enough."""
        return median(self.losses) if len(self.losses) == WINDOW else None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the log and what it is to be judged by.

    Attributes:
        values: The numbers by name.
        strength: Of the gradient reversal.
        recipe: The run's.
        past: What the rows before have shown, this one included.
    """

    values: Mapping[str, float]
    strength: float
    recipe: TrainRecipe
    past: Past


@dataclass(frozen=True, slots=True)
class Discriminator:
    """How often it is right: `first` of images or same-domain pairs, `second` of the others."""

    first: float
    second: float
    words: str

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "Discriminator | None":
        """Return what a row says of the discriminator; None if nothing."""
        for first, first_word, second, second_word in _ACCURACIES:
            if first in values and second in values:
                one, other = values[first], values[second]
                words = (
                    f"it tells {percent_text(one)} of {first_word} and "
                    f"{percent_text(other)} of {second_word} right"
                )
                return cls(one, other, words)
        return None

    @property
    def mean(self) -> float:
        """The mean of both, 0.5 for a guess of any kind."""
        return (self.first + self.second) / 2

    @property
    def guesses(self) -> bool:
        """Tell whether it does no better than a guess."""
        return abs(self.mean - 0.5) <= _CHANCE - 0.5

    @property
    def gives_one_answer(self) -> bool:
        """Tell whether it answers nearly always the same."""
        low, high = sorted((self.first, self.second))
        return low < _ONE_ANSWER and high > 1 - _ONE_ANSWER


def ratio_text(row: Row) -> str:
    """Return how strong the adversarial gradient is, as far as the row says."""
    ratio = row.values.get("gradient_ratio")
    if ratio is None:
        return ""
    return f", with {ratio:.2g} times the segmentation's gradient at the reversal"


def percent_text(share: float) -> str:
    """Return a share as per cent, with a decimal where it is nearly all or nothing."""
    decimals = 1 if 0.99 < share < 1 or 0 < share < 0.01 else 0
    return f"{100 * share:.{decimals}f} %"
