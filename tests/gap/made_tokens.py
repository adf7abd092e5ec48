"""Tokens made by code, with a gap of a known size, and sets of several sequences."""

import torch

from tests.made_sets import make_sample, make_set
from vsda.gap.tokens import IMAGE, VIDEO, Tokens
from vsda.taxonomy import IGNORE_INDEX


def made_tokens(*, shift=0.0, spread=0.0, groups=(40, 12), per_group=(8, 24), channels=8, seed=0):
    """Return normal tokens whose first channel is `shift` further in videos.

    Each group's centre is off by `spread` in all channels.
    """
    generator = torch.Generator().manual_seed(seed)
    features, domains, numbers = [], [], []
    for domain in (IMAGE, VIDEO):
        for _ in range(groups[domain]):
            centre = spread * torch.randn(channels, generator=generator)
            noise = torch.randn(per_group[domain], channels, generator=generator)
            features.append(centre + noise)
            features[-1][:, 0] += shift * domain
            domains += [domain] * per_group[domain]
            numbers += [len(features) - 1] * per_group[domain]
    return Tokens(
        features=torch.cat(features),
        domains=torch.tensor(domains),
        groups=torch.tensor(numbers),
        classes=torch.full((len(domains),), IGNORE_INDEX),
    )


def make_stills(folder, number=12, name="images"):
    return make_set(
        folder, name, [make_sample(i, size_px=32, sequence=None) for i in range(number)]
    )


def make_clips(folder, sequences=8, frames=2, name="videos", darkness=0.4):
    """Write dark frames of several sequences, an even number of them."""
    samples = [
        make_sample(100 + i, size_px=32, sequence=f"clip{i // frames:02d}", darkness=darkness)
        for i in range(sequences * frames)
    ]
    return make_set(folder, name, samples)
