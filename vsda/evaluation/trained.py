"""A run's network, opened from one of its checkpoints."""

import json
from dataclasses import dataclass
from pathlib import Path

from vsda.errors import RunError
from vsda.models.network import SegmentationNetwork
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.taxonomy import ClassSet, class_set
from vsda.training.build import build_network
from vsda.training.checkpoint import (
    best_checkpoint,
    checkpoint_dir,
    load_checkpoint,
    newest_whole,
)
from vsda.training.provenance import PROVENANCE_FILE

BEST, LATEST = "best", "latest"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedNetwork:
    """A network as a run left it.

    Attributes:
        network: In evaluation mode, unless it is still being trained.
        recipe: The run's recipe.
        classes: What its outputs 1..K mean; 0 is the background.
        step: Steps of training behind it.
        checkpoint: Where it comes from; None while it is being trained.
        is_average: Its weights are the run's average, not those of its last step.
    """

    network: SegmentationNetwork
    recipe: TrainRecipe
    classes: ClassSet
    step: int
    checkpoint: Path | None = None
    is_average: bool = False

    @property
    def num_outputs(self) -> int:
        """The number of classes, background included."""
        return len(self.classes) + 1


def open_run(run_dir: Path, checkpoint: Path | None = None, *, raw: bool = False) -> TrainedNetwork:
    """Return the network of one of a run's checkpoints.

    Args:
        run_dir: The run folder.
        checkpoint: One of the run's, see `find_checkpoint`; None for the newest whole one.
        raw: Take the weights of the last step even where the run keeps an average of them.

    Raises:
        RunError: No run folder, no whole checkpoint, or `checkpoint` is another run's.
    """
    path = _place(run_dir, checkpoint)
    state = load_checkpoint(path)
    recipe = check(TrainRecipe, state.recipe, f"{run_dir}: recipe of its checkpoint")
    classes = class_set(recipe.classes)
    network = build_network(recipe, len(classes) + 1)
    is_average = bool(state.ema) and not raw
    try:
        network.load_state_dict(state.ema if is_average else state.network)
    except RuntimeError as error:
        raise RunError(f"{run_dir}: its weights do not fit its recipe: {error}") from error
    return TrainedNetwork(
        network=network.eval(),
        recipe=recipe,
        classes=classes,
        step=state.step,
        checkpoint=path,
        is_average=is_average,
    )


def is_run(folder: Path) -> bool:
    """Tell whether a folder has checkpoints, as a run's has."""
    return checkpoint_dir(folder).is_dir()


def find_checkpoint(run_dir: Path, which: str) -> Path | None:
    """Return the checkpoint that a command line names, None for the newest whole one.

    Args:
        run_dir: The run folder.
        which: `best` on the validation sets, `latest`, or a path.

    Raises:
        RunError: `best` of a run that has none.
    """
    if which == LATEST:
        return None
    if which != BEST:
        return Path(which)
    best = best_checkpoint(run_dir)
    if best is None:
        raise RunError(
            f"{run_dir}: no best checkpoint: the run was not judged while it trained; name sets "
            "with --set validation=... when you train, or take the latest"
        )
    return best


def best_uses_target_labels(run_dir: Path) -> bool:
    """Tell whether a run's best checkpoint was chosen by labels of the target domain."""
    try:
        record = json.loads((run_dir / PROVENANCE_FILE).read_bytes())
    except (OSError, ValueError):
        return False  # a run folder of which only checkpoints were kept: nothing is known
    validation = record.get("validation") if isinstance(record, dict) else None
    return isinstance(validation, dict) and validation.get("uses_target_labels") is True


def _place(run_dir: Path, checkpoint: Path | None) -> Path:
    folder = checkpoint_dir(run_dir)
    if checkpoint is not None:
        if checkpoint.resolve().parent != folder.resolve():
            raise RunError(f"{checkpoint}: not one of the checkpoints in {folder}")
        return checkpoint
    newest = newest_whole(run_dir)
    if newest is None:
        raise RunError(f"{run_dir}: no checkpoint; is it a run folder of `vsda train`?")
    return newest
