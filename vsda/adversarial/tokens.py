"""The tokens of both domains under one numbering, without a copy that joins them."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class DomainTokens:
    """Tokens numbered from 0 to S + T - 1, those of images first.

    Joining 131,072 tokens of 96 channels, and splitting their gradient again, takes longer than
    all that the clustered loss then does with a few thousand of them.

    Attributes:
        source: (S, C), of images.
        target: (T, C), of video frames, on the same device and of the same type.
    """

    source: Tensor
    target: Tensor

    def __len__(self) -> int:
        return len(self.source) + len(self.target)

    @property
    def device(self) -> torch.device:
        """The device that holds the tokens."""
        return self.source.device

    def is_source(self) -> Tensor:
        """Return (S + T,) bool, whether each token comes from an image."""
        return torch.arange(len(self), device=self.device) < len(self.source)

    def detach(self) -> "DomainTokens":
        """Return the same tokens without a gradient."""
        return DomainTokens(self.source.detach(), self.target.detach())

    def joined(self) -> Tensor:
        """Return (S + T, C), a copy."""
        return torch.cat((self.source, self.target))

    def take(self, numbers: Tensor) -> Tensor:
        """Return the tokens of these numbers, (M,) int64 in [0, S + T), as (M, C).

        Its gradient repeats exactly: an embedding adds up in order, where indexing lets the threads
        of a CPU add in any.
        """
        num_source, num_target = len(self.source), len(self.target)
        if not num_target:
            return functional.embedding(numbers, self.source)
        if not num_source:
            return functional.embedding(numbers, self.target)
        # Every number is looked up in both, by a remainder where it is of the other domain: the
        # same token for all of those would have them queue up for the sum of its gradient.
        of_source = functional.embedding(numbers % num_source, self.source)
        of_target = functional.embedding((numbers - num_source) % num_target, self.target)
        return torch.where((numbers < num_source)[:, None], of_source, of_target)
