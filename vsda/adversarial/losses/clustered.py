"""The clustered loss: do two tokens of a cluster come from the same domain?"""

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from vsda.adversarial.gradient_reversal import grad_reverse
from vsda.adversarial.kmeans import (
    FIT_TOKENS,
    Clusters,
    assign,
    draw_numbers,
    kmeans,
    seed_centroids,
)
from vsda.adversarial.losses.terms import (
    AdversarialTerms,
    Reduction,
    cross_entropy,
    known_reduction,
)
from vsda.adversarial.pairs import Balance, Pairs, check_num_pairs, sample_pairs
from vsda.adversarial.tokens import DomainTokens
from vsda.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Clustering:
    """How tokens are clustered and paired.

    Attributes:
        num_clusters: k; the paper takes the number of the video dataset's classes.
        iterations: Of k-means per step.
        fit_tokens: With more tokens than this, k-means runs on so many of them, drawn anew at each
            step, and all are assigned to its centroids. A centroid of 1,500 of 12,000 tokens is off
            by a fortieth of the cluster's spread, which raises the sum of squares by 0.07 %.
        num_pairs: Drawn per step over all clusters; a multiple of 4, at least 4 k.
        balance: `balanced` or `natural`, see `sample_pairs`.

    Raises:
        UsageError: `num_pairs` or `fit_tokens` does not fit.
        ValueError: There is no such balance.
    """

    num_clusters: int
    iterations: int = 5
    fit_tokens: int = FIT_TOKENS
    num_pairs: int = 4096
    balance: Balance = "balanced"

    def __post_init__(self) -> None:
        check_num_pairs(self.num_pairs, self.num_clusters)
        if self.fit_tokens < self.num_clusters:
            raise UsageError(
                f"adversarial.fit_tokens: got {self.fit_tokens}, expected at least one for each of "
                f"{self.num_clusters} clusters"
            )
        if self.balance not in get_args(Balance):
            raise ValueError(f"balance: got {self.balance!r}, expected one of {get_args(Balance)}")


