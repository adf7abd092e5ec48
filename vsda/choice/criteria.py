"""What a network's own probabilities say about it: criteria that need no label.

None of them is safe. A network that calls everything background is as certain as can be, which
`entropy` rewards, and `infomax` in part; `snd` rewards features that lump together, also wrongly;
`agreement` follows the majority of the candidates. So they stand side by side.

Points are pixels of frames, (F, P, K + 1) probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vsda.evaluation.metrics import confusion_matrix, mean_iou

Points = NDArray[np.float32]
"""(F, P, K + 1) probabilities at P pixels of each of F frames."""

TEMPERATURE = 0.05
"""Of `snd`; the paper's, for all of its tasks."""
_TINY = 1e-12


class Measure(Protocol):
    """Computes a criterion."""

    def __call__(self, points: Points, ensemble: Points) -> float:
        """Return the value of a candidate with these points among all, whose mean is `ensemble`."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A way to choose.

    Attributes:
        measure: Computes it.
        prefers_high: The highest value is chosen, otherwise the lowest.
    """

    measure: Measure
    prefers_high: bool


def entropy(points: Points, ensemble: Points) -> float:
    """Return the mean entropy of the predictions in nats: how uncertain the network is.

    Reference: Morerio et al., Minimal-Entropy Correlation Alignment, ICLR 2018, who choose by it.
    """
    del ensemble
    return float(_entropies(points).mean())


def infomax(points: Points, ensemble: Points) -> float:
    """Return the mutual information of pixels and classes in nats.

    That is the entropy of the mean prediction less the mean entropy of the predictions: high where
    a network is certain and uses all of its classes.

    Reference: Shi and Sha, Information-Theoretical Learning of Discriminative Clusters for
    Unsupervised Domain Adaptation, ICML 2012; as a criterion, Musgrave et al., Benchmarking
    Validation Methods for Unsupervised Domain Adaptation, arXiv:2208.07360.
    """
    of_mean = float(_entropies(points.mean(axis=(0, 1), dtype=np.float64)))
    return of_mean - entropy(points, ensemble)


def snd(points: Points, ensemble: Points) -> float:
    """Return the soft neighbourhood density in nats: how many near neighbours predictions have.

    Of each pixel, the cosines with the other pixels of its frame, divided by the temperature, are
    made probabilities by a softmax; the density is the mean of their entropies.

    Reference: Saito et al., Tune it the Right Way: Unsupervised Validation of Domain Adaptation via
    Soft Neighborhood Density, ICCV 2021; as there, for segmentation, pixels are drawn from each
    image. Their published code for segmentation leaves a pixel among its own
    neighbours and draws 100; here it is left out, as in the paper's text.
    """
    del ensemble
    return float(np.mean([_density(frame) for frame in points]))


def agreement(points: Points, ensemble: Points) -> float:
    """Return the mean IoU with the classes on which all candidates together decide.

    Those are the best ones of their mean probabilities.

    Reference: Hu et al., Towards Reliable Model Selection for Unsupervised Domain Adaptation: An
    Empirical Study and A Certified Baseline, NeurIPS 2024 (EnsV), with mean IoU for accuracy: most
    pixels are background. Over the classes that either decides on: one that a candidate alone sees
    counts as 0, as does one that it alone does not see.
    """
    decided, own = (each.argmax(axis=-1).astype(np.uint8) for each in (ensemble, points))
    confusion = confusion_matrix(decided, own, points.shape[-1])
    hits = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    return (
        mean_iou([float(hit / both) for hit, both in zip(hits, union, strict=True) if both]) or 0.0
    )


CRITERIA: Mapping[str, Criterion] = {
    "entropy": Criterion(entropy, prefers_high=False),
    "infomax": Criterion(infomax, prefers_high=True),
    "snd": Criterion(snd, prefers_high=True),
    "agreement": Criterion(agreement, prefers_high=True),
}


def _entropies(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the entropy of distributions (..., K), in nats."""
    each = probabilities.astype(np.float64)
    return -np.sum(each * np.log(np.maximum(each, _TINY)), axis=-1)  # type: ignore[no-any-return]


def _density(frame: NDArray[np.float32]) -> float:
    """Return the mean entropy of the neighbourhoods of points (P, K)."""
    directions = frame / np.linalg.norm(frame, axis=1, keepdims=True)
    scores = (directions @ directions.T) / TEMPERATURE
    np.fill_diagonal(scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return float(_entropies(weights / weights.sum(axis=1, keepdims=True)).mean())
