"""The weights that a run starts from."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vsda.errors import RunError
from vsda.fetch.weights import find_weights
from vsda.models.network import SegmentationNetwork
from vsda.models.weights import load_weights
from vsda.recipes.train import InitSettings
from vsda.storage import sha256_file, to_place
from vsda.taxonomy import ClassSet, class_set
from vsda.training.checkpoint import list_checkpoints, load_checkpoint

logger = logging.getLogger(__name__)


def initialise(
    network: SegmentationNetwork, settings: InitSettings, classes: ClassSet, folder: Path
) -> dict[str, Any] | None:
    """Load what a recipe says into `network` and return the record of it, None for nothing.

    Args:
        network: What gets the weights.
        settings: The recipe's; a run folder stands for its latest checkpoint.
        classes: What the network is to learn: a classifier of other classes is left out.
        folder: Where weights with a name lie.

    Raises:
        WeightsError: The file is not there, damaged, or of another network.
        RunError: A folder without a checkpoint.
    """
    if not settings.weights:
        return None
    place = to_place(find_weights(settings.weights, folder))
    known = None
    if isinstance(place, Path):
        place = _newest(place) if place.is_dir() else place
        known = _learned(place)
    report = load_weights(
        network, place, same_classes=known in (None, classes), may_miss=settings.may_miss
    )
    logger.info("%s: %s", place, report.summary())
    return {"file": str(place), "sha256": sha256_file(place), "report": asdict(report)}


def _learned(path: Path) -> ClassSet | None:
    """Return the classes of a checkpoint of ours, None for a file that does not say."""
    try:
        recipe = load_checkpoint(path).recipe
    except RunError:
        return None
    return class_set(str(recipe["classes"]))


def _newest(run_dir: Path) -> Path:
    paths = list_checkpoints(run_dir)
    if not paths:
        raise RunError(f"{run_dir}: no checkpoint to start from; train it first")
    return paths[-1]
