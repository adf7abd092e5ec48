"""What `vsda train` starts from: where its sets and weights lie, and what makes those not there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vsda.recipes.train import TrainRecipe
    from vsda.shards.cache import Cache
    from vsda.training.run import Resume

NO_WEIGHTS = "none"
SETS = ("images", "videos", "labelled_videos", "validation")
"""The keys of a recipe that name sets."""
_YTBB, _YTBB_SPLITS = "ytbb", ("train", "val")


def data_folder(name: str) -> Path:
    """Return the folder $VSDA_DATA/<name>."""
    return Path(os.environ.get("VSDA_DATA", "data")) / name


def cache_for(folder: str | None, gib: float) -> "Cache | None":
    """Return what keeps the pieces of sets on URLs, None where nothing is to be kept.

    Args:
        folder: Where; None for $VSDA_DATA/cache.
        gib: How much it may hold.

    Raises:
        UsageError: No folder of this machine, or no size.
    """
    from vsda.shards.cache import cache_of

    return cache_of(folder or str(data_folder("cache")), gib)


def with_sets(
    recipe: "TrainRecipe", given: Mapping[str, Sequence[str] | None], name: str
) -> "TrainRecipe":
    """Return a recipe with the places of the sets that its run reads, and no others.

    Args:
        recipe: Its sets are names under $VSDA_DATA/shards, or places.
        given: Places or names by the recipe's key, which stand in for the recipe's; None where none
            are given. Those that the run has no use for are passed over, and that is said.
        name: Of the recipe.
    """
    places = {
        key: tuple(map(given_place, given.get(key) or ()))
        or tuple(map(set_place, getattr(recipe, key)))
        for key in SETS
    }
    recipe = recipe.model_copy(update=places)
    unused = {"images": not recipe.uses_images, "videos": not recipe.needs_videos}
    passed_over = [key for key, is_unused in unused.items() if is_unused]
    for key in passed_over:
        if given.get(key):
            typer.echo(f"{name} uses no {key}; --{key} is passed over", err=True)
    return recipe.model_copy(update=dict.fromkeys(passed_over, ()))


def set_place(name: str) -> str:
    """Return where a recipe's set lies: a bare name is under $VSDA_DATA/shards."""
    return name if "/" in name else str(data_folder("shards") / name)


def given_place(name: str) -> str:
    """Return where a set of the command line lies: as in a recipe, if there is no such place here.

    Args:
        name: A place, or a bare name.
    """
    from vsda.shards.names import INDEX_SUFFIX

    is_here = Path(name).exists() or Path(f"{name}{INDEX_SUFFIX}").exists()
    return name if is_here else set_place(name)


def with_engine(recipe: "TrainRecipe", precision: str | None, *, compiles: bool) -> "TrainRecipe":
    """Return a recipe with another precision, None for its own, and compiled if that is asked for.

    Raises:
        RecipeError: There is no such precision.
    """
    from vsda.recipes.load import check
    from vsda.recipes.train import TrainRecipe

    values = recipe.model_dump() | ({} if precision is None else {"precision": precision})
    return check(TrainRecipe, values | ({"compile": True} if compiles else {}), "--precision")


def resume_mode(given: str | None) -> "Resume":
    """Return what `--resume`, alone or with `auto`, asks for."""
    from vsda.errors import UsageError

    if given is None:
        return "no"
    if given not in ("yes", "auto"):
        raise UsageError(
            f"--resume {given}: expected nothing or auto behind it; --run names the run folder"
        )
    return "auto" if given == "auto" else "yes"


def require_sets(recipe: "TrainRecipe") -> None:
    """Check that the sets of a run are there.

    Raises:
        ShardError: Some are not; the message has the commands that make them.
    """
    from vsda.errors import ShardError

    absent = [_absence(recipe, key, place) for key in SETS for place in getattr(recipe, key)]
    if any(absent):
        raise ShardError("; ".join(filter(None, absent)))


def with_weights(recipe: "TrainRecipe", init: str | None) -> "TrainRecipe":
    """Return a recipe that starts from `init`, a name or place or `none`; None changes nothing."""
    if init is None:
        return recipe
    weights = "" if init == NO_WEIGHTS else init
    return recipe.model_copy(update={"init": recipe.init.model_copy(update={"weights": weights})})


def require_weights(recipe: "TrainRecipe", folder: Path) -> None:
    """Check that the initial weights of a run are there.

    Raises:
        WeightsError: They are not, and the message has the command that brings them; or they are
            those of another network.
        UnknownNameError: There are no weights of that name.
    """
    from vsda.errors import WeightsError
    from vsda.fetch.weights import find_weights

    if not recipe.init.weights:
        return
    _refuse_weights_of_others(recipe)
    otherwise = f"`--init {NO_WEIGHTS}` starts from random weights"
    try:
        place = str(find_weights(recipe.init.weights, folder))
    except WeightsError as error:
        raise WeightsError(f"{error}; {otherwise}") from error
    if "://" not in place and not Path(place).exists():
        raise WeightsError(
            f"{place}: no such file of weights; `vsda weights list` shows those with a name, and "
            f"{otherwise}"
        )


def _refuse_weights_of_others(recipe: "TrainRecipe") -> None:
    """Refuse weights with a name that the recipe's network cannot take."""
    from vsda.errors import WeightsError
    from vsda.manifests import weights_sources

    sources, network = weights_sources(), recipe.network.name
    source = sources.get(recipe.init.weights)
    if source is None or network in source.networks:
        return
    fitting = [name for name, other in sources.items() if network in other.networks]
    raise WeightsError(
        f"init.weights: {source.name} are weights for {' and '.join(source.networks)}, not for "
        f"network.name {network}; `--init {NO_WEIGHTS}` starts from random weights, --init NAME "
        f"from others: {', '.join(fitting)}"
    )


def _absence(recipe: "TrainRecipe", key: str, place: str) -> str:
    """Return what to say of a set that is not there, nothing for one that is."""
    from vsda.errors import ShardError
    from vsda.shards.index import find_indexes

    try:
        find_indexes(place)
    except ShardError as error:
        makes = command_of(place, recipe.classes if _needs_labels(recipe, key) else None)
        option = f"--{key.replace('_', '-')}"
        if makes is None:
            return str(error)
        return f"{place}: no such set; `{makes}` makes it, {option} names another"
    return ""


def _needs_labels(recipe: "TrainRecipe", key: str) -> bool:
    return key in ("labelled_videos", "validation") or (key == "images" and recipe.image_labels)


def command_of(place: str, classes: str | None) -> str | None:
    """Return the command that makes the set at `place`, None if its name is of no dataset.

    Args:
        place: `<folder>/<dataset>-<split>`.
        classes: What its labels must tell apart; None if they do not matter.
    """
    from vsda.datasets import DATASETS
    from vsda.taxonomy import SHARED, class_set

    folder, _, name = place.rpartition("/")
    name, _, split = name.rpartition("-")
    out = "" if Path(folder) == data_folder("shards") else f" --out {folder or '.'}"
    if name == _YTBB and split in _YTBB_SPLITS:
        chosen = "" if split == _YTBB_SPLITS[0] else f" --split {split}"
        return f"vsda fetch {name}{chosen}{out}"
    dataset = DATASETS.get(name)
    if dataset is None or split not in (*dataset.splits, *dataset.other_splits):
        return None
    command = f"vsda prepare {name}"
    if split not in dataset.splits:
        command += f" --split {split}"
    if classes is not None:
        usual = class_set(SHARED, dataset.shared_with).ids
        command += "" if set(class_set(classes).ids) <= set(usual) else f" --classes {classes}"
    return command + out
