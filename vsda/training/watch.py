"""Looks at a run's logged numbers and says in words what goes wrong, before weeks are lost."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vsda.recipes.train import TrainRecipe
from vsda.training.watch_row import Past, Row
from vsda.training.watch_rules import NOTES, WARNINGS, Rule

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Standing:
    """How a rule stands.

    Attributes:
        odd_rows: Rows in a row that showed it.
        odd_since: Step of the first of them.
        fine_rows: Rows in a row that did not.
        told: It has been said, and has not ended since.
    """

    odd_rows: int = 0
    odd_since: int = 0
    fine_rows: int = 0
    told: bool = False

    def is_news(self, rule: Rule, step: int, found: str) -> bool:
        """Take in what a row has shown; return whether it is to be said now."""
        if not found:
            self.odd_rows = 0
            self.fine_rows += 1
            self.told = self.told and (rule.once or self.fine_rows < rule.rows)
            return False
        self.odd_since = self.odd_since if self.odd_rows else step
        self.odd_rows += 1
        self.fine_rows = 0
        lasts = self.odd_rows >= rule.rows and step - self.odd_since >= rule.steps
        is_news = lasts and not self.told
        self.told = self.told or lasts
        return is_news


class Watch:
    """Judges rows one after the other; never by a single one, since a row may be odd by chance.

    Args:
        recipe: The run's, whose settings the warnings name.
    """

    def __init__(self, recipe: TrainRecipe) -> None:
        self._recipe = recipe
        self._past = Past()
        self._standings = {name: _Standing() for name in (*WARNINGS, *NOTES)}

    def see(self, step: int, values: Mapping[str, float], strength: float) -> list[str]:
        """Return the warnings that a row gives reason for; a note that is none goes to the log.

        It is `judge` while a run is under way.
        """
        warnings, notes = self.judge(step, values, strength)
        for note in notes:
            logger.info("step %d: %s", step, note)
        return warnings

    def judge(
        self, step: int, values: Mapping[str, float], strength: float
    ) -> tuple[list[str], list[str]]:
        """Return the warnings that a row gives reason for, and the notes, which are no faults.

        A warning is said once until its reason has ended, a note once.

        Args:
            step: Steps done.
            values: The row's numbers; those that are not logged are not judged.
            strength: Of the gradient reversal.
        """
        self._past.saw(step, values)
        row = Row(values, strength, self._recipe, self._past)
        return self._news(WARNINGS, step, row), self._news(NOTES, step, row)

    def _news(self, rules: Mapping[str, Rule], step: int, row: Row) -> list[str]:
        found = {name: rule.find(row) for name, rule in rules.items()}
        return [
            text
            for name, text in found.items()
            if text is not None and self._standings[name].is_news(rules[name], step, text)
        ]

    def state(self) -> dict[str, Any]:
        """Return what the next warnings depend on, as plain values."""
        standings = {name: asdict(standing) for name, standing in self._standings.items()}
        return {"past": asdict(self._past), "standings": standings}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; from nothing, anew."""
        self._past = Past(**state.get("past", {}))
        known = state.get("standings", {})
        self._standings = {name: _Standing(**known.get(name, {})) for name in self._standings}
