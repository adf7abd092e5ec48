"""The networks that guess a token's domain, or whether two tokens share one.

They have neither dropout nor batch statistics: a token's logit depends on that token alone, and
training draws no random number here.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from vsda.adversarial.discriminators.linear import LEAKY_SLOPE, check_width, linear_stack

PairInput = Literal["symmetric", "concatenated"]


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
        self.layers = linear_stack(in_features, hidden, [nn.LeakyReLU(slope)])

    def forward(self, tokens: Tensor) -> Tensor:
        """Return one logit per token, positive for "an image".

        Args:
            tokens: (M, C), or any (..., C).

        Returns:
            (M,), or (...).

        Raises:
            ValueError: The last dimension is not C.
        """
        check_width(tokens, self.in_features)
        logits: Tensor = self.layers(tokens)
        return logits.squeeze(-1)


class PairDiscriminator(nn.Module):
    """Judges whether two tokens come from the same domain.

    Args:
        in_features: Channels C of one token.
        hidden: Widths of the hidden layers.
        slope: Of the leaky ReLU below zero.
        pair_input: What the layers see. `symmetric` is `pair_features`, so that no order has to be
            learnt or averaged over. `concatenated` is both tokens, `[x, x']`; each pair is then
            judged in both orders, since neither is the right one.

    Reference:
        The method's discriminator of pairs; how it takes a pair is not published.
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int] = (64, 64),
        slope: float = LEAKY_SLOPE,
        *,
        pair_input: PairInput = "symmetric",
    ) -> None:
        super().__init__()
        if pair_input not in get_args(PairInput):
            raise ValueError(
                f"pair_input: got {pair_input!r}, expected one of {get_args(PairInput)}"
            )
        self.in_features, self.pair_input = in_features, pair_input
        self.layers = linear_stack(2 * in_features, hidden, [nn.LeakyReLU(slope)])

    def forward(self, tokens: Tensor, partners: Tensor) -> Tensor:
        """Return the logits of each pair, positive for "the same domain".

        Args:
            tokens: (M, C).
            partners: (M, C), the other token of each pair.

        Returns:
            (M,); with `concatenated` (2, M), of `[x, x']` and of `[x', x]`.

        Raises:
            ValueError: The last dimension is not C.
        """
        check_width(tokens, self.in_features)
        check_width(partners, self.in_features)
        of_pair = pair_features if self.pair_input == "symmetric" else both_orders
        logits: Tensor = self.layers(of_pair(tokens, partners))
        return logits.squeeze(-1)


def pair_features(tokens: Tensor, partners: Tensor) -> Tensor:
    """Return what is symmetric in a pair, `[|x - x'|, x * x']`: two of (M, C) make (M, 2C)."""
    return torch.cat(((tokens - partners).abs(), tokens * partners), dim=-1)


def both_orders(tokens: Tensor, partners: Tensor) -> Tensor:
    """Return `[x, x']` and `[x', x]`: two of (M, C) make (2, M, 2C)."""
    ordered = torch.cat((tokens, partners), dim=-1)
    return torch.stack((ordered, torch.cat((partners, tokens), dim=-1)))
