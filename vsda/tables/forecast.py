"""What a row's runs will cost: counted on its recipe, and timed in a few steps where asked."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from vsda.errors import VsdaError
from vsda.progress import progress
from vsda.recipes.train import TrainRecipe
from vsda.tables.cell import Cell
from vsda.tables.grid import Grid
from vsda.tables.plan import Forecast, by_row
from vsda.tables.record import State, look
from vsda.tables.trial import step_s
from vsda.tables.work import HowToRun
from vsda.training.cost import RecipeCost, recipe_costs

logger = logging.getLogger(__name__)

_FLOAT_BYTES = 4
_SLOTS = {"sgd": 1, "momentum": 1}
"""Numbers that an optimiser keeps for each weight; those of the Adam family keep two."""


def forecast(grid: Grid, how: HowToRun, probe_steps: int = 0) -> dict[tuple[str, str], Forecast]:
    """Return what the runs of each row and world will cost.

    Args:
        grid: The cells.
        how: As they are run.
        probe_steps: Steps to time of each row without a finished run; 0 times nothing. Needs its
            sets, but no start: a step takes as long with other weights.

    Raises:
        VsdaError: See `vsda.training.cost.recipe_cost`; a probe that fails is told and left out.
    """
    rows = by_row(grid)
    recipes = {"/".join(key): cells[0].recipe for key, cells in rows.items()}
    costs = dict(progress(recipe_costs(recipes), "cost", len(recipes)))
    return {
        key: Forecast(
            multiply_adds=_of_step(costs["/".join(key)]),
            kept_bytes=_kept_bytes(cells[0].recipe, costs["/".join(key)]),
            step_s=_probed(cells, how, probe_steps),
        )
        for key, cells in progress(list(rows.items()), "rows")
    }


def _of_step(cost: RecipeCost) -> int:
    return cost.step.segmentation + cost.step.added


def _kept_bytes(recipe: TrainRecipe, cost: RecipeCost) -> int:
    """Return the size of a run's checkpoints: weights, optimisers, average."""
    slots = _SLOTS.get(recipe.optimizer.name, 2)
    opponent = 1 + _SLOTS.get(recipe.discriminator_optimizer.name, 2)
    numbers = cost.parameters * (1 + slots + bool(recipe.ema_decay))
    numbers += cost.discriminator_parameters * opponent
    return _FLOAT_BYTES * numbers * recipe.keep_checkpoints


def _probed(cells: list[Cell], how: HowToRun, steps: int) -> float | None:
    trained = [cell for cell in cells if cell.twin is None]
    is_known = any(look(cell)[0] is State.DONE for cell in trained)
    if is_known or not trained or not steps:
        return None
    recipe = cells[0].recipe
    bare = recipe.model_copy(update={"init": recipe.init.model_copy(update={"weights": ""})})
    with TemporaryDirectory() as folder:
        try:
            return step_s(bare, Path(folder) / "probe", how, steps)
        except VsdaError as error:
            logger.warning("%s: not timed: %s", cells[0].row, error)
            return None
