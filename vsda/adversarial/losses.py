"""The two adversarial losses: of single tokens, and of pairs inside clusters of tokens.

Both hold their discriminator behind a gradient reversal, so that one `backward` trains the
discriminator to tell the domains apart and the encoder to make them alike. Both compute the
cross-entropy in at least 32 bits and take every random number from the generator they are given.
"""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsda.adversarial.gradient_reversal import grad_reverse
from vsda.adversarial.kmeans import Clusters, kmeans, seed_centroids
from vsda.adversarial.pairs import Pairs, check_num_pairs, sample_pairs

Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialTerms:
    """An adversarial loss and what to watch beside it.

    All diagnostics are detached and stay on the device; None where the loss has no such thing, nan
    where there was nothing to measure. A loss near ln 2 (of the mean) and accuracies near 0.5 mean
    that the discriminator is at chance, which alone does not show that the features are alike.

    Attributes:
        loss: Scalar, at least float32, with a graph; already reversed, to be added to the others.
        accuracy_source: Scalar, share of image tokens taken for an image.
        accuracy_target: Scalar, share of frame tokens taken for a frame.
        accuracy_same: Scalar, share of same-domain pairs recognised.
        accuracy_cross: Scalar, share of cross-domain pairs recognised.
        cluster_source_share: (k,), share of image tokens in each cluster; nan for an empty one.
        num_valid_clusters: Scalar int64, clusters that gave pairs.
    """

    loss: Tensor
    accuracy_source: Tensor | None = None
    accuracy_target: Tensor | None = None
    accuracy_same: Tensor | None = None
    accuracy_cross: Tensor | None = None
    cluster_source_share: Tensor | None = None
    num_valid_clusters: Tensor | None = None

    def scalars(self) -> dict[str, Tensor]:
        """Return all values by name for a log, detached scalars that stay on the device.

        `loss` becomes `loss_adversarial`, `cluster_source_share` one entry per cluster
        (`cluster_source_share_0`, ...). What is None is left out; what was not measured is nan.
        """
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        named["loss_adversarial"] = named.pop("loss").detach()
        return {
            name: value
            for key, tensor in named.items()
            if tensor is not None
            for name, value in _flat(key, tensor).items()
        }


