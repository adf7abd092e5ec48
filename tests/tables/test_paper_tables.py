"""The tables of pipelines/tables: complete, and the same on the made-up world."""

from pathlib import Path

import pytest

from vsda.manifests.orderings import paper_orderings
from vsda.recipes.load import recipe_paths
from vsda.tables.grid import Asked, make_grid
from vsda.tables.load import PAPER, load_table

TABLES = recipe_paths("tables")
PAPERS = ("1", "2", "3", "4", "5")
FAMILIES = ("cnn-", "swin-", "videoswin-")
OURS = "swin-best"


def grid(name, *worlds):
    return make_grid(load_table(name), Asked(out=Path("out"), data=Path("data"), worlds=worlds))


def test_there_are_the_papers_tables():
    assert set(PAPERS) <= TABLES.keys()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_makes_a_grid_and_has_claims(name):
    assert grid(name).cells
    assert load_table(name).claims


def test_every_recipe_of_the_paper_is_a_row_somewhere():
    rows = {row for name in PAPERS for row in load_table(name).rows}
    recipes = {name for name in recipe_paths("train") if name.startswith(FAMILIES)}
    assert rows == recipes - {OURS}


@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_orderings_are_claims(name):
    claims = [claim.says for claim in load_table(name).claims if claim.origin == PAPER]
    assert claims == [row.claim for row in paper_orderings() if row.table == name]
    assert claims


@pytest.mark.parametrize("name", PAPERS)
def test_rows_are_the_recipes_as_they_are_in_the_real_world(name):
    from vsda.recipes.small import load_train_recipe

    for cell in grid(name).cells:
        recipe = load_train_recipe(cell.row)
        assert cell.recipe.deciding() == recipe.deciding() | {"seed": cell.seed}
        assert cell.recipe.init == recipe.init


@pytest.mark.parametrize("name", PAPERS)
def test_the_made_up_world_has_every_set_and_small_networks(name):
    made = grid(name, "synth")
    sets = made.worlds["synth"].recipe.sets
    for cell in made.cells:
        assert set(cell.reads) <= sets.keys()
        assert cell.recipe.size_px == 64
        assert bool(cell.start) == (not cell.row.endswith(".pretrain"))
    assert {cell.row for cell in grid(name).cells} < {cell.row for cell in made.cells}
