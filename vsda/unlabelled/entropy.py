"""The entropy of a prediction: low where the network is sure, of whatever."""

import math

import torch
from torch import Tensor


def entropy_loss(logits: Tensor) -> Tensor:
    """Return the mean entropy of the pixels' predictions as a share of the largest, log K.

    Args:
        logits: (..., K, H, W) of at least two classes.

    Returns:
        Scalar in [0, 1], in at least 32 bits.

    Reference:
        Vu et al., ADVENT: Adversarial Entropy Minimization for Domain Adaptation in Semantic
        Segmentation, 2019: direct entropy minimisation.
    """
    logs = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(dim=-3)
    entropy = -(logs.exp() * logs).sum(dim=-3)
    return entropy.mean() / math.log(logits.shape[-3])
