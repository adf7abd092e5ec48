"""What a teacher says of frames, and the student's loss against it."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from vsda.models.network import SegmentationNetwork
from vsda.unlabelled.prediction import predicted, probabilities

Weighting = Literal["pixels", "share"]


@dataclass(frozen=True, slots=True)
class PseudoLabels:
    """A teacher's answers, without a gradient.

    Attributes:
        classes: (N, [T,] H, W) int64, the most probable class.
        confidence: (N, [T,] H, W), its probability.
    """

    classes: Tensor
    confidence: Tensor


def pseudo_labels(teacher: SegmentationNetwork, pictures: Tensor) -> PseudoLabels:
    """Return what `teacher` says of pictures, or clips, (N, [T,] 3, H, W) in [0, 255].

    Raises:
        ValueError: The teacher is in training mode, where dropout blurs what it knows.
    """
    if teacher.training:
        raise ValueError("the teacher is in training mode; call its eval()")
    with torch.no_grad():
        found = probabilities(predicted(teacher, pictures, "running"))
        confidence, classes = found.max(dim=-3)
    return PseudoLabels(classes, confidence)


def pixel_weights(confidence: Tensor, threshold: float, weighting: Weighting) -> Tensor:
    """Return how much each pixel counts, in [0, 1], shaped as `confidence` (..., H, W).

    `pixels`: 1 above the threshold and 0 elsewhere. `share`: everywhere the share of a frame's
    pixels above the threshold.

    Reference:
        Hoyer et al., DAFormer, 2022, equation 4, takes the share of the whole batch; a frame's own
        does not depend on what it came with.
    """
    sure = (confidence > threshold).to(confidence.dtype)
    if weighting == "pixels":
        return sure
    return sure.mean(dim=(-2, -1), keepdim=True).expand_as(sure)


def self_training_loss(
    logits: Tensor, classes: Tensor, weights: Tensor, class_weights: Tensor
) -> Tensor:
    """Return the weighted mean cross-entropy against labels of which not all count alike.

    The mean is over all pixels: where few of them count, so does the loss.

    Args:
        logits: (F, K, H, W).
        classes: (F, H, W) int64 in [0, K).
        weights: (F, H, W) in [0, 1], how much a pixel counts.
        class_weights: (K,).

    Returns:
        Scalar in the dtype of `class_weights`; 0 where nothing counts.
    """
    logits = logits.to(class_weights.dtype)
    with torch.autocast(logits.device.type, enabled=False):
        losses = functional.cross_entropy(logits, classes, weight=class_weights, reduction="none")
    whole = class_weights[classes].sum()
    return (losses * weights).sum() / whole.clamp_min(torch.finfo(class_weights.dtype).tiny)
