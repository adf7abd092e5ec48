"""What the losses do over a few hundred steps of training on made-up tokens."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from vsda.adversarial.discriminators import PairDiscriminator, TokenDiscriminator
from vsda.adversarial.losses import ClusteredLoss, Clustering, DomainLoss

NUM_CHANNELS = 8


class NoisyGains(nn.Module):
    """An encoder with one gain per channel, and noise behind it.

    The noise makes a channel worth as much as its gain: a discriminator cannot undo a small one.
    """

    def __init__(self, generator, sigma):
        super().__init__()
        self.sigma = sigma
        self.gains = nn.Parameter(torch.ones(NUM_CHANNELS))
        self.generator = generator

    def forward(self, tokens):
        return tokens * self.gains + self.noise(tokens.shape)

    def noise(self, shape):
        return self.sigma * torch.randn(shape, generator=self.generator)

    def shifted_domains(self):
        """Encode two sets of tokens (256, 8) that differ by 1 in the first channel."""
        source, target = self.noise((2, 256, NUM_CHANNELS))
        source[:, 0] += 1
        return self(source), self(target)


def new_loss(kind):
    if kind == "domain":
        return DomainLoss(TokenDiscriminator(NUM_CHANNELS))
    return ClusteredLoss(
        PairDiscriminator(NUM_CHANNELS),
        Clustering(num_clusters=1, num_pairs=256),
        in_features=NUM_CHANNELS,
    )


def train(encoder, loss, strength, steps):
    """Train encoder and discriminator; return the accuracies of the last step."""
    encoder_optimizer = torch.optim.SGD(encoder.parameters(), lr=0.05)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.01, betas=(0.5, 0.99))
    for _ in range(steps):
        terms = loss(*encoder.shifted_domains(), strength=strength, generator=encoder.generator)
        encoder_optimizer.zero_grad()
        optimizer.zero_grad()
        terms.loss.backward()
        encoder_optimizer.step()
        optimizer.step()
    return [value.item() for name, value in terms.scalars().items() if name.startswith("accuracy")]


@pytest.mark.parametrize("kind", ["domain", "clustered"])
def test_without_reversal_a_discriminator_learns_the_shift_and_the_encoder_keeps_it(
    kind, generator
):
    torch.manual_seed(0)
    encoder = NoisyGains(generator, sigma=0.1)
    assert min(train(encoder, new_loss(kind), strength=0.0, steps=200)) > 0.99
    assert torch.equal(encoder.gains, torch.ones(NUM_CHANNELS))


@pytest.mark.parametrize("kind", ["domain", "clustered"])
def test_reversal_removes_the_shifted_channel_and_no_other(kind, generator):
    torch.manual_seed(0)
    encoder = NoisyGains(generator, sigma=0.2)
    train(encoder, new_loss(kind), strength=1.0, steps=300)
    assert abs(encoder.gains[0].item()) < 0.15
    assert encoder.gains[1:].min().item() > 0.9
    encoder.requires_grad_(False)
    fresh_probe = DomainLoss(TokenDiscriminator(NUM_CHANNELS, ()))
    accuracies = train(encoder, fresh_probe, strength=0.0, steps=200)
    assert sum(accuracies) / 2 < 0.7


def regression_toy(strength):
    """Train y = w x / 5 where a second feature is 0 in images and 1 in frames; return |w2 / w1|.

    The set-up follows the toy by which the adapt library tests its domain-adversarial network.
    """
    torch.manual_seed(0)
    x = torch.linspace(0, 1, 100)
    source = torch.stack((x, torch.zeros(100)), dim=1)
    target = torch.stack((x, torch.ones(100)), dim=1)
    encoder, head = nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.ones_(encoder.weight)
    loss = DomainLoss(TokenDiscriminator(1, (10,)))
    optimizer = torch.optim.Adam(
        [*encoder.parameters(), *head.parameters(), *loss.parameters()], lr=0.01
    )
    for _ in range(400):
        features = encoder(source)
        terms = loss(features, encoder(target), strength=strength)
        error = functional.mse_loss(head(features)[:, 0], 0.2 * x)
        optimizer.zero_grad()
        (error + terms.loss).backward()
        optimizer.step()
    weights = encoder.weight.detach().abs()[0]
    return (weights[1] / weights[0]).item()


def test_the_weight_of_a_feature_that_only_tells_the_domain_falls():
    assert regression_toy(0.0) > 0.9
    assert regression_toy(1.0) < 0.15