class DomainLoss(nn.Module):
    """Cross-entropy of a discriminator that guesses each token's domain, 1 for an image.

    `mean` is half the mean over image tokens plus half the mean over frame tokens, so chance is
    ln 2 however many tokens either stream has. `sum` is that times the number of all tokens. With
    streams of equal size these are the plain mean and the plain sum of the paper; with unequal ones
    the paper's would reward a discriminator for the mix alone. `sum` makes a strength act as if
    multiplied by the number of tokens (131,072 for 16 + 16 images of 256 pixels).

    Args:
        discriminator: Maps (..., C) tokens to logits of any shape, without batch statistics: it is
            called once per domain, whose sizes may differ.
        reduction: Over tokens.

    Reference:
        The method's general loss, L_dc.
    """

    def __init__(self, discriminator: nn.Module, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.discriminator = discriminator
        self.reduction = _known(reduction)

    def forward(
        self,
        source_tokens: Tensor,
        target_tokens: Tensor,
        *,
        strength: float,
        generator: torch.Generator | None = None,
    ) -> AdversarialTerms:
        """Return the loss and both accuracies; of a batch of one domain, 0 with a graph.

        Args:
            source_tokens: (N, h, w, C) of images, or any (..., C).
            target_tokens: The same of video frames; N, h and w may differ.
            strength: Of the gradient reversal.
            generator: Not used; nothing here is random.
        """
        source = self.discriminator(grad_reverse(source_tokens, strength))
        target = self.discriminator(grad_reverse(target_tokens, strength))
        loss = (_mean(_cross_entropy(source, 1)) + _mean(_cross_entropy(target, 0))) / 2
        if not (source.numel() and target.numel()):
            loss = loss * 0  # one domain alone teaches only its name
        if self.reduction == "sum":
            loss = loss * (source.numel() + target.numel())
        return AdversarialTerms(
            loss=loss,
            accuracy_source=(source.detach() > 0).float().mean(),
            accuracy_target=(target.detach() <= 0).float().mean(),
        )


class ClusteredLoss(nn.Module):
    """Cross-entropy of a discriminator that guesses whether two tokens of a cluster share a domain.

    The tokens of both streams are clustered together, without a gradient; pairs are drawn inside
    the clusters (`sample_pairs`), so that like is compared with like. Centroids start from those of
    the step before, and are part of the state so that a resumed run continues with them; only
    training changes them.

    Args:
        discriminator: Maps two (num_pairs, C) to (num_pairs,) logits; symmetric, if the order of a
            pair shall not matter.
        in_features: Channels C of a token.
        num_clusters: k; the paper takes the number of the video dataset's classes.
        num_pairs: Drawn per step over all clusters; a multiple of 4, at least 4 k.
        iterations: Of k-means per step.
        reduction: Over valid pairs. The paper sums over all of them; `sum` makes a strength act as
            if multiplied by their number.

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
        *,
        in_features: int,
        num_clusters: int,
        num_pairs: int = 4096,
        iterations: int = 5,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        check_num_pairs(num_pairs, num_clusters)
        self.discriminator = discriminator
        self.num_clusters, self.num_pairs, self.iterations = num_clusters, num_pairs, iterations
        self.reduction = _known(reduction)
        self.register_buffer("centroids", torch.zeros(num_clusters, in_features))
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
            ValueError: No generator; or channels, or the number of tokens, that do not fit.
        """
        if generator is None:
            raise ValueError(
                "ClusteredLoss: got no generator, expected a torch.Generator; the global random "
                "stream belongs to the network"
            )
        source, target = source_tokens.flatten(0, -2), target_tokens.flatten(0, -2)
        tokens = torch.cat((source, target))
        is_source = torch.arange(len(tokens), device=tokens.device) < len(source)
        labels = self._cluster(tokens.detach(), generator).labels
        pairs = sample_pairs(labels, is_source, self.num_clusters, self.num_pairs, generator)
        logits = self.discriminator(
            grad_reverse(tokens[pairs.anchor], strength),
            grad_reverse(tokens[pairs.partner], strength),
        )
        return self._terms(logits, pairs)

    def _cluster(self, tokens: Tensor, generator: torch.Generator) -> Clusters:
        if tokens.shape[1] != self.centroids.shape[1]:
            raise ValueError(
                f"ClusteredLoss: got tokens of {tokens.shape[1]} channels, expected in_features = "
                f"{self.centroids.shape[1]}; build it with in_features of the placement"
            )
        start = self.centroids
        if not self._warm:
            start = seed_centroids(tokens, self.num_clusters, generator)
        clusters = kmeans(tokens, start, self.iterations)
        if self.training:
            self.centroids.copy_(clusters.centroids)
            self.holds_centroids.fill_(True)
            self._warm = True
        return clusters

    def _terms(self, logits: Tensor, pairs: Pairs) -> AdversarialTerms:
        same, cross = pairs.valid & pairs.same_domain, pairs.valid & ~pairs.same_domain
        loss = (_cross_entropy(logits, pairs.same_domain) * pairs.valid).sum()
        if self.reduction == "mean":
            loss = loss / pairs.valid.sum().clamp(min=1)
        return AdversarialTerms(
            loss=loss,
            accuracy_same=_share(logits.detach() > 0, same),
            accuracy_cross=_share(logits.detach() <= 0, cross),
            cluster_source_share=pairs.counts[:, 0] / pairs.counts.sum(dim=1),
            num_valid_clusters=pairs.usable.sum(),
        )


def _cross_entropy(logits: Tensor, truth: Tensor | int) -> Tensor:
    # In 16 bits a sum over 131,072 tokens at chance, 90,852, would be infinite.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    with torch.autocast(logits.device.type, enabled=False):
        return functional.binary_cross_entropy_with_logits(
            logits, torch.ones_like(logits) * truth, reduction="none"
        )


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(1, values.numel())


def _share(right: Tensor, among: Tensor) -> Tensor:
    return (right & among).sum() / among.sum()


def _flat(name: str, tensor: Tensor) -> dict[str, Tensor]:
    if tensor.dim() == 0:
        return {name: tensor}
    return {f"{name}_{index}": value for index, value in enumerate(tensor.unbind())}


def _known(reduction: Reduction) -> Reduction:
    if reduction not in get_args(Reduction):
        raise ValueError(f"reduction: got {reduction!r}, expected one of {get_args(Reduction)}")
    return reduction


def _read_flag(loss: ClusteredLoss, _: object) -> None:
    loss._warm = bool(loss.holds_centroids)
