"""The proxy A-distance: how well a linear probe tells the domains apart on what it has not seen.

Reference:
    Ben-David et al., "Analysis of representations for domain adaptation", 2007, and "A theory of
    learning from different domains", 2010: the distance 2 (1 - 2 e) of the error e that the best
    classifier of a family makes. Ganin et al., "Domain-adversarial training of neural networks",
    2016, measure it as here, on features.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsda.gap.folds import fold_of_tokens
from vsda.gap.logistic import Probe, fit_probe
from vsda.gap.tokens import IMAGE, VIDEO, Tokens

_DRAWS = 2000
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True, slots=True)
class Separability:
    """How well domains can be told apart.

    Attributes:
        distance: The proxy A-distance 2 (1 - 2 e), e being the mean of the shares of image tokens
            and of video tokens that are taken for the other domain. 0 is chance, 2 is no error; by
            chance it may be a little below 0.
        low: Lower end of the 95 % interval of `distance`, from a bootstrap over pictures and
            sequences. Probes are not fitted anew: with few groups it is too narrow.
        high: The upper end.
        accuracy: 1 - e.
        num_images: Groups of images.
        num_videos: Groups of video frames.
    """

    distance: float
    low: float
    high: float
    accuracy: float
    num_images: int
    num_videos: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """The probe of the first fold, and which tokens it has not seen.

    Attributes:
        probe: Tells `IMAGE` from `VIDEO`.
        out: (M,) bool.
    """

    probe: Probe
    out: Tensor


def separability(tokens: Tokens, seed: int) -> tuple[Separability, Held]:
    """Return how well the domains of `tokens` can be told apart, each token judged when held out.

    Args:
        tokens: Of two groups of either domain at least.
        seed: Of folds and bootstrap.
    """
    folds, number = fold_of_tokens(tokens, seed)
    held = [_fitted(tokens, folds == fold) for fold in range(number)]
    wrong = torch.zeros(len(tokens), dtype=torch.bool)
    for each in held:
        predicted = each.probe.predict(tokens.features[each.out])
        wrong[each.out] = predicted != tokens.domains[each.out]
    sums = [_by_group(tokens, wrong, domain) for domain in (IMAGE, VIDEO)]
    error = float(np.mean([wrongs.sum() / counts.sum() for wrongs, counts in sums]))
    generator = np.random.default_rng(seed)
    draws = 2 * (1 - 2 * np.mean([_resampled(each, generator) for each in sums], axis=0))
    low, high = np.quantile(draws, _QUANTILES)
    found = Separability(
        distance=2 * (1 - 2 * error),
        low=float(low),
        high=float(high),
        accuracy=1 - error,
        num_images=tokens.num_groups(IMAGE),
        num_videos=tokens.num_groups(VIDEO),
    )
    return found, held[0]


def _fitted(tokens: Tokens, out: Tensor) -> Held:
    return Held(probe=fit_probe(tokens.features[~out], tokens.domains[~out], 2), out=out)


def _by_group(tokens: Tokens, wrong: Tensor, domain: int) -> NDArray[np.float64]:
    """Return (2, G): the wrong tokens of each group of a domain, and all of them."""
    own = tokens.domains == domain
    _, groups = torch.unique(tokens.groups[own], return_inverse=True)
    wrongs = torch.bincount(groups, weights=wrong[own].double())
    return torch.stack((wrongs, torch.bincount(groups).double())).numpy()


def _resampled(sums: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Return (draws,) error rates of groups that are drawn with replacement."""
    number = sums.shape[1]
    drawn = generator.multinomial(number, np.full(number, 1 / number), size=_DRAWS)
    wrongs, counts = drawn @ sums.T[:, 0], drawn @ sums.T[:, 1]
    shares: NDArray[np.float64] = wrongs / counts
    return shares
