"""Which domains the clusters of the clustered loss hold."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from vsda.errors import RecipeError
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.report.quantities import CLUSTER, place
from vsda.report.read import Run
from vsda.training.watch_rules import source_share

LAST_SHARE = 0.1
"""Of the logged rows that are averaged: those at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """One cluster: its number, and the share of image tokens in it; None where it was empty."""

    number: str
    source_share: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mix:
    """The clusters of a run at the end of its training.

    Attributes:
        position: Of the run among all.
        clusters: By number.
        usual: Share of image tokens in a batch, which a cluster by content alone would have; None
            where the recipe cannot be read.
        num_rows: Logged rows that the shares are means of.
    """

    position: int
    clusters: tuple[Cluster, ...]
    usual: float | None
    num_rows: int


def mixes(runs: Sequence[Run], positions: Sequence[int]) -> list[Mix]:
    """Return the clusters of those of the runs at `positions` that logged any."""
    found = [(position, runs[position]) for position in positions]
    return [_mix(position, run) for position, run in found if _names(run)]


def _names(run: Run) -> list[str]:
    names = run.log.values if run.log else ()
    return sorted((name for name in names if name.startswith(CLUSTER)), key=place)


def _mix(position: int, run: Run) -> Mix:
    rows = [values for _, values in run.log.rows()] if run.log else []
    rows = rows[-max(1, round(LAST_SHARE * len(rows))) :]
    clusters = []
    for name in _names(run):
        shares = [values[name] for values in rows if name in values]
        share = statistics.fmean(shares) if shares else None
        clusters.append(Cluster(number=name.removeprefix(CLUSTER), source_share=share))
    return Mix(position=position, clusters=tuple(clusters), usual=_usual(run), num_rows=len(rows))


def _usual(run: Run) -> float | None:
    try:
        return source_share(check(TrainRecipe, run.recipe, f"{run.folder}/recipe.json"))
    except RecipeError:
        return None
