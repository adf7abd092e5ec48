"""Batch normalisation over the batches of all processes, on any device.

torch's own SyncBatchNorm does the same on GPUs alone, so it could not be tried where there is none.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

_MOMENTUM = 0.1  # BatchNorm2d's


class SharedBatchNorm(_BatchNorm):
    """BatchNorm2d whose statistics, in training, are those of all processes' batches together.

    Parameters, buffers and their names are BatchNorm2d's. Every process gets the same statistics
    and the same running averages, and its gradients are those of the joint batch.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Return the normalised (N, C, H, W) `maps`."""
        normed: Tensor = self._joint(maps) if self.training else super().forward(maps)
        return normed

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  (torch's name)
        if input.dim() != 4:
            raise ValueError(f"got a tensor of {input.dim()} dimensions, expected (N, C, H, W)")

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _joint(self, maps: Tensor) -> Tensor:
        values = maps.float()  # sums over thousands of pixels need 32 bits
        count = values.new_tensor([values.numel() / values.shape[1]])
        sums = torch.cat([values.sum(dim=(0, 2, 3)), values.square().sum(dim=(0, 2, 3)), count])
        sums = _Summed.apply(sums)
        total, squares, count = sums.split([self.num_features, self.num_features, 1])
        mean = total / count
        variance = squares / count - mean.square()
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach() * count / (count - 1))
        scale = torch.rsqrt(variance.clamp_min(0) + self.eps)
        normed = (values - mean[:, None, None]) * scale[:, None, None]
        if self.affine:
            normed = normed * self.weight[:, None, None] + self.bias[:, None, None]
        result: Tensor = normed.to(maps.dtype)
        return result

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        momentum = self.momentum or _MOMENTUM
        for average, found in ((self.running_mean, mean), (self.running_var, variance)):
            if average is not None:
                average.lerp_(found, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class _Summed(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        del ctx
        return _all_reduced(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        del ctx
        return _all_reduced(gradient)


def _all_reduced(values: Tensor) -> Tensor:
    total = values.clone()
    distributed.all_reduce(total)
    return total


def share_batch_norm(module: nn.Module) -> None:
    """Put a `SharedBatchNorm` in the place of every BatchNorm2d inside `module`, weights and all."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, _shared(child))


def _shared(norm: nn.BatchNorm2d) -> SharedBatchNorm:
    shared = SharedBatchNorm(
        norm.num_features, eps=norm.eps, momentum=norm.momentum or _MOMENTUM, affine=norm.affine
    )
    if norm.affine:
        shared.weight, shared.bias = norm.weight, norm.bias
    shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
    shared.num_batches_tracked = norm.num_batches_tracked
    return shared.train(norm.training)
