"""What batch norms are given, averaged over batches in which some pixels may count for more."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class NormAverages:
    """Plain averages over batches of each norm's mean and unbiased variance.

    While it is measured, each norm normalises by the batch, as in training: its running averages
    are those of the batch then, see `apply`.

    Args:
        norms: With running averages.
        total: Returns the sum of a tensor over all processes whose batches are one.
    """

    def __init__(self, norms: Sequence[_BatchNorm], total: Callable[[Tensor], Tensor]) -> None:
        self._norms = norms
        self._total = total
        self._found: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in norms}
        self._weights: Tensor | None = None

    @contextmanager
    def measured(self, weights: Tensor | None) -> Iterator[None]:
        """Measure the batch that a network in evaluation mode is given inside the block.

        Args:
            weights: (N, 1, h, w), what each pixel counts, all above 0; None for equal ones. Coarser
                maps have the mean of what a cell covers.
        """
        self._weights = weights
        hooks = [norm.register_forward_pre_hook(self._measure) for norm in self._norms]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def apply(self) -> None:
        """Give the norms what was found, but for those that no batch came to."""
        for norm, found in self._found.items():
            if found:
                means, variances = zip(*found, strict=True)
                _set(norm, torch.stack(means).mean(dim=0), torch.stack(variances).mean(dim=0))

    def _measure(self, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        maps = inputs[0].float()
        weights = self._weights_of(maps)
        weight, squares = self._total(torch.stack([weights.sum(), weights.square().sum()]))
        mean = self._total((maps * weights).sum(dim=(0, 2, 3))) / weight
        centred = maps - mean[:, None, None]
        variance = self._total((centred.square() * weights).sum(dim=(0, 2, 3))) / weight
        _set(norm, mean, variance)
        # For n equal weights this is the n / (n - 1) by which torch's running variance is unbiased.
        unbiased = variance * weight**2 / (weight**2 - squares)
        self._found[norm].append((mean, unbiased))

    def _weights_of(self, maps: Tensor) -> Tensor:
        """Return the weights (N, 1, h, w) of the pixels of `maps` (N, C, h, w)."""
        if self._weights is None:
            return maps.new_ones(maps.shape[0], 1, *maps.shape[-2:])
        return functional.adaptive_avg_pool2d(self._weights, (maps.shape[-2], maps.shape[-1]))


def _set(norm: nn.Module, mean: Tensor, variance: Tensor) -> None:
    """Give a norm these running averages."""
    for average, found in ((norm.running_mean, mean), (norm.running_var, variance)):
        if isinstance(average, Tensor):
            average.copy_(found)
