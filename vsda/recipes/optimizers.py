"""How networks learn: the tables [optimizer] and [discriminator_optimizer] of a training recipe."""

from typing import Annotated, Literal

from pydantic import Field

from vsda.recipes.load import Settings
from vsda.recipes.numbers import Count, NonNegative, Share


class OptimizerSettings(Settings):
    """One optimiser and its schedule, by timm's names.

    The paper states a learning rate of 0.0032 for Swin and neither optimiser nor schedule; SGD with
    momentum is what takes such a rate.
    """

    name: str = "sgd"
    """`sgd` is Nesterov's, `momentum` the plain one; `adamw`, `lamb` and so on as in timm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.0032
    weight_decay: NonNegative = 0.0005
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Of the Adam family."""
    momentum: Share = 0.9
    """Of SGD."""
    schedule: Literal["constant", "cosine", "poly"] = "poly"
    warmup_steps: Count = 0
    clip_norm: NonNegative = 0.0
    """Largest gradient norm; 0 does not clip."""


class DiscriminatorOptimizerSettings(OptimizerSettings):
    """The discriminator's optimiser; the paper states none."""

    name: str = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: NonNegative = 0.0
    betas: tuple[Share, Share] = (0.9, 0.99)
    schedule: Literal["constant", "cosine", "poly"] = "constant"
