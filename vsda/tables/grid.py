"""Rows times worlds times seeds: the cells of a table, each with its resolved recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

from vsda.errors import RecipeError, UnknownNameError
from vsda.recipes.extends import laid_over, read_extended
from vsda.recipes.load import find_recipe, load_recipe, recipe_paths
from vsda.recipes.small import KIND, small_preset
from vsda.recipes.tables import TableRow
from vsda.recipes.train import TrainRecipe
from vsda.recipes.worlds import WorldRecipe
from vsda.tables.cell import SET_KEYS, Cell, used_sets
from vsda.tables.load import Table, check_seeds, load_world
from vsda.tables.record import State, look
from vsda.tables.worlds import World, open_world

PRETRAIN = ".pretrain"
"""How the name of a stage ends that a world puts before the rows that are compared with a row."""
T = TypeVar("T", str, int)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is asked of a table.

    Attributes:
        out: Folder of its runs and of what is written.
        data: The folder $VSDA_DATA.
        worlds: In place of the table's; empty for those.
        seeds: In place of the table's; empty for those.
        overrides: Settings `key=value` laid over all recipes, above those of the rows.
        trained: Run folders of other tables by fingerprint, whose networks are taken.
    """

    out: Path
    data: Path
    worlds: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    overrides: tuple[str, ...] = ()
    trained: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """All cells of a table.

    Attributes:
        table: The table.
        worlds: By name, in the order of the columns.
        seeds: Those of rows that have none of their own.
        cells: Each after its twin and the one that it starts from.
    """

    table: Table
    worlds: Mapping[str, World]
    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]

    def make_worlds(self, cells: Sequence[Cell], num_workers: int) -> None:
        """Make what these cells read and what is not there yet.

        Raises:
            VsdaError: The disk takes no more.
        """
        for name, world in self.worlds.items():
            read = {set_name for cell in cells if cell.world == name for set_name in cell.reads}
            world.make(sorted(read), num_workers)


def make_grid(table: Table, asked: Asked) -> Grid:
    """Return the cells of `table`.

    Raises:
        UnknownNameError: A world or training recipe that there is not.
        RecipeError: A recipe is wrong, a seed stands there twice, or it is open which of several
            runs a row starts from.
    """
    check_seeds("--seeds", asked.seeds)
    names = asked.worlds or table.recipe.worlds
    worlds = {name: open_world(name, load_world(name, table.path), asked.data) for name in names}
    builder = _Builder(table, asked, worlds)
    return Grid(table=table, worlds=worlds, seeds=builder.seeds, cells=builder.cells())


