"""Layers that keep the weights that they were given."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vsda.errors import RecipeError


def freeze_others(network: nn.Module, trainable: Sequence[str]) -> None:
    """Let only the parameters learn whose name one of the patterns matches.

    Raises:
        RecipeError: A pattern matches none.
    """
    names = [name for name, _ in network.named_parameters()]
    for pattern in trainable:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise RecipeError(
                f"trainable: {pattern!r} matches no parameter of the network; they are called "
                f"{names[0]!r} to {names[-1]!r}, and * stands for any part"
            )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(any(fnmatchcase(name, pattern) for pattern in trainable))


def still_norms(network: nn.Module) -> list[nn.Module]:
    """Return the batch norms that do not learn: they normalise by their averages and keep them."""
    return [
        layer
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.affine and not layer.weight.requires_grad
    ]
