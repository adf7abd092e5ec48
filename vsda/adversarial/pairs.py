"""Which tokens are compared with which: pairs inside clusters, balanced in every way.

Drawn blindly, a cluster with 10 % image tokens gives 82 % pairs from the same domain, and a
discriminator lives on that share alone. Here each pair belongs to a group of four of one cluster,

    image - image,  image - frame,  frame - image,  frame - frame,

so in every cluster half of the pairs are of the same domain, half of the anchors are image tokens,
and exchanging anchor and partner leaves the distribution as it was: chance is ln 2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

KINDS = 4
"""Image-image, image-frame, frame-image, frame-frame."""

_DRAW_BELOW = 1 << 60  # so far above any number of tokens that a remainder is uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Pairs of tokens, and what the clusters were that gave them.

    The fields of pairs are all (num_pairs,), however few of the clusters are usable.

    Attributes:
        anchor: int64, index of a token.
        partner: int64, index of another token of the same cluster.
        same_domain: bool, both are image tokens or both are tokens of frames.
        cluster: int64, the cluster of both.
        valid: bool; where False, anchor, partner and cluster are legal indices without a meaning.
        counts: (k, 2) int64, image tokens and frame tokens of each cluster.
        usable: (k,) bool, the clusters with at least two tokens of each domain. With one, a pair
            of its domain would hold a token twice; with none, all pairs would be of one domain.
    """

    anchor: Tensor
    partner: Tensor
    same_domain: Tensor
    cluster: Tensor
    valid: Tensor
    counts: Tensor
    usable: Tensor


def sample_pairs(
    labels: Tensor,
    is_source: Tensor,
    num_clusters: int,
    num_pairs: int,
    generator: torch.Generator,
) -> Pairs:
    """Return pairs inside clusters: as many from each usable cluster and of each of four kinds.

    Within a kind, both tokens are drawn uniformly, with replacement between pairs; a token is never
    paired with itself. What does not divide evenly is left over as invalid pairs at the end. No
    usable cluster, no valid pair.

    Args:
        labels: (M,) int64 in [0, k), the cluster of each token.
        is_source: (M,) bool, the token comes from an image.
        num_clusters: k.
        num_pairs: A multiple of 4, at least 4 k, so that every cluster can have its share.
        generator: All random numbers come from it; it may live on the CPU whatever the labels do.

    Raises:
        ValueError: `num_pairs` does not fit, or the labels and the domains are not of one length.
    """
    check_num_pairs(num_pairs, num_clusters)
    _check_lengths(labels, is_source)
    order, counts, starts = _groups(labels, is_source, num_clusters)
    usable = (counts >= 2).all(dim=1)
    slot = torch.arange(num_pairs, device=labels.device)
    cluster, valid = _clusters_of_slots(slot, usable)
    # Column of `counts` and `starts`; the four kinds take turns.
    anchor_domain, partner_domain = slot % KINDS // 2, slot % 2
    same_domain = anchor_domain == partner_domain
    anchor, partner = _draw_places(
        counts[cluster, anchor_domain], counts[cluster, partner_domain], same_domain, generator
    )
    last = len(labels) - 1  # the start of an empty group may lie behind the last token
    return Pairs(
        anchor=order[(starts[cluster, anchor_domain] + anchor).clamp(max=last)],
        partner=order[(starts[cluster, partner_domain] + partner).clamp(max=last)],
        same_domain=same_domain,
        cluster=cluster,
        valid=valid,
        counts=counts,
        usable=usable,
    )


def check_num_pairs(num_pairs: int, num_clusters: int) -> None:
    """Raise ValueError unless every cluster can have its share of `num_pairs` of each kind."""
    if num_pairs % KINDS or num_pairs < KINDS * num_clusters:
        raise ValueError(
            f"num_pairs: got {num_pairs}, expected a multiple of {KINDS} and at least "
            f"{KINDS * num_clusters}, {KINDS} for each of {num_clusters} clusters"
        )


def _draw_places(
    anchor_count: Tensor, partner_count: Tensor, same_domain: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return uniform places in groups of the given sizes, differing where the group is the same."""
    size = (2, len(anchor_count))
    draws = torch.randint(_DRAW_BELOW, size, generator=generator, device=generator.device)
    draws = draws.to(anchor_count.device)
    anchor = draws[0] % anchor_count.clamp(min=1)
    # In the same group the partner lies 1 to count - 1 places further, round the end.
    further = anchor + 1 + draws[1] % (partner_count - 1).clamp(min=1)
    return anchor, torch.where(same_domain, further, draws[1]) % partner_count.clamp(min=1)


def _groups(labels: Tensor, is_source: Tensor, num_clusters: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the tokens ordered by cluster and domain, and (k, 2) counts and starts in that order.

    Domain 0 of these tables is the images. The counts come from a sorted search, not from
    `bincount`, which waits for the device.
    """
    group = 2 * labels + (~is_source).long()
    ordered, order = group.sort(stable=True)
    edges = torch.arange(2 * num_clusters + 1, device=labels.device)
    starts = torch.searchsorted(ordered, edges)
    return order, starts.diff().view(num_clusters, 2), starts[:-1].view(num_clusters, 2)


def _clusters_of_slots(slot: Tensor, usable: Tensor) -> tuple[Tensor, Tensor]:
    """Return each slot's cluster and validity: consecutive groups of four, evenly over `usable`."""
    num_groups = len(slot) // KINDS
    num_usable = usable.sum()
    usable_first = (~usable).long().argsort(stable=True)
    groups_each = num_groups // num_usable.clamp(min=1)
    rank = (slot // KINDS) // groups_each
    return usable_first[rank.clamp(max=len(usable) - 1)], rank < num_usable


def _check_lengths(labels: Tensor, is_source: Tensor) -> None:
    if labels.shape != is_source.shape or labels.dim() != 1 or len(labels) == 0:
        raise ValueError(
            f"pairs: got labels {tuple(labels.shape)} and domains {tuple(is_source.shape)}, "
            "expected (M,) and (M,) with M > 0"
        )