class _Builder:
    """Makes cells, each once, starts before those that need them."""

    def __init__(self, table: Table, asked: Asked, worlds: Mapping[str, World]) -> None:
        self._table, self._asked, self._worlds = table, asked, worlds
        self.seeds = asked.seeds or table.recipe.seeds
        self._rows = self._first_stages() | dict(table.rows)
        self._resolved: dict[tuple[str, str], TrainRecipe] = {}
        self._cells: dict[tuple[str, str, int], Cell] = {}
        self._first: dict[str, Cell] = {}

    def cells(self) -> tuple[Cell, ...]:
        """Return all cells."""
        for row in self._rows.values():
            for world in self._worlds_of(row):
                for seed in self._seeds_of(row):
                    self._cell(row, world, seed)
        return tuple(self._cells.values())

    def _first_stages(self) -> dict[str, TableRow]:
        """Return the stages that worlds put before the rows: one for each source."""
        worlds = tuple(name for name, world in self._worlds.items() if world.recipe.pretrain)
        if not worlds:
            return {}
        stages = {}
        for row in self._table.recipe.rows:
            if not row.start:
                source = self._source(row.name)
                changes = {"name": source + PRETRAIN, "shown": False, "worlds": worlds}
                stages[source + PRETRAIN] = self._table.rows[source].model_copy(update=changes)
        return stages

    def _source(self, row: str) -> str:
        source = self._table.baseline(row)
        if not source:
            raise RecipeError(
                f"{self._table.path.name}: row {row}: is compared with no row, and a world with "
                "`pretrain` trains that one first; name a `source`, or a `start`"
            )
        return source

    def _worlds_of(self, row: TableRow) -> tuple[str, ...]:
        """Return the worlds of a row; those that only the table's own worlds know are no more."""
        return tuple(name for name in row.worlds if name in self._worlds) or tuple(self._worlds)

    def _seeds_of(self, row: TableRow) -> tuple[int, ...]:
        return row.seeds or self.seeds

    def _cell(self, row: TableRow, world: str, seed: int) -> Cell:
        key = (row.name, world, seed)
        if key not in self._cells:
            start = self._start(row, world, seed)  # first: a start stands before what needs it
            self._cells[key] = self._twinned(self._new_cell(row, world, seed, start))
        return self._cells[key]

    def _twinned(self, cell: Cell) -> Cell:
        """Return a cell that reads but what it is judged on, if another comes to its network."""
        folder = self._asked.trained.get(cell.fingerprint)
        first = cell if folder is None or _is_trained_here(cell) else _borrowed(cell, folder)
        twin = self._first.setdefault(cell.fingerprint, first)
        if twin is cell:
            return cell
        return replace(cell, twin=twin, reads=tuple(sorted(cell.judged_on)))

    def _start(self, row: TableRow, world: str, seed: int) -> Cell | None:
        name = row.start
        if not name and self._worlds[world].recipe.pretrain and row.name in self._table.rows:
            name = self._source(row.name) + PRETRAIN
        if not name:
            return None
        start = self._rows[name]
        where = f"{self._table.path.name}: row {row.name}: start {name!r}"
        cell = self._cell(
            start,
            _same_or_only(world, self._worlds_of(start), f"{where}: world"),
            _same_or_only(seed, self._seeds_of(start), f"{where}: seed"),
        )
        return cell.twin or cell

    def _new_cell(self, row: TableRow, world: str, seed: int, start: Cell | None) -> Cell:
        resolved = self._recipe(row, world).model_copy(update={"seed": seed})
        home = self._worlds[world]
        used = {key: names for key, names in used_sets(resolved).items() if names}
        places = {key: tuple(map(home.place, used.get(key, ()))) for key in SET_KEYS}
        judged_on = self._table.recipe.sets if row.shown else ()
        names = {name for of_key in used.values() for name in of_key} | set(judged_on)
        several = len(self._worlds) > 1
        folder = self._asked.out / world if several else self._asked.out
        return Cell(
            row=row.name,
            world=world,
            seed=seed,
            name="/".join([*([world] if several else []), row.name, str(seed)]),
            recipe=_starting(resolved.model_copy(update=places), start),
            trained_on={key: tuple(map(home.identity, used[key])) for key in used},
            judged_on={name: home.place(name) for name in judged_on},
            reads=tuple(sorted(names)),
            start=start,
            run_dir=folder / row.name / f"seed-{seed}",
        )

    def _recipe(self, row: TableRow, world: str) -> TrainRecipe:
        if (row.name, world) not in self._resolved:
            self._resolved[row.name, world] = self._resolve(row, self._worlds[world].recipe)
        return self._resolved[row.name, world]

    def _resolve(self, row: TableRow, world: WorldRecipe) -> TrainRecipe:
        """Return the recipe of a row: world, table, row, and what is asked, one over another."""
        table = self._table
        first = {} if row.name in table.rows else world.pretrain
        over: Mapping[str, Any] = reduce(laid_over, (world.set, table.recipe.set, row.set, first))
        try:
            path = self._path(row)
            if world.small or table.recipe.small:
                values, _ = read_extended(path, recipe_paths(KIND))
                over = laid_over(small_preset(laid_over(values, over)), over)
            return load_recipe(TrainRecipe, path, self._asked.overrides, kind=KIND, preset=over)
        except (RecipeError, UnknownNameError) as error:
            raise RecipeError(f"{table.path.name}: row {row.name}: {error}") from None

    def _path(self, row: TableRow) -> Path:
        if not row.recipe.endswith(".toml"):
            return find_recipe(KIND, row.recipe)
        return find_recipe(KIND, str(self._table.path.parent / row.recipe))


def _is_trained_here(cell: Cell) -> bool:
    """Tell whether the table has the network: all its rows then start from the same one."""
    state, record = look(cell)
    return record is not None and state is not State.CHANGED and record.is_trained


def _borrowed(cell: Cell, run_dir: Path) -> Cell:
    """Return the cell of another table that left `run_dir`, with the sets of this one."""
    return replace(
        cell, name=str(run_dir), run_dir=run_dir, judged_on={}, reads=(), is_borrowed=True
    )


def _starting(recipe: TrainRecipe, start: Cell | None) -> TrainRecipe:
    if start is None:
        return recipe
    init = recipe.init.model_copy(update={"weights": str(start.run_dir)})
    return recipe.model_copy(update={"init": init})


def _same_or_only(value: T, known: Sequence[T], where: str) -> T:
    """Return `value` if it is known, or the only one that is."""
    if value in known:
        return value
    if len(known) == 1:
        return known[0]
    raise RecipeError(
        f"{where}: it has {', '.join(map(str, known))} and not {value}; give it this one, or one "
        "alone"
    )
