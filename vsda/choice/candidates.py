"""The checkpoints that there are to choose from, and what each says of the same pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vsda.choice.criteria import Points
from vsda.errors import RunError
from vsda.evaluation.metrics import class_iou, confusion_matrix, mean_iou
from vsda.evaluation.predict import Answer, Reader, answers, batches_of, cuts_of
from vsda.evaluation.trained import TrainedNetwork, open_run
from vsda.evaluation.views import probabilities
from vsda.shards.read import RandomAccessShards
from vsda.training.checkpoint import list_checkpoints

_SEED = 20_211_017


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint of a run."""

    run_dir: Path
    checkpoint: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """What the candidates are looked at on.

    Attributes:
        shards: The set.
        positions: Of its frames, ascending.
        num_points: Pixels that are drawn of each frame, the same for all candidates.
        labelled: The masks are read, too.
    """

    shards: RandomAccessShards
    positions: Sequence[int]
    num_points: int
    labelled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Witness:
    """What a candidate says.

    Attributes:
        classes: Names of its classes.
        step: Steps of training behind it.
        points: At the drawn pixels, frames in the order of the set.
        mean_iou: Over all pixels of the frames; None without labels.
    """

    classes: tuple[str, ...]
    step: int
    points: Points
    mean_iou: float | None


def find_candidates(run_dirs: Sequence[Path]) -> list[Candidate]:
    """Return all checkpoints of the runs, run after run, by ascending step.

    Raises:
        RunError: A run has none.
    """
    found = []
    for run_dir in run_dirs:
        paths = list_checkpoints(run_dir)
        if not paths:
            raise RunError(f"{run_dir}: no checkpoint; is it a run folder of `vsda train`?")
        found += [Candidate(run_dir, path) for path in paths]
    return found


def hear(candidate: Candidate, frames: Frames, device: torch.device) -> Witness:
    """Return what a candidate says of the frames.

    Raises:
        RunError: Its checkpoint is damaged.
        ShardError: A frame cannot be read.
    """
    trained = open_run(candidate.run_dir, candidate.checkpoint)
    by_key: dict[str, NDArray[np.float32]] = {}
    confusion = np.zeros((trained.num_outputs, trained.num_outputs), dtype=np.int64)
    for answer in _answers(trained, frames, device):
        probs = probabilities(answer.maps, answer.truth.shape)
        by_key[answer.key] = _drawn(probs, answer.key, frames.num_points)
        predicted = probs.argmax(dim=0).to(torch.uint8).cpu().numpy()
        confusion += confusion_matrix(answer.truth, predicted, trained.num_outputs)
    keys = [frames.shards.entry(position).key for position in frames.positions]
    return Witness(
        classes=trained.classes.names,
        step=trained.step,
        points=np.stack([by_key[key] for key in keys]),
        mean_iou=mean_iou(class_iou(confusion)) if frames.labelled else None,
    )


def _answers(trained: TrainedNetwork, frames: Frames, device: torch.device) -> Iterator[Answer]:
    recipe = trained.recipe
    batches = batches_of(recipe, cuts_of(recipe, frames.shards, frames.positions))
    reader = Reader(trained, frames.shards, labelled=frames.labelled)
    return answers(reader, batches, device)


def _drawn(probs: torch.Tensor, key: str, num_points: int) -> NDArray[np.float32]:
    """Return the probabilities (P, K + 1) at pixels that depend on the frame's key alone.

    Args:
        probs: (K + 1, H, W).
        key: Of the frame.
        num_points: P.
    """
    rng = np.random.default_rng([_SEED, *key.encode()])
    places = rng.integers(probs[0].numel(), size=num_points)
    drawn = probs.flatten(1)[:, torch.from_numpy(places).to(probs.device)]
    points: NDArray[np.float32] = drawn.T.float().cpu().numpy()
    return points
