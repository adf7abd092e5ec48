"""The maximum mean discrepancy, with what it would be by chance.

Two places of a picture are no two independent draws. So what is compared are groups (pictures,
sequences): each is the mean of its tokens' kernels, pairs inside of a group are left out, and the
null exchanges whole groups. A null that exchanged tokens would find a gap between any two sets.

Reference:
    Gretton et al., "A kernel two-sample test", 2012: the unbiased estimate and its permutation
    null; several bandwidths as in their "Optimal kernel choice", 2012, here around the median
    distance.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vsda.gap.tokens import IMAGE, VIDEO, Tokens

_MOST_TOKENS = 1024
"""Of each domain: the kernel is a square of both."""
_PERMUTATIONS = 999
_NUM_BANDWIDTHS = 5
"""Variances a quarter, half, once, twice and four times that of the median."""
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Discrepancy:
    """How far two distributions are apart.

    Attributes:
        squared: The unbiased squared discrepancy, in [-1, 2]; 0 on average between equals, so that
            it may be a little below.
        null_deviation: Its standard deviation when the groups' domains are exchanged at random.
        p_value: Share of such exchanges that give at least `squared`, itself counted; 0.001 at
            least.
    """

    squared: float
    null_deviation: float
    p_value: float


def discrepancy(tokens: Tokens, seed: int) -> Discrepancy:
    """Return the discrepancy between the domains, over at most 1,024 tokens of each.

    Features are standardised over both first, so that no channel counts for its scale alone.

    Args:
        tokens: Of two groups of either domain at least.
        seed: Of the choice of tokens and of the exchanges.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = tokens.where(_chosen(tokens, generator))
    deviation, mean = torch.std_mean(chosen.features, dim=0, correction=0)
    features = (chosen.features - mean) / deviation.clamp_min(_TINY)
    groups, number = torch.unique(chosen.groups, return_inverse=True)
    kernel = _between_groups(features, number, len(groups))
    domains = torch.zeros(len(groups), dtype=torch.int64).scatter(0, number, chosen.domains)
    orders = torch.stack(
        [torch.randperm(len(groups), generator=generator) for _ in range(_PERMUTATIONS)]
    )
    observed = _squared(kernel, domains[None])[0]
    null = _squared(kernel, domains[orders])
    return Discrepancy(
        squared=float(observed),
        null_deviation=float(null.std()),
        p_value=(1 + int((null >= observed).sum())) / (1 + _PERMUTATIONS),
    )


def _chosen(tokens: Tokens, generator: torch.Generator) -> Tensor:
    """Return the numbers of at most `_MOST_TOKENS` tokens of each domain, some of each group.

    Every group gives one before any gives a second.
    """
    parts = []
    for domain in (IMAGE, VIDEO):
        own = (tokens.domains == domain).nonzero().squeeze(1)
        own = own[torch.randperm(len(own), generator=generator)]
        order = torch.argsort(tokens.groups[own], stable=True)
        counts = tokens.groups[own].bincount()
        starts = (counts.cumsum(0) - counts)[tokens.groups[own][order]]
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(own)) - starts
        parts.append(own[torch.argsort(rank, stable=True)[:_MOST_TOKENS]])
    return torch.cat(parts)


def _between_groups(features: Tensor, number: Tensor, num_groups: int) -> Tensor:
    """Return the mean kernel (G, G) between the tokens of each two groups, 0 inside of a group."""
    squares = torch.cdist(features, features).square()
    apart = number[:, None] < number[None, :]
    variance = squares[apart].median().clamp_min(_TINY)
    widest = torch.exp(squares / (-8 * variance))  # of four times the variance
    kernel = torch.zeros_like(widest)
    for _ in range(_NUM_BANDWIDTHS):  # a square halves the variance
        kernel += widest / _NUM_BANDWIDTHS
        widest = widest.square()
    member = torch.nn.functional.one_hot(number, num_groups).float()
    member = member / member.sum(dim=0)
    return (member.T @ kernel @ member).fill_diagonal_(0)


def _squared(kernel: Tensor, domains: Tensor) -> Tensor:
    """Return the unbiased squared discrepancy (R,) for each of R assignments (R, G) of domains."""
    video = domains.to(kernel.dtype)
    image = 1 - video
    to_image, to_video = image @ kernel, video @ kernel
    num_image, num_video = image.sum(dim=1), video.sum(dim=1)
    return (
        (to_image * image).sum(dim=1) / (num_image * (num_image - 1))
        + (to_video * video).sum(dim=1) / (num_video * (num_video - 1))
        - 2 * (to_image * video).sum(dim=1) / (num_image * num_video)
    )
