"""What the terms of the objective count, and what they depend on besides a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vsda.models.network import SegmentationNetwork


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """What the terms of the objective count.

    Attributes:
        classes: (K,) of the cross-entropy.
        adversarial: Of the adversarial loss; the discriminator learns at that rate, too.
        auxiliary: Of the auxiliary head's cross-entropy.
    """

    classes: Tensor
    adversarial: float = 1.0
    auxiliary: float = 0.0


@dataclass(frozen=True, slots=True)
class Scale:
    """What the losses of one part of a batch are divided by, so that the parts add up to the whole.

    Attributes:
        label_weight: Scalar, divides the sum of the pixels' weighted cross-entropies.
        adversarial: Multiplies the adversarial loss.
        unlabelled: Multiplies the loss of the unlabelled frames.
    """

    label_weight: Tensor
    adversarial: float = 1.0
    unlabelled: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Guidance:
    """What a step's loss of unlabelled frames depends on besides them.

    Attributes:
        weight: Of the loss.
        generator: Source of its random draws.
        teacher: Whose answers are learnt, in evaluation mode; None where nobody's are.
    """

    weight: float
    generator: torch.Generator
    teacher: SegmentationNetwork | None = None
