"""A cell of a table: one run, with all that decides it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vsda.recipes.train import TrainRecipe

SET_KEYS = ("images", "videos", "labelled_videos", "validation")
"""The keys of a training recipe that name sets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One run of a table.

    Attributes:
        row: Name of its row.
        world: Name of its world.
        seed: Its seed.
        name: `ROW/SEED`, or `WORLD/ROW/SEED` in a table with several worlds.
        recipe: Resolved, with the places of its sets.
        trained_on: What its sets are, by the recipe's keys: see `World.identity`.
        judged_on: Places of the sets that it is judged on, by name; empty for a mere start.
        reads: Names of all sets that it needs.
        start: The cell whose network it starts from.
        run_dir: Its run folder.
        twin: The first cell with the same fingerprint, of this table or of another one, whose
            network is judged in place of training it again; None for one that is trained.
        is_borrowed: Whether it is another table's: read, and never begun, changed or removed.
    """

    row: str
    world: str
    seed: int
    name: str
    recipe: TrainRecipe
    trained_on: Mapping[str, tuple[str, ...]]
    judged_on: Mapping[str, str]
    reads: tuple[str, ...]
    start: "Cell | None"
    run_dir: Path
    twin: "Cell | None" = None
    is_borrowed: bool = False

    @property
    def fingerprint(self) -> str:
        """The hash of all that decides the trained weights: recipe, sets and where it starts."""
        init = self.recipe.init.model_dump(mode="json")
        start = init if self.start is None else self.start.fingerprint
        deciding = {"recipe": self.recipe.deciding(), "sets": self.trained_on, "start": start}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()

    @property
    def before(self) -> "Cell | None":
        """The cell that must be done before: its twin, or the one that it starts from."""
        return None if self.is_borrowed else self.twin or self.start


def used_sets(recipe: TrainRecipe) -> dict[str, tuple[str, ...]]:
    """Return the sets that a run reads, by the recipe's keys."""
    return {
        "images": recipe.images if recipe.uses_images else (),
        "videos": recipe.videos if recipe.needs_videos else (),
        "labelled_videos": recipe.labelled_videos,
        "validation": recipe.validation,
    }
