"""`vsda train`: a new run folder, or an old one resumed."""

import contextlib
import glob
import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

from vsda.errors import RunError
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.storage import exclusive
from vsda.training.checkpoint import Checkpoint, latest_checkpoint, list_checkpoints
from vsda.training.initial import initialise
from vsda.training.inputs import RunInputs
from vsda.training.loop import Trainer, write_recipe
from vsda.training.provenance import provenance, write_provenance

logger = logging.getLogger(__name__)

_LOCK = ".lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a run is started.

    Attributes:
        run_dir: The run folder.
        weights_dir: Where initial weights lie that the recipe calls by their name.
        resume: Continue from the latest checkpoint; a folder without one starts anew.
        is_new: The folder was made for this run, so it goes again if nothing comes into it.
    """

    run_dir: Path
    weights_dir: Path = Path("data/weights")
    resume: bool = False
    is_new: bool = False


def train(recipe: TrainRecipe, inputs: RunInputs, options: RunOptions) -> Path:
    """Train as `recipe` says and return the last checkpoint's path.

    A start that fails before anything is written leaves no new folder.

    Raises:
        RunError: The folder holds a run and `resume` is off, or a run of another recipe.
    """
    if options.run_dir.exists() and not options.run_dir.is_dir():
        raise RunError(f"{options.run_dir}: is a file; --run names a folder")
    is_new = options.is_new or not options.run_dir.exists()
    try:
        with exclusive(options.run_dir / _LOCK):
            return _train(recipe, inputs, options)
    finally:
        if is_new:
            _remove_empty(options.run_dir)


def _train(recipe: TrainRecipe, inputs: RunInputs, options: RunOptions) -> Path:
    run_dir = options.run_dir
    if list_checkpoints(run_dir) and not options.resume:
        raise RunError(f"{run_dir}: holds a run already; add --resume, or choose another --run")
    checkpoint = latest_checkpoint(run_dir)
    if checkpoint is not None:
        recipe = _with_init_of(checkpoint, recipe, run_dir)
    trainer = Trainer(recipe, inputs, run_dir)
    if checkpoint is not None:
        trainer.restore(checkpoint)
        logger.info("resuming %s after step %d", run_dir, checkpoint.step)
    else:
        if options.resume:
            logger.info("%s: no checkpoint yet, starting from step 0", run_dir)
        _start(trainer, recipe, inputs, options)
    trainer.run()
    return list_checkpoints(run_dir)[-1]


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
    numbers = {
        path: int(path.name.removeprefix(f"{recipe_name}-"))
        for path in parent.glob(f"{glob.escape(recipe_name)}-*")
        if path.name.removeprefix(f"{recipe_name}-").isdecimal()
    }
    if not numbers:
        raise RunError(f"{parent}: no run {recipe_name}-<n> to resume; name its folder with --run")
    return max(numbers, key=lambda path: (bool(list_checkpoints(path)), numbers[path]))


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


def _start(trainer: Trainer, recipe: TrainRecipe, inputs: RunInputs, options: RunOptions) -> None:
    initial = initialise(trainer.network, recipe.init, inputs.classes, options.weights_dir)
    options.run_dir.mkdir(parents=True, exist_ok=True)
    write_recipe(options.run_dir, recipe)
    write_provenance(options.run_dir, provenance(inputs, initial))
