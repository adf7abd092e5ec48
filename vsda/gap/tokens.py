"""Tokens of both domains at one tap, and what is known of each."""

from dataclasses import dataclass

import torch
from torch import Tensor

IMAGE, VIDEO = 0, 1
"""The domains; a probe's positive class is video."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Features of M places of maps, or of M whole frames.

    Attributes:
        features: (M, C) float32.
        domains: (M,) int64, `IMAGE` or `VIDEO`.
        groups: (M,) int64, the picture or sequence that it is from. No group has both domains.
        classes: (M,) int64 class indices, background 0, or `IGNORE_INDEX`.
    """

    features: Tensor
    domains: Tensor
    groups: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.features)

    def where(self, kept: Tensor) -> "Tokens":
        """Return those tokens that (M,) bool `kept` names, or those of the numbers in it."""
        return Tokens(
            features=self.features[kept],
            domains=self.domains[kept],
            groups=self.groups[kept],
            classes=self.classes[kept],
        )

    def num_groups(self, domain: int) -> int:
        """Return how many pictures or sequences of a domain the tokens are from."""
        return len(torch.unique(self.groups[self.domains == domain]))


def join_tokens(parts: list[Tokens]) -> Tokens:
    """Return all tokens of `parts`, in order."""
    return Tokens(
        features=torch.cat([part.features for part in parts]),
        domains=torch.cat([part.domains for part in parts]),
        groups=torch.cat([part.groups for part in parts]),
        classes=torch.cat([part.classes for part in parts]),
    )
