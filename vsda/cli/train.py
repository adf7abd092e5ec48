"""`vsda train`, `vsda evaluate`, `vsda recipes`."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from vsda.errors import ExitCode


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe name, see `vsda recipes`, or a TOML file.")],
    images: Annotated[
        list[str] | None,
        typer.Option(help="Set of labelled images, FOLDER/SET; may be repeated."),
    ] = None,
    videos: Annotated[
        list[str] | None,
        typer.Option(help="Set whose frames are used without labels; may be repeated."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Run folder. Default: runs/<recipe>-<n>.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE laid over the recipe, such as steps=20."),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Initial weights: a checkpoint, a run folder, or the authors' file."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue from the latest whole checkpoint of --run, or of the last run.",
        ),
    ] = False,
) -> None:
    """Train a recipe on labelled images and unlabelled videos.

    Example: vsda train swin-patch --images data/shards/coco-train --videos data/shards/davis-train
    """
    from vsda.recipes.load import find_recipe, load_recipe
    from vsda.recipes.train import TrainRecipe

    path = find_recipe("train", recipe)
    settings = load_recipe(TrainRecipe, path, set_ or [])

    from vsda.training.inputs import open_inputs
    from vsda.training.run import RunOptions, last_run_dir, new_run_dir
    from vsda.training.run import train as run_training

    if videos and not settings.needs_videos:
        typer.echo(f"{path.stem} uses no videos; --videos is passed over", err=True)
    places = {
        "images": tuple(images or map(_place, settings.images)),
        "videos": tuple(videos or map(_place, settings.videos)),
    }
    if not settings.needs_videos:
        places["videos"] = ()
    settings = settings.model_copy(update=places)
    inputs = open_inputs(settings)
    find_run_dir = last_run_dir if resume else new_run_dir
    options = RunOptions(
        run_dir=run or find_run_dir(path.stem, Path("runs")), init=init, resume=resume
    )
    typer.echo(run_training(settings, inputs, options))


def _place(name: str) -> str:
    """Return where a recipe's set lies: a bare name is under $VSDA_DATA/shards."""
    shards = Path(os.environ.get("VSDA_DATA", "data")) / "shards"
    return name if "/" in name else str(shards / name)


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder of `vsda train`.")],
    shards: Annotated[list[str], typer.Argument(help="Labelled sets, FOLDER/SET.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Another checkpoint than the run's latest.")
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=0, help="Predictions kept as PNG for the report.")
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score a run on labelled shards: mean IoU, per class and per video.

    Classes without a labelled pixel are told and do not count.
    """
    import torch

    from vsda.evaluation.evaluate import EvaluationOptions
    from vsda.evaluation.evaluate import evaluate as evaluate_set
    from vsda.evaluation.table import score_table
    from vsda.shards.index import open_set

    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = EvaluationOptions(checkpoint=checkpoint, pictures=pictures, device=device)
    scores = [evaluate_set(run, open_set(place), options) for place in shards]
    if as_json:
        typer.echo(json.dumps(scores[0] if len(scores) == 1 else scores, indent=2))
        return
    for score in scores:
        typer.echo(score_table(score))


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Show this recipe complete, defaults included.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE laid over the recipe.")
    ] = None,
) -> None:
    """List the training recipes, or show one complete."""
    from vsda.recipes.load import find_recipe, load_recipe, recipe_paths
    from vsda.recipes.train import TrainRecipe

    if name is not None:
        recipe = load_recipe(TrainRecipe, find_recipe("train", name), set_ or [])
        typer.echo(json.dumps(recipe.model_dump(mode="json"), indent=2))
        raise typer.Exit(ExitCode.DONE)
    loaded: dict[str, Any] = {
        stem: load_recipe(TrainRecipe, path) for stem, path in recipe_paths("train").items()
    }
    width = max(len(stem) for stem in loaded)
    for stem, recipe in loaded.items():
        typer.echo(f"{stem:<{width}}  {recipe.description}")
