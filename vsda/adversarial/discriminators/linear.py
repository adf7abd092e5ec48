"""What discriminators share: a stack of linear layers, and how they take their input."""

from collections.abc import Sequence

from torch import Tensor, nn

LEAKY_SLOPE = 0.2


def linear_stack(
    in_features: int, hidden: Sequence[int], between: Sequence[nn.Module]
) -> nn.Sequential:
    """Return linear layers down to one logit, with `between` after each but the last.

    Args:
        in_features: Width of the input.
        hidden: Widths of the hidden layers; `()` makes one linear layer.
        between: Layers without parameters, the same objects after each hidden layer.
    """
    layers: list[nn.Module] = []
    width = in_features
    for next_width in hidden:
        layers += [nn.Linear(width, next_width), *between]
        width = next_width
    return nn.Sequential(*layers, nn.Linear(width, 1))


def check_width(features: Tensor, in_features: int) -> None:
    """Raise ValueError unless the last dimension holds `in_features` channels."""
    if features.shape[-1] != in_features:
        raise ValueError(
            f"discriminator: got tokens of shape {tuple(features.shape)}, expected {in_features} "
            "channels in the last dimension; build it with in_features of the placement"
        )


def to_frames(features: Tensor) -> Tensor:
    """Return maps (..., h, w, C) as a convolution wants them, (M, C, h, w)."""
    frames = features.flatten(0, -4) if features.dim() > 3 else features[None]
    return frames.permute(0, 3, 1, 2)
