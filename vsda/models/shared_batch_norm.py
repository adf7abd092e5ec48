"""Batch normalisation over the batches of all processes.

torch's own SyncBatchNorm does it on GPUs alone; this is for all other devices.
"""

from typing import Any

import torch
from timm.layers import BatchNormAct2d, convert_sync_batchnorm  # type: ignore[attr-defined]
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vsda.errors import RecipeError

_MOMENTUM = 0.1  # BatchNorm2d's
_KINDS = (nn.BatchNorm2d, BatchNormAct2d)


class SharedBatchNorm(_BatchNorm):
    """BatchNorm2d whose statistics, in training, are those of all processes' batches together.

    Parameters, buffers and their names are BatchNorm2d's, and so is what timm's norms do after it.
    Every process gets the same statistics and the same running averages, and its gradients are
    those of the joint batch.

    Args:
        norm: What it stands in for; its parameters and buffers are shared.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum or _MOMENTUM, norm.affine)
        if norm.affine:
            self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.drop = getattr(norm, "drop", nn.Identity())
        self.act = getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the normalised (N, C, H, W) `maps`."""
        normed: Tensor = self._joint(maps) if self.training else super().forward(maps)
        activated: Tensor = self.act(self.drop(normed))
        return activated

    def _check_input_dim(self, input: Tensor) -> None:  # torch's name
        if input.dim() != 4:
            raise ValueError(f"got a tensor of {input.dim()} dimensions, expected (N, C, H, W)")

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _joint(self, maps: Tensor) -> Tensor:
        values = maps.float()  # sums over thousands of pixels need 32 bits
        count = values.new_tensor([values.numel() / values.shape[1]])
        total, count = _Summed.apply(torch.cat([values.sum(dim=(0, 2, 3)), count])).split(
            [self.num_features, 1]
        )
        centred = values - (total / count)[:, None, None]
        # The squares come second, from the joint mean: a difference of large sums would be noise.
        variance = _Summed.apply(centred.square().sum(dim=(0, 2, 3))) / count
        if self.track_running_stats:
            # The count came through the sum as well: all of it must let go of the graph, or the
            # averages would want a gradient when frames are normalised by them.
            self._track((total / count).detach(), (variance * count / (count - 1)).detach())
        normed = centred * torch.rsqrt(variance + self.eps)[:, None, None]
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


def share_batch_norm(module: nn.Module, device: torch.device) -> None:
    """Let every BatchNorm2d inside `module` take the statistics of all processes, in its place.

    Args:
        module: Keeps its parameters, buffers and names.
        device: Where it will compute: GPUs have kernels of their own for this, which timm puts in.

    Raises:
        RecipeError: A kind of batch normalisation for which nothing can stand in.
    """
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                if type(child) not in _KINDS:
                    raise RecipeError(
                        f"sync_batch_norm: cannot be had of {type(child).__name__}, which this "
                        "encoder has; set it to false, or train on one device"
                    )
                if device.type != "cuda":
                    setattr(parent, name, SharedBatchNorm(child))
    if device.type == "cuda":
        convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
