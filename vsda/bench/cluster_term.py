"""The parts of an adversarial loss by themselves, on the features of a real step."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsda.adversarial.pairs import sample_pairs
from vsda.adversarial.tokens import DomainTokens
from vsda.bench.cluster_arms import Arm, Calls, Seen
from vsda.bench.timing import Rounds, Work

WHOLE, KMEANS, PAIRS, DISCRIMINATOR, REST = (
    "clustered term",
    "k-means",
    "pair sampling",
    "discriminator",
    "gathering, cross-entropy",
)
DOMAIN = "domain term"


def clustered_parts(arm: Arm, seen: Seen) -> dict[str, Work]:
    """Return the clustered term, forward and backward, and each of its parts, as work to time."""
    loss = arm.clustered
    how, tokens, generator = loss.clustering, domain_tokens(seen), arm.generator
    labels, is_source = loss.cluster(tokens, generator).labels, tokens.is_source()
    return {
        WHOLE: term(arm, seen),
        KMEANS: lambda: loss.cluster(tokens, generator),
        PAIRS: lambda: sample_pairs(
            labels, is_source, how.num_clusters, how.num_pairs, generator, balance=how.balance
        ),
        DISCRIMINATOR: _discriminator(loss.discriminator, seen.discriminator),
    }


def term(arm: Arm, seen: Seen) -> Work:
    """Return the arm's adversarial loss on the features of a step, forward and backward."""
    loss = arm.adversarial

    def work() -> None:
        inputs = _leaves(seen.features)
        loss.zero_grad(set_to_none=True)
        loss(*inputs, strength=1.0, generator=arm.generator).loss.backward()

    return work


def rest(rounds: Rounds) -> list[float]:
    """Return what the clustered term took besides its parts, by round; noise may make it < 0."""
    parts = zip(rounds[KMEANS], rounds[PAIRS], rounds[DISCRIMINATOR], strict=True)
    return [whole - sum(part) for whole, part in zip(rounds[WHOLE], parts, strict=True)]


def domain_tokens(seen: Seen) -> DomainTokens:
    """Return the tokens of both domains that the loss saw."""
    source, target = (features.flatten(0, -2) for features in seen.features)
    return DomainTokens(source, target)


def _discriminator(discriminator: nn.Module, calls: Calls) -> Callable[[], None]:
    def work() -> None:
        discriminator.zero_grad(set_to_none=True)
        for call in calls:
            logits = discriminator(*_leaves(call))
            truth = torch.ones_like(logits)
            loss = functional.binary_cross_entropy_with_logits(logits, truth)
            torch.autograd.backward(loss)

    return work


def _leaves(inputs: tuple[Tensor, ...]) -> list[Tensor]:
    return [each.detach().requires_grad_() for each in inputs]
