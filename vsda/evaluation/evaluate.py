"""A run's network on a set of labelled shards: mean IoU per class and per video."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vsda.errors import RunError
from vsda.evaluation.metrics import Confusion, class_iou, confusion_matrix, mean_iou
from vsda.evaluation.predict import Prediction, predict_set
from vsda.evaluation.trained import TrainedNetwork, open_run
from vsda.progress import progress
from vsda.shards.index import ShardSet
from vsda.shards.read import RandomAccessShards
from vsda.shards.write import encode_mask
from vsda.storage import write_atomic
from vsda.stream.clips import labelled_positions
from vsda.taxonomy import BACKGROUND_ID, ClassSet
from vsda.training.inputs import check_labels, set_identity

EVALUATION_DIR = "evaluation"


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationOptions:
    """How a set is evaluated.

    Attributes:
        checkpoint: Another checkpoint than the run's latest, see `find_checkpoint`.
        raw: Judge the weights of the last step even where the run keeps an average of them.
        pictures: Number of predictions kept as PNG for the report, spread evenly over the set.
        device: Where the network runs, by torch's name.
    """

    checkpoint: Path | None = None
    raw: bool = False
    pictures: int = 8
    device: str = "cpu"


@dataclass(slots=True)
class Tally:
    """Pixels and frames counted so far, by sequence; still images are under None."""

    num_outputs: int
    confusions: dict[str | None, Confusion] = field(default_factory=dict)
    frames: Counter[str | None] = field(default_factory=Counter)

    def add(self, prediction: Prediction) -> None:
        """Count one frame."""
        sequence = prediction.sequence
        counted = confusion_matrix(prediction.truth, prediction.predicted, self.num_outputs)
        self.confusions[sequence] = self.confusions.get(sequence, 0) + counted
        self.frames[sequence] += 1

    def total(self) -> Confusion:
        """Return the confusion matrix over all frames."""
        empty = np.zeros((self.num_outputs, self.num_outputs), dtype=np.int64)
        return sum(self.confusions.values(), start=empty)


def evaluate(run_dir: Path, shard_set: ShardSet, options: EvaluationOptions) -> dict[str, Any]:
    """Return the scores of a run on a set, and write them to `<run>/evaluation/<set>.json`.

    The network sees frames resized to the recipe's square, a clip network clips of them, see
    `predict_set`; its logits are resized bilinearly to each mask's own size, where every labelled
    pixel of the set counts once. Samples without a mask are passed over, other than as neighbours
    in a clip.

    Raises:
        RunError: The run has no checkpoint, or scores of another set of this name.
        ShardError: The set has no labels.
        RecipeError: The set was prepared without a class that the run learned.
    """
    trained = open_run(run_dir, options.checkpoint, raw=options.raw)
    check_labels(shard_set, trained.classes)
    shards = RandomAccessShards(shard_set)
    name = shard_set.index.name
    identity = set_identity(shard_set)
    _refuse_other_scores(_path(run_dir, f"{name}.json"), identity)
    positions = labelled_positions(shards)
    wanted = _spread(len(positions), options.pictures)
    tally = Tally(trained.num_outputs)
    pictures: list[dict[str, str]] = []
    predictions = predict_set(trained, shards, positions, options.device)
    for number, prediction in enumerate(progress(predictions, name, total=len(positions))):
        tally.add(prediction)
        if number in wanted:
            pictures.append(_keep_picture(run_dir, name, prediction, trained.classes))
    scores = {
        "run": run_dir.name,
        "set": name,
        "place": shard_set.folder,
        "index_sha256": identity["index_sha256"],
        **_scores(tally, trained),
        "predictions": pictures,
    }
    write_atomic(_path(run_dir, f"{name}.json"), json.dumps(scores, indent=2).encode() + b"\n")
    return scores


def _refuse_other_scores(path: Path, identity: dict[str, str]) -> None:
    """Keep the scores of one set from being taken for those of another with the same name."""
    if not path.is_file():
        return
    kept = json.loads(path.read_bytes())
    if kept.get("index_sha256") != identity["index_sha256"]:
        raise RunError(
            f"{path}: holds the scores of another set called {identity['name']} "
            f"(in {kept.get('place')}); move it away to judge this one"
        )


def _scores(tally: Tally, trained: TrainedNetwork) -> dict[str, Any]:
    confusion = tally.total()
    by_class = _class_scores(confusion, trained.classes)
    pixels = confusion.sum(axis=1).tolist()
    return {
        "step": trained.step,
        "weights": "average" if trained.is_average else "last step",
        "num_frames": tally.frames.total(),
        "at_px": trained.recipe.size_px,
        **by_class,
        "pixels": dict(zip(by_class["iou"], pixels, strict=True)),
        "absent": [name for name, iou in by_class["iou"].items() if iou is None],
        "classes": list(by_class["iou"]),
        "confusion": confusion.tolist(),
        "videos": _video_scores(tally, trained.classes),
    }


def _video_scores(tally: Tally, classes: ClassSet) -> dict[str, Any]:
    return {
        sequence: {
            "num_frames": tally.frames[sequence],
            **_class_scores(tally.confusions[sequence], classes),
        }
        for sequence in sorted(key for key in tally.confusions if key is not None)
    }


def _class_scores(confusion: Confusion, classes: ClassSet) -> dict[str, Any]:
    ious = class_iou(confusion)
    names = ("background", *classes.names)
    return {"mean_iou": mean_iou(ious), "iou": dict(zip(names, ious, strict=True))}


def _spread(length: int, number: int) -> set[int]:
    """Return `number` positions spread evenly over [0, length)."""
    return {int(position) for position in np.linspace(0, length - 1, min(number, length))}


def _keep_picture(
    run_dir: Path, name: str, prediction: Prediction, classes: ClassSet
) -> dict[str, str]:
    """Write a prediction as a PNG of COCO ids and return its entry for the scores."""
    ids = np.array((BACKGROUND_ID, *classes.ids), dtype=np.uint8)[prediction.predicted]
    relative = f"{name}.predictions/{prediction.key}.png"
    write_atomic(_path(run_dir, relative), encode_mask(ids))
    return {"key": prediction.key, "png": f"{EVALUATION_DIR}/{relative}"}


def _path(run_dir: Path, relative: str) -> Path:
    return run_dir / EVALUATION_DIR / relative