class ClusteredLoss(nn.Module):
    """Cross-entropy of a discriminator that guesses whether two tokens of a cluster share a domain.

    The tokens of both streams are clustered together, without a gradient; pairs are drawn inside
    the clusters (`sample_pairs`), so that like is compared with like. Centroids start from those of
    the step before, and are part of the state so that a resumed run continues with them; only
    training changes them.

    Every usable cluster gives equally many pairs. The mean over pairs is thus the mean over
    clusters of each one's mean, and the sum is the paper's sum over clusters of each one's sum: a
    small cluster counts as much as a large one.

    On several devices each clusters its own tokens and draws its pairs among them, by choice: no
    token travels, and the centroids of the devices differ. Where buffers are broadcast before a
    forward, as `DistributedDataParallel` does, all start a step from the centroids of rank 0, which
    are also those that its checkpoint holds and that every rank resumes from.

    Args:
        discriminator: Maps two (num_pairs, C) to logits (num_pairs,), or to (orders, num_pairs)
            where it judges each pair in several orders, whose losses are averaged.
        clustering: How tokens are clustered and paired.
        in_features: Channels C of a token; h * w * C where a token is a whole frame.
        reduction: Over valid pairs; `sum` makes a strength act as if multiplied by their number.

    Attributes:
        centroids: (k, C) float32 buffer.
        holds_centroids: Bool buffer, False until `centroids` are those of a step.

    Reference:
        The method's clustered loss, L_cl; which pairs it takes, and how many, is not published.
    """

    centroids: Tensor
    holds_centroids: Tensor

    def __init__(
        self,
        discriminator: nn.Module,
        clustering: Clustering,
        *,
        in_features: int,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.discriminator, self.clustering = discriminator, clustering
        self.reduction = known_reduction(reduction)
        self.register_buffer("centroids", torch.zeros(clustering.num_clusters, in_features))
        self.register_buffer("holds_centroids", torch.tensor(False))
        self._warm = False  # the flag's value, known without asking the device
        self.register_load_state_dict_post_hook(_read_flag)  # type: ignore[no-untyped-call]

    def forward(
        self,
        source_tokens: Tensor,
        target_tokens: Tensor,
        *,
        strength: float,
        generator: torch.Generator | None = None,
    ) -> AdversarialTerms:
        """Return the loss, the accuracies on both kinds of pairs, and the mix of the clusters.

        Without a usable cluster, such as in a batch of one domain, the loss is 0 with a graph.

        Args:
            source_tokens: (N, h, w, C) of images, or any (..., C).
            target_tokens: The same of video frames; N, h and w may differ.
            strength: Of the gradient reversal.
            generator: Source of all random numbers, which also must be saved to resume exactly.

        Raises:
            ValueError: No generator; or channels that do not fit.
            UsageError: There are fewer tokens than clusters.
        """
        if generator is None:
            raise ValueError(
                "ClusteredLoss: got no generator, expected a torch.Generator; the global random "
                "stream belongs to the network"
            )
        tokens = DomainTokens(source_tokens.flatten(0, -2), target_tokens.flatten(0, -2))
        clusters = self.cluster(tokens.detach(), generator)
        if self.training:
            self.centroids.copy_(clusters.centroids)
            self.holds_centroids.fill_(True)
            self._warm = True
        how = self.clustering
        pairs = sample_pairs(
            clusters.labels,
            tokens.is_source(),
            how.num_clusters,
            how.num_pairs,
            generator,
            balance=how.balance,
        )
        both = grad_reverse(tokens.take(torch.cat((pairs.anchor, pairs.partner))), strength)
        return self._terms(self.discriminator(*both.chunk(2)), pairs)

    def notice_restored(self) -> None:
        """Take note that the buffers were set to what they were: no longer warm, perhaps."""
        self._warm = bool(self.holds_centroids)

    def cluster(self, tokens: DomainTokens, generator: torch.Generator) -> Clusters:
        """Return the clusters of `tokens` (no gradient), from the centroids held; change nothing.

        Raises:
            ValueError: The tokens' channels do not fit.
            UsageError: There are fewer tokens than clusters.
        """
        self._check(tokens)
        how = self.clustering
        fits_on_all = len(tokens) <= how.fit_tokens
        fitted = (
            tokens.joined()
            if fits_on_all
            else tokens.take(draw_numbers(len(tokens), how.fit_tokens, tokens.device, generator))
        )
        start = (
            self.centroids if self._warm else seed_centroids(fitted, how.num_clusters, generator)
        )
        clusters = kmeans(fitted, start, how.iterations)
        if fits_on_all:
            return clusters
        parts = (tokens.source, tokens.target)
        labels = torch.cat([assign(part, clusters.centroids) for part in parts])
        return Clusters(centroids=clusters.centroids, labels=labels)

    def _check(self, tokens: DomainTokens) -> None:
        num_clusters, in_features = self.centroids.shape
        for part in (tokens.source, tokens.target):
            if part.shape[1] != in_features:
                raise ValueError(
                    f"ClusteredLoss: got tokens of {part.shape[1]} channels, expected in_features "
                    f"= {in_features}; build it with in_features of the placement"
                )
        if len(tokens) < num_clusters:
            raise UsageError(
                f"adversarial.clusters: got {num_clusters} clusters for the {len(tokens)} tokens "
                "of a batch, expected at most as many; lower adversarial.clusters, or raise "
                "batch_images and batch_videos"
            )

    def _terms(self, logits: Tensor, pairs: Pairs) -> AdversarialTerms:
        logits = logits.reshape(-1, len(pairs.valid))  # (orders, num_pairs)
        same, cross = pairs.valid & pairs.same_domain, pairs.valid & ~pairs.same_domain
        by_pair = cross_entropy(logits, pairs.same_domain).mean(dim=0)
        loss = by_pair.where(pairs.valid, 0).sum()
        if self.reduction == "mean":
            loss = loss / pairs.valid.sum().clamp(min=1)
        return AdversarialTerms(
            loss=loss,
            accuracy_same=_share(logits.detach() > 0, same),
            accuracy_cross=_share(logits.detach() <= 0, cross),
            cluster_source_share=pairs.counts[:, 0] / pairs.counts.sum(dim=1),
            num_valid_clusters=pairs.usable.sum(),
        )


def _share(right: Tensor, among: Tensor) -> Tensor:
    return (right & among).float().mean(dim=0).sum() / among.sum()


def _read_flag(loss: ClusteredLoss, _: object) -> None:
    loss.notice_restored()
