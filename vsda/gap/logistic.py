"""The probe: logistic regression with a ridge, as scikit-learn's of the same `C`.

Fitted by L-BFGS in torch, which is here anyway and takes thousands of tokens of hundreds of
channels in a fraction of a second.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

RIDGE = 1.0
"""Weight of half the squared norm of the weights beside the sum of the tokens' losses: 1 / C."""
_MOST_STEPS = 200
_GRADIENT_TOLERANCE = 1e-4
_HISTORY = 10
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """A linear classifier of standardised features.

    Attributes:
        mean: (C,) that is taken from features.
        deviation: (C,) by which they are then divided.
        weights: (C, K); of two classes (C, 1), for the second.
        bias: (K,), or (1,).
    """

    mean: Tensor
    deviation: Tensor
    weights: Tensor
    bias: Tensor

    def standardised(self, features: Tensor) -> Tensor:
        """Return features (M, C) with the mean and deviation of those that this was fitted on."""
        return (features - self.mean) / self.deviation

    def predict(self, features: Tensor) -> Tensor:
        """Return the class (M,) int64 of features (M, C)."""
        return _logits(self.standardised(features), self.weights, self.bias).argmax(dim=1)


def fit_probe(features: Tensor, labels: Tensor, num_classes: int) -> Probe:
    """Return the probe of classes that all weigh alike, however many tokens each has.

    Args:
        features: (M, C) float32.
        labels: (M,) int64 in [0, num_classes); each class occurs.
        num_classes: K.
    """
    deviation, mean = torch.std_mean(features, dim=0, correction=0)
    deviation = deviation.where(deviation > _LEAST_DEVIATION, 1.0)  # a channel that is constant
    inputs = (features - mean) / deviation
    counts = labels.bincount(minlength=num_classes)
    shares = (1 / (num_classes * counts.to(inputs.dtype)))[labels]
    columns = 1 if num_classes == 2 else num_classes
    weights = torch.zeros(inputs.shape[1], columns, requires_grad=True)
    bias = torch.zeros(columns, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights, bias],
        max_iter=_MOST_STEPS,
        tolerance_grad=_GRADIENT_TOLERANCE,
        history_size=_HISTORY,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        losses = functional.cross_entropy(_logits(inputs, weights, bias), labels, reduction="none")
        total = (shares * losses).sum() + RIDGE / (2 * len(inputs)) * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return Probe(mean=mean, deviation=deviation, weights=weights.detach(), bias=bias.detach())


def _logits(inputs: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    logits = inputs @ weights + bias
    return functional.pad(logits, (1, 0)) if logits.shape[1] == 1 else logits
