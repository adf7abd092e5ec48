"""One step of training against the same step written without a reversal."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from vsda.adversarial.discriminators import PairDiscriminator, TokenDiscriminator
from vsda.adversarial.kmeans import kmeans, seed_centroids
from vsda.adversarial.losses import ClusteredLoss, Clustering, DomainLoss
from vsda.adversarial.pairs import sample_pairs

RATE = 0.1
NUM_CLUSTERS, NUM_PAIRS, ITERATIONS = 2, 64, 3


class Toy(nn.Module):
    """An encoder (3 -> 5 channels), a segmentation head of 4 classes, and a loss over tokens."""

    def __init__(self, adversarial):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 5, 2, stride=2), nn.Tanh())
        self.head = nn.Conv2d(5, 4, 1)
        self.adversarial = adversarial

    def tokens(self, images):
        return self.encoder(images).permute(0, 2, 3, 1)

    def segmentation(self, images, masks):
        return functional.cross_entropy(self.head(self.encoder(images)), masks)


@pytest.fixture
def batch():
    torch.manual_seed(3)
    images, frames = torch.randn(2, 3, 8, 8).double(), 0.5 + torch.randn(3, 3, 8, 8).double()
    return images, frames, torch.randint(4, (2, 4, 4))


def toy_with(kind):
    torch.manual_seed(5)
    if kind == "domain":
        return Toy(DomainLoss(TokenDiscriminator(5))).double()
    loss = ClusteredLoss(
        PairDiscriminator(5),
        Clustering(num_clusters=NUM_CLUSTERS, num_pairs=NUM_PAIRS, iterations=ITERATIONS),
        in_features=5,
    )
    return Toy(loss).double()


def generator():
    return torch.Generator().manual_seed(11)


def log_loss(logits, truth):
    """The mean of -log p(truth), written out."""
    p = 1 / (1 + torch.exp(-logits))
    return -torch.where(truth, p.log(), (1 - p).log()).mean()


def domain_loss(toy, images, frames):
    logits = [toy.adversarial.discriminator(toy.tokens(x)).flatten() for x in (images, frames)]
    truth = [torch.ones_like(logits[0]).bool(), torch.zeros_like(logits[1]).bool()]
    return sum(log_loss(*domain) for domain in zip(logits, truth, strict=True)) / 2


def clustered_loss(toy, images, frames):
    source, target = toy.tokens(images).flatten(0, 2), toy.tokens(frames).flatten(0, 2)
    tokens, numbers = torch.cat((source, target)), generator()
    start = seed_centroids(tokens, NUM_CLUSTERS, numbers)
    labels = kmeans(tokens, start, ITERATIONS).labels
    is_source = torch.tensor([True] * len(source) + [False] * len(target))
    pairs = sample_pairs(labels, is_source, NUM_CLUSTERS, NUM_PAIRS, numbers)
    logits = toy.adversarial.discriminator(tokens[pairs.anchor], tokens[pairs.partner])
    same = is_source[pairs.anchor] == is_source[pairs.partner]
    assert pairs.valid.all()
    return log_loss(logits, same)


PLAIN = {"domain": domain_loss, "clustered": clustered_loss}


def reversed_step(toy, batch, strength, weight=1.0):
    """One step of SGD with the loss behind its reversal, and one backward."""
    images, frames, masks = batch
    terms = toy.adversarial(
        toy.tokens(images), toy.tokens(frames), strength=strength, generator=generator()
    )
    (toy.segmentation(images, masks) + weight * terms.loss).backward()
    torch.optim.SGD(toy.parameters(), lr=RATE).step()


def minimax_step(toy, batch, plain, mu, discriminator_mu):
    """The same step by hand: the encoder climbs `mu` times what the discriminator descends."""
    images, frames, masks = batch
    trunk = [*toy.encoder.parameters(), *toy.head.parameters()]
    encoder, discriminator = [*toy.encoder.parameters()], [*toy.adversarial.parameters()]
    descend = torch.autograd.grad(toy.segmentation(images, masks), trunk)
    loss = plain(toy, images, frames)
    climb = torch.autograd.grad(loss, encoder, retain_graph=True)
    discriminate = torch.autograd.grad(loss, discriminator)
    move(trunk, descend, -RATE)
    move(encoder, climb, RATE * mu)
    move(discriminator, discriminate, -RATE * discriminator_mu)


def move(parameters, gradients, rate):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.add_(gradient, alpha=rate)


def distance(first, second):
    return max(
        (a - b).abs().max().item()
        for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("mu", [0.0, 0.3, 1.0])
def test_strength_weighs_the_encoder_alone(kind, mu, batch):
    by_reversal = toy_with(kind)
    by_hand, untouched = copy.deepcopy(by_reversal), copy.deepcopy(by_reversal)
    reversed_step(by_reversal, batch, strength=mu)
    minimax_step(by_hand, batch, PLAIN[kind], mu=mu, discriminator_mu=1.0)
    assert distance(by_reversal, by_hand) < 1e-6
    assert distance(by_reversal.adversarial, untouched.adversarial) > 1e-4


@pytest.mark.parametrize("kind", PLAIN)
def test_weighting_the_loss_slows_the_discriminator_too(kind, batch):
    by_reversal = toy_with(kind)
    by_hand = copy.deepcopy(by_reversal)
    reversed_step(by_reversal, batch, strength=1.0, weight=0.3)
    minimax_step(by_hand, batch, PLAIN[kind], mu=0.3, discriminator_mu=0.3)
    assert distance(by_reversal, by_hand) < 1e-6


@pytest.mark.parametrize("kind", PLAIN)
def test_the_two_readings_of_mu_differ_at_0_3(kind, batch):
    by_strength = toy_with(kind)
    by_weight = copy.deepcopy(by_strength)
    reversed_step(by_strength, batch, strength=0.3)
    reversed_step(by_weight, batch, strength=1.0, weight=0.3)
    assert distance(by_strength.encoder, by_weight.encoder) < 1e-6
    assert distance(by_strength.adversarial, by_weight.adversarial) > 1e-4


@pytest.mark.parametrize("kind", PLAIN)
def test_the_encoders_step_changes_with_the_strength(kind, batch):
    without, with_it = toy_with(kind), toy_with(kind)
    reversed_step(without, batch, strength=0.0)
    reversed_step(with_it, batch, strength=1.0)
    assert distance(without.encoder, with_it.encoder) > 1e-5
    assert distance(without.head, with_it.head) == 0
