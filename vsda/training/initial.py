"""The weights that a run starts from."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vsda.errors import RunError, WeightsError
from vsda.fetch.weights import find_weights
from vsda.models.network import SegmentationNetwork
from vsda.models.weights import FoundWeights, load_weights, read_weights
from vsda.recipes.train import InitSettings
from vsda.storage import sha256_file, to_place
from vsda.taxonomy import ClassSet
from vsda.training.checkpoint import check_digest, has_checkpoint_name, list_checkpoints

logger = logging.getLogger(__name__)


def initialise(
    network: SegmentationNetwork, settings: InitSettings, classes: ClassSet, folder: Path
) -> dict[str, Any] | None:
    """Load what a recipe says into `network` and return the record of it, None for nothing.

    `vsda weights check` foretells it: with `read_initial` and `check_weights`, which decides the
    same as `load_weights`.

    Args:
        network: What gets the weights.
        settings: The recipe's; a run folder stands for its newest whole checkpoint.
        classes: What the network is to learn: a classifier is taken from nothing but a checkpoint
            that learnt the same.
        folder: Where weights with a name lie.

    Raises:
        WeightsError: The file is damaged, or of another network.
        VsdaError: There is no such file.
        RunError: A folder without a whole checkpoint.
    """
    if not settings.weights:
        return None
    found = read_initial(settings.weights, folder)
    report = load_weights(network, found, classes=classes, may_miss=settings.may_miss)
    logger.info("%s: %s", found.place, report.summary())
    return {
        "file": str(found.place),
        "sha256": sha256_file(found.place),
        "report": asdict(report),
    }


def read_initial(weights: str, folder: Path) -> FoundWeights:
    """Return what the weights hold that a recipe or `--init` names.

    Args:
        weights: A name, a file, a URL, or a run folder, for its newest whole checkpoint.
        folder: Where weights with a name lie.

    Raises:
        WeightsError: The file is damaged, or holds no weights.
        VsdaError: There is no such file or name.
        RunError: A folder without a whole checkpoint, or a checkpoint that was changed.
    """
    place = to_place(find_weights(weights, folder))
    if not isinstance(place, Path):
        return read_weights(place)
    return _newest_whole(place) if place.is_dir() else _read(place)


def _newest_whole(run_dir: Path) -> FoundWeights:
    paths = list_checkpoints(run_dir)
    if not paths:
        raise RunError(f"{run_dir}: no checkpoint to start from; train it first")
    for path in reversed(paths):
        try:
            return _read(path)
        except (RunError, WeightsError) as error:
            logger.warning("%s; trying the one before", error)
    raise RunError(f"{run_dir}: none of {len(paths)} checkpoints is whole; train it again")


def _read(path: Path) -> FoundWeights:
    if has_checkpoint_name(path):  # beside files of others a .sha256 may be that of another file
        check_digest(path)
    return read_weights(path)
