"""`vsda train`: a new run folder, or an old one resumed."""

import contextlib
import glob
import itertools
import logging
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric

from vsda.errors import RunError
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.storage import exclusive
from vsda.stream.domains import check_batches
from vsda.training.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, newest_whole
from vsda.training.devices import Devices, on_rank_zero
from vsda.training.initial import initialise
from vsda.training.inputs import RunInputs
from vsda.training.loop import Trainer, TrainerOptions
from vsda.training.provenance import (
    provenance,
    start_record,
    write_provenance,
    write_recipe,
    write_start,
)
from vsda.training.validation import Validator

logger = logging.getLogger(__name__)

_LOCK = ".lock"
_PATIENCE_S = 120.0

Resume = Literal["no", "yes", "auto"]
"""`yes` goes on in a run folder, which must be there if it is not named; `auto` goes on where there
is something to go on from, and starts a run where there is not, so that a batch system may give the
same command again and again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a run is started.

    Attributes:
        run_dir: The run folder; None for the next or, to resume, the last `<name>-<n>`.
        name: Of the recipe, for the folder's name.
        parent: Where run folders without a given place are made.
        weights_dir: Where initial weights lie that the recipe calls by their name.
        resume: Whether to continue from the latest checkpoint; a folder without one starts anew.
        devices: On what to compute.
        validator: Makes what judges the network on a device while it trains; None for nothing.
        wandb_project: Project of W&B to write to as well.
        profile_steps: Steps to profile.
    """

    run_dir: Path | None = None
    name: str = "run"
    parent: Path = Path("runs")
    weights_dir: Path = Path("data/weights")
    resume: Resume = "no"
    devices: Devices = field(default_factory=Devices)
    validator: Callable[[torch.device], Validator] | None = None
    wandb_project: str | None = None
    profile_steps: int = 0


def train(recipe: TrainRecipe, inputs: RunInputs, options: RunOptions) -> Path | None:
    """Train as `recipe` says; return the last checkpoint's path, None on all ranks but the first.

    A start that fails before anything is written leaves no new folder.

    Raises:
        RunError: The folder holds a run and is not to be resumed, or a run of another recipe.
        RecipeError: The batches cannot be shared by the devices.
        UsageError: There are not as many devices.
        StoppedError: A signal asked for a stop; a checkpoint was written.
    """
    check_batches(recipe, math.prod(options.devices.numbers()))
    with ExitStack() as stack:
        fabric = stack.enter_context(options.devices.running())
        run_dir, path = on_rank_zero(fabric, lambda: _enter(stack, options))
        checkpoint = None if path is None else load_checkpoint(path)
        if checkpoint is not None:
            recipe = _with_init_of(checkpoint, recipe, run_dir)
        trainer = Trainer(recipe, inputs, run_dir, fabric, _trainer_options(options, fabric))
        if checkpoint is None:
            _begin(trainer, recipe, inputs, options)
        else:
            trainer.restore(checkpoint)
            logger.info("resuming %s after step %d", run_dir, checkpoint.step)
        if fabric.global_rank == 0:
            write_start(run_dir, start_record(recipe, fabric, trainer.step))
        trainer.run()
        return list_checkpoints(run_dir)[-1] if trainer.is_first else None


def _enter(stack: ExitStack, options: RunOptions) -> tuple[Path, Path | None]:
    """Return the run folder, locked, and the checkpoint to go on from."""
    run_dir, is_new = _run_dir(options)
    if is_new:
        stack.callback(_remove_empty, run_dir)
    # What a node that died has locked stays so for a while on some shared file systems.
    wait_s = _PATIENCE_S if options.resume == "auto" else 0.0
    stack.enter_context(exclusive(run_dir / _LOCK, wait_s=wait_s))
    if list_checkpoints(run_dir) and options.resume == "no":
        raise RunError(f"{run_dir}: holds a run already; add --resume, or choose another --run")
    path = newest_whole(run_dir)
    if path is None and options.resume != "no":
        logger.info("%s: no checkpoint yet, starting from step 0", run_dir)
    return run_dir, path


def _run_dir(options: RunOptions) -> tuple[Path, bool]:
    """Return the run folder, and whether it is new."""
    if options.run_dir is not None:
        if options.run_dir.exists() and not options.run_dir.is_dir():
            raise RunError(f"{options.run_dir}: is a file; --run names a folder")
        return options.run_dir, not options.run_dir.exists()
    if options.resume == "yes":
        return last_run_dir(options.name, options.parent), False
    if options.resume == "auto" and _numbered(options.name, options.parent):
        return last_run_dir(options.name, options.parent), False
    return new_run_dir(options.name, options.parent), True


def _trainer_options(options: RunOptions, fabric: Fabric) -> TrainerOptions:
    return TrainerOptions(
        validator=options.validator(fabric.device) if options.validator else None,
        wandb_project=options.wandb_project,
        profile_steps=options.profile_steps,
    )


def new_run_dir(recipe_name: str, parent: Path) -> Path:
    """Make and return the first folder `<recipe>-<n>` that does not exist under `parent`.

    Making it claims it: runs that start at the same time get folders of their own.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folders = (parent / f"{recipe_name}-{number}" for number in itertools.count(1))
    return next(folder for folder in folders if _made(folder))


def _made(folder: Path) -> bool:
    """Make `folder`; False if somebody else has."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def last_run_dir(recipe_name: str, parent: Path) -> Path:
    """Return the folder `<recipe>-<n>` with the highest number under `parent`.

    One without a checkpoint counts only where none has any: a start that failed has left it.

    Raises:
        RunError: There is none.
    """
    numbers = _numbered(recipe_name, parent)
    if not numbers:
        raise RunError(f"{parent}: no run {recipe_name}-<n> to resume; name its folder with --run")
    return max(numbers, key=lambda path: (bool(list_checkpoints(path)), numbers[path]))


def _numbered(recipe_name: str, parent: Path) -> dict[Path, int]:
    """Return the folders `<recipe>-<n>` under `parent` with their numbers."""
    return {
        path: int(path.name.removeprefix(f"{recipe_name}-"))
        for path in parent.glob(f"{glob.escape(recipe_name)}-*")
        if path.name.removeprefix(f"{recipe_name}-").isdecimal()
    }


def _remove_empty(run_dir: Path) -> None:
    """Remove the run folder if there is nothing in it."""
    with contextlib.suppress(OSError):  # of a folder that is not empty, or gone
        run_dir.rmdir()


def _with_init_of(checkpoint: Checkpoint, recipe: TrainRecipe, run_dir: Path) -> TrainRecipe:
    """Return a recipe that states the initial weights that the checkpoint's run began with."""
    began = check(TrainRecipe, checkpoint.recipe, "recipe of the checkpoint").init
    if recipe.init.weights != began.weights:
        logger.warning(
            "%s: goes on from its own weights, so the initial ones are passed over: %s",
            run_dir,
            recipe.init.weights or "random",
        )
    return recipe.model_copy(update={"init": began})


def _begin(trainer: Trainer, recipe: TrainRecipe, inputs: RunInputs, options: RunOptions) -> None:
    """Give the network its initial weights, and the folder what explains the run."""
    network = trainer.learner.network
    initial = initialise(network, recipe.init, inputs.classes, options.weights_dir)
    trainer.learner.begin()
    if trainer.is_first:
        write_recipe(trainer.run_dir, recipe)
        record = provenance(inputs, initial, validation=trainer.validation_record())
        write_provenance(trainer.run_dir, record)
