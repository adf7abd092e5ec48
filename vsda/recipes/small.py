"""A training recipe by its name, or at a size for a laptop: pipelines/small/*.toml."""

from collections.abc import Mapping, Sequence
from typing import Any

from vsda.errors import RecipeError
from vsda.recipes.extends import read_extended, read_tables
from vsda.recipes.load import find_recipe, load_recipe, recipe_paths, with_settings
from vsda.recipes.networks import DEFAULT_NETWORK
from vsda.recipes.train import TrainRecipe

KIND = "train"


def load_train_recipe(
    name: str, overrides: Sequence[str] = (), *, small: bool = False
) -> TrainRecipe:
    """Return the training recipe `name`, which may also be a path to a TOML file.

    Args:
        name: Of a file of pipelines/train, or a path.
        overrides: Settings `key=value`, which win over all else.
        small: Lay pipelines/small/<network>.toml over the recipe: the same code on a network and
            pictures so small that a CPU trains it in a minute. The description says so.

    Raises:
        UnknownNameError: No recipe of that name.
        RecipeError: The recipe or an override is wrong.
    """
    path = find_recipe(KIND, name)
    if not small:
        return load_recipe(TrainRecipe, path, overrides, kind=KIND)
    values, _ = read_extended(path, recipe_paths(KIND))
    values = with_settings(values, overrides)
    # A value where a table belongs stays, to be told like any other wrong value.
    preset = {
        key: value
        for key, value in small_preset(values).items()
        if not isinstance(value, Mapping) or isinstance(values.get(key, {}), Mapping)
    }
    recipe = load_recipe(TrainRecipe, path, overrides, kind=KIND, preset=preset)
    described = f"{recipe.description} (small: says nothing about the network's quality)"
    return recipe.model_copy(update={"description": described.strip()})


def small_preset(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a recipe with `values` small, which depends on its network.

    Raises:
        RecipeError: There is no small form of its network.
    """
    network = values.get("network", {})
    name = network.get("name", DEFAULT_NETWORK) if isinstance(network, Mapping) else DEFAULT_NETWORK
    presets = recipe_paths("small")
    if not isinstance(name, str) or name not in presets:
        raise RecipeError(
            f"--small: network.name {name!r} has no small form; known: {', '.join(presets)}"
        )
    return read_tables(presets[name])
