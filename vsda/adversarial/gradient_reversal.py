"""Gradient reversal: what makes an encoder climb where its discriminator descends."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


def grad_reverse(x: Tensor, strength: float) -> Tensor:
    """Return `x` unchanged, with the gradient that flows back multiplied by `-strength`.

    With the discriminator behind it, minimising `loss_segmentation + loss_domain` moves the encoder
    along the gradient of `loss_segmentation - strength * loss_domain`, while the discriminator
    itself descends on `loss_domain` at full rate, whatever the strength. For the other reading of
    a weight, in which the discriminator slows down too, reverse with strength 1 and multiply the
    loss.

    Args:
        x: Any floating shape and type.
        strength: 0 stops the encoder's gradient (it gets zeros, not None).

    Reference:
        Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", 2015.
    """
    reversing: Tensor = _GradientReversal.apply(x, strength)
    return reversing


class _GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, strength: float) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, float], output: Tensor) -> None:
        ctx.strength = inputs[1]  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        return grad * -ctx.strength, None  # type: ignore[attr-defined]
