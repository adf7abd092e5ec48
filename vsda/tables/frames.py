"""Frames of each world with what the rows predicted for them, all with one seed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vsda.errors import RunError
from vsda.report.pictures import Gallery, gallery
from vsda.report.read import read_runs
from vsda.tables.cell import Cell
from vsda.tables.looks import RowLook, row_looks
from vsda.tables.results import Results

MAX_FRAMES = 2
"""Of a world: a page of seven worlds and ten rows has some 170 pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldFrames:
    """One world.

    Attributes:
        world: Its name.
        seed: That of all predictions.
        rows: Whose predictions the gallery has, in its order.
        gallery: Frames of the table's first set.
    """

    world: str
    seed: int
    rows: tuple[RowLook, ...]
    gallery: Gallery


def world_frames(results: Results, num_frames: int) -> tuple[WorldFrames, ...]:
    """Return the worlds of which any run folder keeps predictions, with `num_frames` at most."""
    if not num_frames:
        return ()
    found = (_of_world(results, world, num_frames) for world in results.grid.worlds)
    return tuple(one for one in found if one is not None)


def _of_world(results: Results, world: str, num_frames: int) -> WorldFrames | None:
    cells = [cell for cell, _ in results.records if cell.world == world]
    if not cells:
        return None
    seed = _commonest_seed(cells)
    folders = {cell.row: cell.run_dir for cell in cells if cell.seed == seed}
    return _shown(results, world, seed, folders, num_frames)


def _commonest_seed(cells: list[Cell]) -> int:
    """Return the seed of most cells, the first of equals."""
    return Counter(cell.seed for cell in cells).most_common(1)[0][0]


def _shown(
    results: Results, world: str, seed: int, folders: Mapping[str, Path], num_frames: int
) -> WorldFrames | None:
    looks = {folders[look.name]: look for look in row_looks(results) if look.name in folders}
    try:
        runs = read_runs(list(looks)).runs
    except RunError:  # records alone, without what the runs have left
        return None
    found = gallery(results.grid.table.recipe.sets[0], runs, num_frames)
    if not (found.rows or found.damage):
        return None
    rows = tuple(looks[run.folder] for run in runs)
    return WorldFrames(world=world, seed=seed, rows=rows, gallery=found)
