"""Which tokens are compared with which: pairs inside clusters, balanced in every way.

Drawn blindly, a cluster with 10 % image tokens gives 82 % pairs from the same domain, and a
discriminator lives on that share alone. Here each pair belongs to a group of four of one cluster,

    image - image,  image - frame,  frame - image,  frame - frame,

so in every cluster half of the pairs are of the same domain, half of the anchors are image tokens,
and exchanging anchor and partner leaves the distribution as it was: chance is ln 2. Who wants them
blindly drawn all the same has `natural`.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vsda.errors import UsageError

Balance = Literal["balanced", "natural"]

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
        usable: (k,) bool, the clusters that give pairs. None is of one domain alone, where all
            pairs would be alike; `balanced` needs two tokens of each domain, since with one a pair
            of its domain would hold a token twice.
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
    *,
    balance: Balance = "balanced",
) -> Pairs:
    """Return pairs inside clusters, as many from each usable cluster.

    `balanced` draws as many of each of the four kinds, and within a kind both tokens uniformly.
    `natural` draws uniformly among all pairs of a cluster: with a share p of images, p^2 + (1-p)^2
    of the pairs are of the same domain. Both draw with replacement between pairs; a token is never
    paired with itself. What does not divide evenly is left over as invalid pairs at the end. No
    usable cluster, no valid pair.

    Args:
        labels: (M,) int64 in [0, k), the cluster of each token.
        is_source: (M,) bool, the token comes from an image.
        num_clusters: k.
        num_pairs: A multiple of 4, at least 4 k, so that every cluster can have its share.
        generator: All random numbers come from it; it may live on the CPU whatever the labels do.
        balance: `balanced` or `natural`.

    Raises:
        UsageError: `num_pairs` does not fit.
        ValueError: The labels and the domains are not of one length.
    """
    check_num_pairs(num_pairs, num_clusters)
    _check_lengths(labels, is_source)
    order, counts, starts = _groups(labels, is_source, num_clusters)
    usable = (counts >= (2 if balance == "balanced" else 1)).all(dim=1)
    slot = torch.arange(num_pairs, device=labels.device)
    cluster, valid = _clusters_of_slots(slot, usable)
    if balance == "balanced":  # a group is a domain of a cluster; the four kinds take turns
        sizes, anchor_group, partner_group = counts, slot % KINDS // 2, slot % 2
    else:  # a group is a cluster
        sizes, anchor_group, partner_group = counts.sum(dim=1, keepdim=True), slot * 0, slot * 0
    anchor, partner = _draw_places(
        sizes[cluster, anchor_group],
        sizes[cluster, partner_group],
        anchor_group == partner_group,
        generator,
    )
    last = len(labels) - 1  # the start of an empty group may lie behind the last token
    anchor = order[(starts[cluster, anchor_group] + anchor).clamp(max=last)]
    partner = order[(starts[cluster, partner_group] + partner).clamp(max=last)]
    return Pairs(
        anchor=anchor,
        partner=partner,
        same_domain=is_source[anchor] == is_source[partner],
        cluster=cluster,
        valid=valid,
        counts=counts,
        usable=usable,
    )


def check_num_pairs(num_pairs: int, num_clusters: int) -> None:
    """Raise UsageError unless every cluster can have its share of `num_pairs` of each kind."""
    if num_pairs % KINDS or num_pairs < KINDS * num_clusters:
        raise UsageError(
            f"adversarial.pairs: got {num_pairs}, expected a multiple of {KINDS} and at least "
            f"{KINDS * num_clusters}, {KINDS} for each of {num_clusters} clusters"
        )


def _draw_places(
    anchor_count: Tensor, partner_count: Tensor, same_group: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return uniform places in groups of the given sizes, differing where the group is the same."""
    size = (2, len(anchor_count))
    draws = torch.randint(_DRAW_BELOW, size, generator=generator, device=generator.device)
    draws = draws.to(anchor_count.device)
    anchor = draws[0] % anchor_count.clamp(min=1)
    # In the same group the partner lies 1 to count - 1 places further, round the end.
    further = anchor + 1 + draws[1] % (partner_count - 1).clamp(min=1)
    return anchor, torch.where(same_group, further, draws[1]) % partner_count.clamp(min=1)


def _groups(labels: Tensor, is_source: Tensor, num_clusters: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the tokens ordered by cluster and domain, and (k, 2) counts and starts in that order.

    Domain 0 of these tables is the images. The counts come from a sorted search, not from
    `bincount`, which waits for the device.
    """
    group = (2 * labels + ~is_source).int()  # sorted faster than 64 bits
    ordered, order = group.sort(stable=True)
    edges = torch.arange(2 * num_clusters + 1, dtype=torch.int32, device=labels.device)
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
