"""A table's recipe, checked as a whole before anything runs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsda.errors import RecipeError, UnknownNameError, suggest
from vsda.manifests.orderings import paper_orderings
from vsda.recipes.load import find_recipe, load_recipe, recipe_paths
from vsda.recipes.tables import TableClaim, TableRecipe, TableRow
from vsda.recipes.worlds import WorldRecipe
from vsda.tables.claims import Claim, read_claim

KIND = "tables"
WORLDS = "worlds"
PAPER = "the paper"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table that holds together.

    Attributes:
        name: Of its file.
        path: Its file.
        recipe: What it says.
        claims: The paper's, then its own.
    """

    name: str
    path: Path
    recipe: TableRecipe
    claims: tuple[Claim, ...]

    @property
    def rows(self) -> Mapping[str, TableRow]:
        """The rows by name."""
        return {row.name: row for row in self.recipe.rows}

    def baseline(self, row: str) -> str:
        """Return the row that `row` is compared with: itself for a source, empty for none."""
        return self.rows[row].against or self.recipe.source


def load_table(name: str) -> Table:
    """Return the table `name` of pipelines/tables, or of a path ending in .toml.

    Raises:
        UnknownNameError: No table of that name.
        RecipeError: Not such a recipe, or it names rows, sets or seeds that cannot be.
    """
    path = find_recipe(KIND, name)
    recipe = load_recipe(TableRecipe, path, kind=KIND)
    _check_unique(path, recipe)
    _check_rows(path, recipe)
    return Table(name=path.stem, path=path, recipe=recipe, claims=_claims(path, recipe))


def load_world(name: str, table: Path) -> WorldRecipe:
    """Return the world `name`: of `worlds/` beside the table's file, or of pipelines/worlds.

    Raises:
        UnknownNameError: There is none.
        RecipeError: Not such a recipe.
    """
    beside = {path.stem: path for path in sorted((table.parent / WORLDS).glob("*.toml"))}
    known = recipe_paths(WORLDS) | beside
    if name not in known:
        raise UnknownNameError("world", name, known)
    return load_recipe(WorldRecipe, known[name], kind=WORLDS)


def check_seeds(where: str, seeds: Iterable[int]) -> None:
    """Refuse a seed that comes twice: it would be the same run, counted as two.

    Raises:
        RecipeError: It does.
    """
    _once(where, "seed", seeds)


def _once(where: str, what: str, values: Iterable[Any]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise RecipeError(f"{where}: {what} {twice[0]!r} stands there twice")


def _check_unique(path: Path, recipe: TableRecipe) -> None:
    check_seeds(f"{path.name}: seeds", recipe.seeds)
    _once(f"{path.name}: rows", "row", (row.name for row in recipe.rows))
    _once(f"{path.name}: worlds", "world", recipe.worlds)
    _once(f"{path.name}: sets", "set", recipe.sets)
    for row in recipe.rows:
        check_seeds(f"{path.name}: row {row.name}: seeds", row.seeds)


def _check_rows(path: Path, recipe: TableRecipe) -> None:
    rows = {row.name: row for row in recipe.rows}
    shown = [row.name for row in recipe.rows if row.shown]
    _known(f"{path.name}: source", "row", filter(None, [recipe.source]), shown)
    _known(f"{path.name}: ceiling", "row", filter(None, [recipe.ceiling]), shown)
    for row in recipe.rows:
        where = f"{path.name}: row {row.name}"
        _known(f"{where}: start", "row", filter(None, [row.start]), rows)
        _known(f"{where}: against", "row", filter(None, [row.against]), shown)
        _known(f"{where}: worlds", "world", row.worlds, recipe.worlds)
        _known(f"{where}: published", "set", row.published, recipe.sets)
        _check_chain(where, row, rows)
    for values in (recipe.set, *(row.set for row in recipe.rows)):
        if "seed" in values:
            raise RecipeError(f"{path.name}: set: seed is given by `seeds`; leave it out of `set`")


def _known(where: str, kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise RecipeError(f"{where}: unknown {kind} {name!r}.{suggest(name, known)}")


def _check_chain(where: str, row: TableRow, rows: Mapping[str, TableRow]) -> None:
    chain = [row.name]
    while row.start:
        if row.start in chain:
            raise RecipeError(f"{where}: start: goes in a circle, {' -> '.join(chain)}")
        chain.append(row.start)
        if row.start not in rows:
            return  # told with the row that names it
        row = rows[row.start]


def _claims(path: Path, recipe: TableRecipe) -> tuple[Claim, ...]:
    paper = [row for row in paper_orderings() if row.table == recipe.paper]
    if recipe.paper and not paper:
        known = dict.fromkeys(row.table for row in paper_orderings())
        raise RecipeError(
            f"{path.name}: paper: no table {recipe.paper!r}.{suggest(recipe.paper, known)}"
        )
    stated = [TableClaim(says=row.claim, on=row.set_name, origin=PAPER) for row in paper]
    return tuple(_claim(path, recipe, claim) for claim in (*stated, *recipe.claims))


def _claim(path: Path, recipe: TableRecipe, stated: TableClaim) -> Claim:
    try:
        claim = read_claim(stated, on=recipe.sets[0], source=recipe.source, ceiling=recipe.ceiling)
    except RecipeError as error:
        raise RecipeError(f"{path.name}: {error}") from None
    where = f"{path.name}: claim {claim.says!r}"
    _known(where, "row", claim.rows, [row.name for row in recipe.rows if row.shown])
    _known(where, "set", [claim.on], recipe.sets)
    return claim
