"""k-means on the device that holds the tokens, cheap enough for every training step.

Nothing here waits for the device (the number of Lloyd iterations is fixed, no value is read back),
nothing uses atomic additions (centroids are a one-hot matrix product), no gradient flows, and
distances are taken in float32 on centred tokens, whatever autocast surrounds the call: the expanded
square `|x|^2 - 2xc + |c|^2` loses its digits where the mean is large against the spread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

FIT_TOKENS = 16_384
"""Tokens to which a step that has more of them fits its centroids."""

SEED_TOKENS = 4096
"""Tokens that the seeding looks at: enough for tens of clusters, whatever the batch."""

SEED_CANDIDATES = 8
"""Candidates per seed, of which the one that lowers the potential most is kept."""

_CHUNK_TOKENS = 16_384  # their centred copy fits into a processor's cache


@dataclass(frozen=True, kw_only=True, slots=True)
class Clusters:
    """Where k-means ended.

    Attributes:
        centroids: (k, C) float32, in the coordinates of the tokens (not centred).
        labels: (M,) int64, the nearest of these centroids for each token.
    """

    centroids: Tensor
    labels: Tensor


def kmeans(tokens: Tensor, centroids: Tensor, iterations: int) -> Clusters:
    """Return the clusters after a fixed number of Lloyd iterations from given centroids.

    A cluster that loses all its tokens keeps its centroid.

    Args:
        tokens: (M, C), any floating type.
        centroids: (k, C) to start from: `seed_centroids`, or those of the previous step.
        iterations: 0 only assigns the tokens.

    Raises:
        ValueError: The shapes do not fit together.
    """
    if tokens.dim() != 2 or centroids.dim() != 2 or tokens.shape[1] != centroids.shape[1]:
        raise ValueError(
            f"kmeans: got tokens {tuple(tokens.shape)} and centroids {tuple(centroids.shape)}, "
            "expected (M, C) and (k, C)"
        )
    with _exact(tokens):
        mean, centred = _centre(tokens)
        centred_centroids = centroids.float() - mean
        for _ in range(iterations):
            centred_centroids = _update(centred, centred_centroids)
        labels = _nearest(centred, centred_centroids)
        return Clusters(centroids=centred_centroids + mean, labels=labels)


def assign(tokens: Tensor, centroids: Tensor) -> Tensor:
    """Return (M,) int64, the nearest of the centroids (k, C) for each of the tokens (M, C).

    Tokens are centred piece by piece: with many of them, a centred copy of all costs more time than
    the distances.
    """
    with _exact(tokens):
        pieces = (_centre(piece) for piece in torch.split(tokens, _CHUNK_TOKENS))
        return torch.cat([_nearest(piece, centroids.float() - mean) for mean, piece in pieces])


def draw_numbers(below: int, size: int, device: torch.device, generator: torch.Generator) -> Tensor:
    """Return (size,) int64 drawn uniformly from [0, below), with replacement, on `device`.

    The generator may live on the CPU whatever the device.
    """
    numbers = torch.randint(below, (size,), generator=generator, device=generator.device)
    return numbers.to(device)


def seed_centroids(tokens: Tensor, num_clusters: int, generator: torch.Generator) -> Tensor:
    """Return (k, C) float32 tokens, spread by greedy k-means++ over a subsample.

    Args:
        tokens: (M, C), any floating type.
        num_clusters: k.
        generator: All random numbers come from it; it may live on the CPU whatever the tokens do.

    Raises:
        ValueError: There are fewer tokens than clusters.

    Reference:
        Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
    """
    if not 1 <= num_clusters <= len(tokens):
        raise ValueError(
            f"kmeans: got {num_clusters} clusters for {len(tokens)} tokens, expected 1 to the "
            "number of tokens; use fewer clusters or larger images"
        )
    with _exact(tokens):
        mean, centred = _centre(_subsample(tokens, generator))
        return _plus_plus(centred, num_clusters, generator) + mean


@contextmanager
def _exact(tokens: Tensor) -> Iterator[None]:
    with torch.no_grad(), torch.autocast(tokens.device.type, enabled=False):
        yield


def _centre(tokens: Tensor) -> tuple[Tensor, Tensor]:
    tokens = tokens.float()
    mean = tokens.mean(dim=0)
    return mean, tokens - mean


def _nearest(tokens: Tensor, centroids: Tensor) -> Tensor:
    # Half the square distance, less |x|^2 / 2, which is the same for every centroid.
    half_norms = centroids.square().sum(dim=1) / 2
    return torch.addmm(half_norms, tokens, centroids.T, alpha=-1).argmin(dim=1)


def _update(tokens: Tensor, centroids: Tensor) -> Tensor:
    cluster_ids = torch.arange(len(centroids), device=tokens.device)
    member = (_nearest(tokens, centroids)[:, None] == cluster_ids).float()  # (M, k)
    count = member.sum(dim=0)[:, None]
    return torch.where(count > 0, (member.T @ tokens) / count.clamp(min=1), centroids)


def _subsample(tokens: Tensor, generator: torch.Generator) -> Tensor:
    if len(tokens) <= SEED_TOKENS:
        return tokens
    return tokens[draw_numbers(len(tokens), SEED_TOKENS, tokens.device, generator)]


def _plus_plus(tokens: Tensor, num_clusters: int, generator: torch.Generator) -> Tensor:
    # Drawing proportionally to the squared distance = taking the smallest of E / distance with E
    # exponential: no cumulative sum (which CUDA does not repeat exactly) and no check for zeros.
    waits = torch.empty(num_clusters, len(tokens), device=generator.device)
    waits = waits.exponential_(generator=generator).to(tokens.device)
    # Indices keep a dimension: to index with a scalar tensor reads it back to the host.
    seeds = [tokens[waits[0].argmin(dim=0, keepdim=True)]]
    distances = _square_distances(tokens, seeds[0])[:, 0]
    for wait in waits[1:]:
        nearest = (wait / distances).topk(min(SEED_CANDIDATES, len(tokens)), largest=False)
        candidates = tokens[nearest.indices]
        lowered = torch.minimum(distances[:, None], _square_distances(tokens, candidates))
        best = lowered.sum(dim=0).argmin(dim=0, keepdim=True)
        seeds.append(candidates[best])
        distances = lowered[:, best][:, 0]
    return torch.cat(seeds)


def _square_distances(tokens: Tensor, centroids: Tensor) -> Tensor:
    products = tokens @ centroids.T
    norms = tokens.square().sum(dim=1)[:, None] + centroids.square().sum(dim=1)
    return (norms - 2 * products).clamp(min=0)
