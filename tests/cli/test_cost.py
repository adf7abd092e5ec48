"""`vsda cost` as a user meets it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from vsda.cli.cost import cost
from vsda.errors import RecipeError, UnknownNameError
from vsda.recipes.load import recipe_paths

app = typer.Typer()
app.command()(cost)


def run(*arguments):
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table_has_the_papers_figure_and_what_training_adds():
    header, *rows = run("swin-patch", "swin-images").splitlines()
    assert header.split("  ")[0] == "recipe"
    patch, images = rows[:2]
    assert patch.split()[0:2] == ["swin-patch", "swin_upernet"]
    for row in (patch, images):
        assert " 59.9 " in row
        assert row.endswith(" +0")
    assert " 10,433 " in patch
    assert " patch " in patch
    assert "patch" not in images


@pytest.mark.slow
def test_every_placement_is_listed_once_for_networks_that_are_alike():
    rows = run("swin-patch", "swin-images", "--small").partition("\n\n")[2].splitlines()
    places = [row.split()[4] for row in rows[1:]]
    assert places[0] == "patch"
    assert places[-1] == "global"
    assert len(places) == len(set(places))


def test_json_has_exact_numbers():
    found = json.loads(run("swin-patch", "--json"))["swin-patch"]
    assert found["total"] / 1e9 == pytest.approx(60.0, abs=0.2)
    assert found["total"] == found["encoder"] + found["network"]["decoder"]
    assert found["parameters"] == 58_946_757
    assert found["added_to_prediction"] == 0
    assert found["placements"]["patch"] == {
        "tokens": 4096,
        "channels": 96,
        "encoder": 4096 * 4 * 4 * 3 * 96,
    }
    assert found["step"]["discriminator"] == (32 + 32) * 4096 * (96 * 64 + 64 * 64 + 64)
    assert found["added_to_step"] == 32 * 4096 * 4608 + found["step"]["discriminator"]


@pytest.mark.slow
def test_settings_laid_over_the_recipes_count():
    small = json.loads(run("swin-images", "--set", "size_px=128", "--json"))["swin-images"]
    assert small["network"]["height_px"] == 128
    assert small["placements"]["patch"]["tokens"] == 32 * 32


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["swin-pach"], UnknownNameError, "Did you mean 'swin-patch'"),
        (["swin-patch", "--set", "size=3"], RecipeError, "unknown key"),
    ],
)
def test_a_wrong_recipe_is_told(arguments, error, message):
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


@pytest.mark.slow
def test_every_recipe_is_counted_and_no_adversarial_part_costs_a_prediction_anything():
    found = json.loads(run("--json"))
    assert list(found) == sorted(recipe_paths("train"))
    for row in found.values():
        assert row["added_to_prediction"] == 0
        assert (row["discriminator_parameters"] > 0) == (row["placement"] is not None)
    totals = {row["network_name"]: row["total"] / 1e9 for row in found.values()}
    assert totals["deeplabv3"] == pytest.approx(60.1, abs=0.3)
