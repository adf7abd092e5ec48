"""`vsda cost`: multiply-adds and parameters of recipes, and what their adversarial part adds."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.table import Column, print_json, print_table

if TYPE_CHECKING:
    from vsda.recipes.train import TrainRecipe
    from vsda.training.cost import RecipeCost


def cost(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RECIPE...",
            help="Recipe names, see `vsda recipes`, or TOML files.",
            show_default="all",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE laid over each recipe, such as size_px=512."),
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="Count the recipes as `vsda train --small` trains them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Count what recipes cost: G are 10^9 multiply-adds, the figure that papers call GFLOPs.

    The first table has a picture's (or clip's) cost by encoder and decoder, then the forward passes
    of one training step: of the labelled pictures, of the pictures that only the discriminator
    sees, and of the discriminator with its k-means. The last column is what the adversarial part
    adds to a prediction. The second table has the places where a discriminator can look.

    Example: vsda cost swin-patch swin-patch-clustered
    """
    from vsda.progress import progress
    from vsda.recipes.load import recipe_paths
    from vsda.recipes.small import KIND, load_train_recipe

    recipes = {
        name: load_train_recipe(name, set_ or [], small=small)
        for name in names or recipe_paths(KIND)
    }

    from vsda.training.cost import recipe_costs

    counted = dict(progress(recipe_costs(recipes), "cost", len(recipes)))
    if as_json:
        print_json({name: _values(recipes[name], found) for name, found in counted.items()})
        return
    _print_recipes(recipes, counted)
    typer.echo()
    _print_placements(recipes, counted)


def _print_recipes(
    recipes: "Mapping[str, TrainRecipe]", counted: "Mapping[str, RecipeCost]"
) -> None:
    numbers = (
        "parameters",
        "encoder G",
        "decoder G",
        "total G",
        "D parameters",
        "step G",
        "+ unlabelled G",
        "+ D G",
        "at prediction",
    )
    columns = [Column("recipe"), Column("network"), Column("input"), Column("placement")]
    columns += [Column(heading, is_number=True) for heading in numbers]
    print_table(columns, [_cells(name, recipes[name], found) for name, found in counted.items()])


def _cells(name: str, recipe: "TrainRecipe", found: "RecipeCost") -> list[str]:
    step = found.step
    return [
        name,
        recipe.network.name,
        _input(found),
        recipe.adversarial.placement if recipe.is_adversarial else "-",
        f"{found.parameters:,}",
        _billions(found.network.encoder),
        _billions(found.network.decoder),
        _billions(found.network.total),
        f"{found.discriminator_parameters:,}",
        _billions(step.segmentation),
        _billions(step.unlabelled + step.teacher),
        _billions(step.discriminator + step.clustering),
        f"+{found.added_to_prediction}",
    ]


def _print_placements(
    recipes: "Mapping[str, TrainRecipe]", counted: "Mapping[str, RecipeCost]"
) -> None:
    columns = [Column("network"), Column("input"), Column("placement")]
    columns += [Column(heading, is_number=True) for heading in ("tokens", "channels", "encoder G")]
    rows = [
        (recipes[name].network.name, _input(found), place, *_numbers(asdict(at)))
        for name, found in counted.items()
        for place, at in found.placements.items()
    ]
    print_table(columns, list(dict.fromkeys(rows)))


def _numbers(at: Mapping[str, int]) -> tuple[str, str, str]:
    return f"{at['tokens']:,}", f"{at['channels']:,}", _billions(at["encoder"])


def _input(found: "RecipeCost") -> str:
    frames = "" if found.network.num_frames is None else f"{found.network.num_frames} x "
    return f"{frames}{found.network.height_px} x {found.network.width_px}"


def _billions(multiply_adds: int) -> str:
    """Return a number of multiply-adds in 10^9, with three digits at least."""
    billions = multiply_adds / 1e9
    return f"{billions:,.1f}" if billions >= 10 else f"{billions:.3g}"


def _values(recipe: "TrainRecipe", found: "RecipeCost") -> dict[str, Any]:
    """Return a recipe's cost as JSON values, in multiply-adds."""
    return {
        **asdict(found),
        "network_name": recipe.network.name,
        "placement": recipe.adversarial.placement if recipe.is_adversarial else None,
        "total": found.network.total,
        "encoder": found.network.encoder,
        "added_to_step": found.step.added,
    }
