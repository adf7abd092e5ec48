"""`vsda train`, `vsda recipes`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from vsda.errors import ExitCode

RESUME, MODES = "--resume", ("yes", "auto")
Small = typer.Option(
    "--small",
    help="A network and pictures so small that a laptop trains them in a minute: "
    "pipelines/small/<network>.toml laid over the recipe, before --set.",
)


class TrainCommand(TyperCommand):
    """`vsda train`, whose --resume may stand alone or before `auto`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line with a `yes` behind each --resume that stands alone."""
        filled: list[str] = []
        for argument, following in zip(args, [*args[1:], ""], strict=True):
            filled.append(argument)
            if argument == RESUME and following not in MODES:
                filled.append(MODES[0])
        return super().parse_args(ctx, filled)


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe name, see `vsda recipes`, or a TOML file.")],
    images: Annotated[
        list[str] | None,
        typer.Option(
            help="Set of labelled images, FOLDER/SET, or SET of $VSDA_DATA/shards; may be repeated."
        ),
    ] = None,
    videos: Annotated[
        list[str] | None,
        typer.Option(help="Set whose frames are used without labels; may be repeated."),
    ] = None,
    labelled_videos: Annotated[
        list[str] | None,
        typer.Option(help="Set whose frames are used with their labels; may be repeated."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Run folder. Default: runs/<recipe>-<n>.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE laid over the recipe, such as steps=20."),
    ] = None,
    small: Annotated[bool, Small] = False,
    init: Annotated[
        str | None,
        typer.Option(
            help="Initial weights in place of the recipe's: a name of `vsda weights list`, a file, "
            "a run folder, or none for random ones."
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            RESUME,
            metavar="[auto]",
            help="Continue from the latest whole checkpoint of --run, or of the last run. With "
            "auto, start a run where there is none: one command for every try of a batch job.",
        ),
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Devices on this machine: GPUs, or processes where there is none. They share each "
            "batch. Default: 1, or what torchrun or Slurm has started.",
        ),
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(min=1, help="Machines that run this same command.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="32, bf16-mixed or 16-mixed, in place of the recipe's.")
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile the network; pays off in long runs.")
    ] = False,
    validation: Annotated[
        list[str] | None,
        typer.Option(help="Labelled set to judge the network on while it trains; may be repeated."),
    ] = None,
    wandb: Annotated[
        str | None, typer.Option(help="Project of Weights & Biases to log to, too.")
    ] = None,
    profile: Annotated[
        int, typer.Option(min=0, help="Profile so many steps, into the run folder.")
    ] = 0,
    cache: Annotated[
        str | None,
        typer.Option(
            help="Folder that keeps what is read of sets on URLs. Default: $VSDA_DATA/cache."
        ),
    ] = None,
    cache_gib: Annotated[float, typer.Option(help="How much it may hold; 0 keeps nothing.")] = 50.0,
) -> None:
    """Train a recipe on labelled images and unlabelled videos.

    Example: vsda train swin-patch --images data/shards/coco-train --videos data/shards/davis-train

    A first look, in a minute on a laptop: vsda train swin-patch --small

    On four GPUs: vsda train swin-patch --devices 4 --precision bf16-mixed --resume auto
    """
    from vsda.cli.train_inputs import (
        cache_for,
        data_folder,
        require_sets,
        require_weights,
        resume_mode,
        with_engine,
        with_sets,
        with_weights,
    )
    from vsda.recipes.small import load_train_recipe

    mode = resume_mode(resume)
    settings = with_weights(load_train_recipe(recipe, set_ or [], small=small), init)
    settings = with_engine(settings, precision, compiles=compile_)

    from vsda.evaluation.validate import open_validator
    from vsda.training.devices import Devices, quieten_other_ranks
    from vsda.training.inputs import open_inputs
    from vsda.training.run import RunOptions
    from vsda.training.run import train as run_training
    from vsda.training.wandb_board import require_wandb

    quieten_other_ranks()
    if wandb is not None:
        require_wandb()
    name = Path(recipe).stem if recipe.endswith(".toml") else recipe
    given = {
        "images": images,
        "videos": videos,
        "labelled_videos": labelled_videos,
        "validation": validation,
    }
    settings = with_sets(settings, given, name)
    weights_dir = data_folder("weights")
    require_sets(settings)
    if mode == "no":  # whether there is a checkpoint, which needs no other weights, shows later
        require_weights(settings, weights_dir)
    inputs = open_inputs(settings, cache_for(cache, cache_gib))
    options = RunOptions(
        run_dir=run,
        name=f"{name}-small" if small else name,
        weights_dir=weights_dir,
        resume=mode,
        devices=Devices(per_node=devices, nodes=nodes),
        validator=(lambda device: open_validator(settings, inputs.classes, device))
        if settings.validation
        else None,
        wandb_project=wandb,
        profile_steps=profile,
    )
    kept = run_training(settings, inputs, options)
    if kept is not None:
        typer.echo(kept)


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Show this recipe complete, defaults included.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE laid over the recipe.")
    ] = None,
    small: Annotated[bool, Small] = False,
) -> None:
    """List the training recipes, or show one complete: with what it extends, and the defaults.

    Example: vsda recipes swin-patch --small
    """
    from vsda.recipes.load import recipe_paths
    from vsda.recipes.small import load_train_recipe

    if name is not None:
        recipe = load_train_recipe(name, set_ or [], small=small)
        typer.echo(json.dumps(recipe.model_dump(mode="json"), indent=2))
        raise typer.Exit(ExitCode.DONE)
    loaded = {stem: load_train_recipe(stem) for stem in recipe_paths("train")}
    width = max(len(stem) for stem in loaded)
    for stem, recipe in loaded.items():
        typer.echo(f"{stem:<{width}}  {recipe.description}")
