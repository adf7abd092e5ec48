"""k-means of `vsda` beside scikit-learn's, which a user would take, on the same tokens."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vsda.adversarial.losses import ClusteredLoss, Clustering
from vsda.adversarial.tokens import DomainTokens
from vsda.bench.cluster_results import KMeansRow
from vsda.bench.timing import ratio, take_turns, timing

LATER_STEPS = "vsda, later steps"
FIRST_STEP = "vsda, first step"
MISSING = "scikit-learn is not installed"
_LIBRARY = "sklearn.cluster"
_THEIRS: dict[str, tuple[str, int]] = {
    "scikit-learn KMeans, n_init=1": ("KMeans", 1),
    "scikit-learn KMeans, n_init=10": ("KMeans", 10),
    "scikit-learn MiniBatchKMeans, n_init=3": ("MiniBatchKMeans", 3),
}
"""Class and restarts; 10 and 3 were the library's defaults until version 1.4."""

Way = Callable[[], Tensor]
"""Clusters the tokens and returns the centroids (k, C)."""


def compare(
    loss: ClusteredLoss,
    tokens: DomainTokens,
    generator: torch.Generator,
    num_rounds: int,
    what: str,
) -> list[KMeansRow]:
    """Return every way to cluster `tokens`, measured in turns, ours first.

    The others get the tokens as they would: copied to the host and into numpy, inside the time.

    Args:
        loss: One that has done a step, whose centroids later steps start from.
        tokens: Those of a step.
        generator: Of our random draws.
        num_rounds: How often.
        what: A few words for the progress bar.
    """
    joined = tokens.joined()
    ways = _ours(loss, tokens, generator)
    if is_there():
        ways |= _theirs(joined, loss.clustering.num_clusters)
    centroids: dict[str, Tensor] = {}

    def kept(name: str) -> Callable[[], None]:
        def work() -> None:
            centroids[name] = ways[name]()

        return work

    rounds = take_turns({name: kept(name) for name in ways}, num_rounds, what)
    rows = [
        KMeansRow(
            name=name,
            took=timing(took_ms),
            against_vsda=ratio(took_ms, rounds[LATER_STEPS]),
            square_distance=_square_distance(joined, centroids[name]),
            note=_note(name, loss.clustering, len(tokens)),
        )
        for name, took_ms in rounds.items()
    ]
    return rows + [KMeansRow(name=name, note=MISSING) for name in _THEIRS if name not in ways]


def is_there() -> bool:
    """Tell whether scikit-learn is installed."""
    return importlib.util.find_spec(_LIBRARY.partition(".")[0]) is not None


def _ours(loss: ClusteredLoss, tokens: DomainTokens, generator: torch.Generator) -> dict[str, Way]:
    cold = ClusteredLoss(
        loss.discriminator, loss.clustering, in_features=tokens.source.shape[1]
    ).to(tokens.source.device)
    return {
        LATER_STEPS: lambda: loss.cluster(tokens, generator).centroids,
        FIRST_STEP: lambda: cold.cluster(tokens, generator).centroids,
    }


def _theirs(tokens: Tensor, num_clusters: int) -> dict[str, Way]:
    library = importlib.import_module(_LIBRARY)

    def way(kind: str, num_starts: int) -> Way:
        def fit() -> Tensor:
            model: Any = getattr(library, kind)(num_clusters, n_init=num_starts, random_state=0)
            model.fit(tokens.cpu().numpy())
            return torch.from_numpy(model.cluster_centers_).to(tokens)

        return fit

    return {name: way(*kind) for name, kind in _THEIRS.items()}


def _square_distance(tokens: Tensor, centroids: Tensor) -> float:
    return float(torch.cdist(tokens, centroids).amin(dim=1).square().mean())


def _note(name: str, how: Clustering, num_tokens: int) -> str:
    fit = f"{how.iterations} iterations on {min(how.fit_tokens, num_tokens):,} tokens"
    notes = {
        LATER_STEPS: f"{fit} from the centroids of the step before",
        FIRST_STEP: f"seeding, {fit}",
    }
    return notes.get(name, "all tokens until it converges")
