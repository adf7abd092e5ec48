"""What went wrong while a run was trained: its log judged by the rules that training warns by."""

from dataclasses import dataclass

from vsda.errors import RecipeError
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.report.log import Log
from vsda.report.read import Run
from vsda.training.reversal import reversal_strength
from vsda.training.watch import Watch

MOST_REMARKS = 12
"""Shown of a run, so that one that was ill all the time does not fill the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """A sentence that the row after `step` steps gave reason for; `is_warning`, or a mere note."""

    step: int
    text: str
    is_warning: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How the training of a run went.

    Attributes:
        remarks: In order, the first ones.
        num_more: Remarks beyond those.
        num_skipped: Steps that changed nothing, as a loss or gradient was not finite.
        num_damaged: Samples that could not be read.
        num_steps: The last logged step.
        unjudged: Why there are no remarks; empty where the log was judged.
    """

    remarks: tuple[Remark, ...]
    num_more: int
    num_skipped: int
    num_damaged: int
    num_steps: int
    unjudged: str

    @property
    def is_fine(self) -> bool:
        """Tell whether there is nothing to be said."""
        return not (self.remarks or self.num_skipped or self.num_damaged or self.unjudged)


def health(run: Run) -> Health | None:
    """Return how the training of `run` went; None for a run that logged nothing."""
    if run.log is None or not run.log.steps:
        return None
    remarks, unjudged = [], ""
    try:
        remarks = _remarks(check(TrainRecipe, run.recipe, f"{run.folder}/recipe.json"), run.log)
    except RecipeError as error:
        unjudged = f"Not judged, as this version cannot read the recipe: {error}"
    return Health(
        remarks=tuple(remarks[:MOST_REMARKS]),
        num_more=max(0, len(remarks) - MOST_REMARKS),
        num_skipped=_most(run.log, "skipped_steps"),
        num_damaged=_most(run.log, "damaged_samples"),
        num_steps=run.log.steps[-1],
        unjudged=unjudged,
    )


def _remarks(recipe: TrainRecipe, log: Log) -> list[Remark]:
    watch, found = Watch(recipe), []
    for step, values in log.rows():
        warnings, notes = watch.judge(step, values, reversal_strength(recipe, step - 1))
        found += [Remark(step=step, text=text, is_warning=True) for text in warnings]
        found += [Remark(step=step, text=text, is_warning=False) for text in notes]
    return found


def _most(log: Log, name: str) -> int:
    """Return what a count that only grows came to."""
    return int(max((values.get(name, 0.0) for _, values in log.rows()), default=0.0))
