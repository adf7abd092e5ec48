"""`vsda demo`: the whole way once, in minutes, by vsda's own commands."""

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vsda.recipes.demo import DemoStep

RunCommand = Callable[[list[str]], None]


def run_demo(out: Path, run_command: RunCommand) -> None:
    """Run the steps of pipelines/demo.toml in the folder `out`, showing each as a user types it."""
    from vsda.recipes.demo import DemoRecipe
    from vsda.recipes.load import load_recipe
    from vsda.resources import resource_dir

    recipe = load_recipe(DemoRecipe, resource_dir("pipelines") / "demo.toml")
    start = time.monotonic()
    for number, step in enumerate(recipe.steps, start=1):
        elapsed_s = time.monotonic() - start
        typer.echo(f"\n[{number}/{len(recipe.steps)}, {elapsed_s:.0f} s] {step.title}")
        _run_step(step, out, run_command)


def _run_step(step: "DemoStep", out: Path, run_command: RunCommand) -> None:
    arguments = [argument.format(out=out) for argument in step.command]
    typer.echo(f"$ vsda {shlex.join(arguments)}")
    if step.makes and (out / step.makes).exists():
        typer.echo(f"{out / step.makes} is there already")
        return
    run_command(arguments)
