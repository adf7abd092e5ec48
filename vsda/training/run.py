"""`vsda train`: a new run folder, or an old one resumed."""

import hashlib
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vsda.errors import RunError
from vsda.models.network import SegmentationNetwork
from vsda.models.weights import load_weights
from vsda.recipes.train import TrainRecipe
from vsda.training.checkpoint import latest_checkpoint, list_checkpoints
from vsda.training.inputs import RunInputs
from vsda.training.loop import RECIPE_FILE, Trainer, write_recipe
from vsda.training.provenance import provenance, write_provenance

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a run is started.

    Attributes:
        run_dir: The run folder.
        init: Checkpoint, or run folder, whose network the run starts from; None for random weights.
        resume: Continue from the latest checkpoint; a folder without one starts anew.
    """

    run_dir: Path
    init: Path | None = None
    resume: bool = False


def train(recipe: TrainRecipe, inputs: RunInputs, options: RunOptions) -> Path:
    """Train as `recipe` says and return the last checkpoint's path.

    Raises:
        RunError: The folder holds a run and `resume` is off, or a run of another recipe.
    """
    run_dir = options.run_dir
    checkpoint = latest_checkpoint(run_dir) if options.resume else None
    if not options.resume and (run_dir / RECIPE_FILE).exists():
        raise RunError(f"{run_dir}: holds a run already; add --resume, or choose another --run")
    trainer = Trainer(recipe, inputs, run_dir)
    if checkpoint is not None:
        trainer.restore(checkpoint)
        logger.info("resuming %s after step %d", run_dir, checkpoint.step)
    else:
        _start(trainer.network, recipe, inputs, options)
    trainer.run()
    return list_checkpoints(run_dir)[-1]


def new_run_dir(recipe_name: str, parent: Path) -> Path:
    """Return the first folder `<recipe>-<n>` that does not exist under `parent`."""
    number = 1
    while (parent / f"{recipe_name}-{number}").exists():
        number += 1
    return parent / f"{recipe_name}-{number}"


def _start(
    network: SegmentationNetwork, recipe: TrainRecipe, inputs: RunInputs, options: RunOptions
) -> None:
    initial = None if options.init is None else _initialise(network, options.init)
    options.run_dir.mkdir(parents=True, exist_ok=True)
    write_recipe(options.run_dir, recipe)
    record = provenance(inputs.image_sets, inputs.video_sets, inputs.weights, initial)
    write_provenance(options.run_dir, record)


def _initialise(network: SegmentationNetwork, place: Path) -> dict[str, Any]:
    """Load the initial weights and return their record."""
    path = _newest(place) if place.is_dir() else place
    report = load_weights(network, path)
    logger.info("%s: %s", path, report.summary())
    return {
        "file": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "report": asdict(report),
    }


def _newest(run_dir: Path) -> Path:
    paths = list_checkpoints(run_dir)
    if not paths:
        raise RunError(f"{run_dir}: no checkpoint to start from; train it first")
    return paths[-1]
