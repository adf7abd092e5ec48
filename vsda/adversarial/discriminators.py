"""The networks that guess a token's domain, or whether two tokens share one.

They have neither dropout nor batch statistics: a token's logit depends on that token alone, and
training draws no random number here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LEAKY_SLOPE = 0.2


class TokenDiscriminator(nn.Module):
    """Alternating linear layers and leaky ReLUs that judge each token by itself.

    Args:
        in_features: Channels C of a token.
        hidden: Widths of the hidden layers; `()` makes a linear discriminator.
        slope: Of the leaky ReLU below zero.

    Reference:
        The method's discriminator for Transformer tokens; its widths are not published.
    """

    def __init__(
        self, in_features: int, hidden: Sequence[int] = (64, 64), slope: float = LEAKY_SLOPE
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.layers = _linear_stack(in_features, hidden, slope)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return one logit per token, positive for "an image".

        Args:
            tokens: (M, C), or any (..., C).

        Returns:
            (M,), or (...).

        Raises:
            ValueError: The last dimension is not C.
        """
        _check_width(tokens, self.in_features)
        logits: Tensor = self.layers(tokens)
        return logits.squeeze(-1)


class PairDiscriminator(nn.Module):
    """Judges whether two tokens come from the same domain; swapping them changes nothing.

    It sees `pair_features`, so no order of the pair has to be learnt or averaged over.

    Args:
        in_features: Channels C of one token.
        hidden: Widths of the hidden layers.
        slope: Of the leaky ReLU below zero.
    """

    def __init__(
        self, in_features: int, hidden: Sequence[int] = (64, 64), slope: float = LEAKY_SLOPE
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.layers = _linear_stack(2 * in_features, hidden, slope)

    def forward(self, tokens: Tensor, partners: Tensor) -> Tensor:
        """Return one logit per pair, positive for "the same domain".

        Args:
            tokens: (M, C).
            partners: (M, C), the other token of each pair.

        Returns:
            (M,).

        Raises:
            ValueError: The last dimension is not C.
        """
        _check_width(tokens, self.in_features)
        _check_width(partners, self.in_features)
        logits: Tensor = self.layers(pair_features(tokens, partners))
        return logits.squeeze(-1)


def pair_features(tokens: Tensor, partners: Tensor) -> Tensor:
    """Return what is symmetric in a pair, `[|x - x'|, x * x']`: two of (M, C) make (M, 2C)."""
    return torch.cat(((tokens - partners).abs(), tokens * partners), dim=-1)


def _linear_stack(in_features: int, hidden: Sequence[int], slope: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = in_features
    for next_width in hidden:
        layers += [nn.Linear(width, next_width), nn.LeakyReLU(slope)]
        width = next_width
    return nn.Sequential(*layers, nn.Linear(width, 1))


def _check_width(tokens: Tensor, in_features: int) -> None:
    if tokens.shape[-1] != in_features:
        raise ValueError(
            f"discriminator: got tokens of shape {tuple(tokens.shape)}, expected {in_features} "
            "channels in the last dimension; build it with in_features of the placement"
        )
