"""A run's network on a set of labelled shards: mean IoU per class and per video."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vsda.errors import RunError
from vsda.evaluation.metrics import Confusion, class_iou, confusion_matrix, mean_iou
from vsda.models.network import SegmentationNetwork
from vsda.progress import progress
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.sample import FrameFacts, Mask
from vsda.shards.index import ShardSet
from vsda.shards.read import RandomAccessShards, decode_mask
from vsda.shards.write import encode_mask
from vsda.storage import write_atomic
from vsda.stream.transforms import decode_resized, normalise
from vsda.taxonomy import BACKGROUND_ID, ClassSet, class_set
from vsda.training.build import build_network
from vsda.training.checkpoint import Checkpoint, latest_checkpoint, load_checkpoint
from vsda.training.inputs import check_labels

logger = logging.getLogger(__name__)

EVALUATION_DIR = "evaluation"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedNetwork:
    """A network as a run left it.

    Attributes:
        network: In evaluation mode.
        recipe: The run's recipe.
        classes: What its outputs 1..K mean; 0 is the background.
        step: Steps of training behind it.
    """

    network: SegmentationNetwork
    recipe: TrainRecipe
    classes: ClassSet
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One frame's truth and prediction, both (H, W) class indices at the mask's own size."""

    key: str
    sequence: str | None
    truth: Mask
    predicted: Mask


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationOptions:
    """How a set is evaluated.

    Attributes:
        checkpoint: Another checkpoint than the run's latest.
        pictures: Number of predictions kept as PNG for the report, spread evenly over the set.
        device: Where the network runs, by torch's name.
    """

    checkpoint: Path | None = None
    pictures: int = 8
    device: str = "cpu"


def open_run(run_dir: Path, checkpoint: Path | None = None) -> TrainedNetwork:
    """Return the network of the run's latest checkpoint, or of `checkpoint`.

    Raises:
        RunError: No run folder, no whole checkpoint.
    """
    state = latest_checkpoint(run_dir) if checkpoint is None else load_checkpoint(checkpoint)
    if state is None:
        raise RunError(f"{run_dir}: no checkpoint; is it a run folder of `vsda train`?")
    return _restore(state, run_dir)


def evaluate(run_dir: Path, shard_set: ShardSet, options: EvaluationOptions) -> dict[str, Any]:
    """Return the scores of a run on a set, and write them to `<run>/evaluation/<set>.json`.

    The network sees frames resized to the recipe's square; its logits are resized bilinearly to
    each mask's own size, where every labelled pixel of the set counts once.

    Raises:
        RunError: The run has no checkpoint, or the set no samples.
        ShardError: The set has no labels.
    """
    trained = open_run(run_dir, options.checkpoint)
    check_labels(shard_set, trained.classes)
    shards = RandomAccessShards(shard_set)
    wanted = _spread(len(shards), options.pictures)
    name = shard_set.index.name
    pictures: list[dict[str, str]] = []
    confusions: dict[str | None, Confusion] = defaultdict(lambda: _empty(trained))
    frames: dict[str | None, int] = defaultdict(int)
    predictions = predict_set(trained, shards, options.device)
    for position, prediction in enumerate(progress(predictions, name, total=len(shards))):
        num_classes = len(trained.classes) + 1
        confusion = confusion_matrix(prediction.truth, prediction.predicted, num_classes)
        confusions[prediction.sequence] += confusion
        frames[prediction.sequence] += 1
        if position in wanted:
            pictures.append(_keep(run_dir, name, prediction, trained.classes))
    scores = {
        "run": run_dir.name,
        "set": name,
        "place": shard_set.folder,
        "step": trained.step,
        "num_frames": len(shards),
        "at_px": trained.recipe.size_px,
        **_scores(sum(confusions.values(), start=_empty(trained)), trained.classes),
        "videos": {
            sequence: {
                "num_frames": frames[sequence],
                **_video_scores(confusions[sequence], trained.classes),
            }
            for sequence in sorted(key for key in confusions if key is not None)
        },
        "predictions": pictures,
    }
    write_atomic(_path(run_dir, f"{name}.json"), json.dumps(scores, indent=2).encode() + b"\n")
    return scores


def predict_set(
    trained: TrainedNetwork, shards: RandomAccessShards, device: str
) -> Iterator[Prediction]:
    """Yield the prediction of every sample in order."""
    network = trained.network.to(device)
    projection = trained.classes.projection()
    for position in range(len(shards)):
        fields = shards.read(position, ("jpg", "json", "seg.png"))
        facts = FrameFacts.from_json(fields["json"])
        truth = projection[decode_mask(fields["seg.png"])]
        image = decode_resized(fields["jpg"], trained.recipe.size_px).to(device)
        yield Prediction(
            key=shards.entries[position].key,
            sequence=facts.sequence,
            truth=truth,
            predicted=predict_mask(network, image, truth.shape),
        )


@torch.inference_mode()
def predict_mask(
    network: SegmentationNetwork, image: torch.Tensor, size: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return the class indices (H, W) = `size` of one (3, S, S) uint8 image."""
    logits = network(normalise(image[None]))
    resized = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    return resized[0].argmax(dim=0).to(torch.uint8).cpu().numpy()


def _restore(state: Checkpoint, run_dir: Path) -> TrainedNetwork:
    recipe = check(TrainRecipe, state.recipe, f"{run_dir}: recipe of its checkpoint")
    classes = class_set(recipe.classes)
    network = build_network(recipe, len(classes) + 1)
    network.load_state_dict(state.network)
    return TrainedNetwork(network=network.eval(), recipe=recipe, classes=classes, step=state.step)


def _scores(confusion: Confusion, classes: ClassSet) -> dict[str, Any]:
    names = ["background", *classes.names]
    ious = class_iou(confusion)
    pixels = confusion.sum(axis=1)
    return {
        "mean_iou": mean_iou(ious),
        "iou": dict(zip(names, ious, strict=True)),
        "pixels": {name: int(count) for name, count in zip(names, pixels, strict=True)},
        "absent": [name for name, iou in zip(names, ious, strict=True) if iou is None],
        "classes": names,
        "confusion": confusion.tolist(),
    }


def _video_scores(confusion: Confusion, classes: ClassSet) -> dict[str, Any]:
    scores = _scores(confusion, classes)
    return {"mean_iou": scores["mean_iou"], "iou": scores["iou"]}


def _empty(trained: TrainedNetwork) -> Confusion:
    size = len(trained.classes) + 1
    return np.zeros((size, size), dtype=np.int64)


def _spread(length: int, number: int) -> set[int]:
    """Return `number` positions spread evenly over [0, length)."""
    return {int(position) for position in np.linspace(0, length - 1, min(number, length))}


def _keep(run_dir: Path, name: str, prediction: Prediction, classes: ClassSet) -> dict[str, str]:
    """Write a prediction as a PNG of COCO ids and return its entry for the scores."""
    ids = np.array((BACKGROUND_ID, *classes.ids), dtype=np.uint8)[prediction.predicted]
    relative = f"{name}.predictions/{prediction.key}.png"
    write_atomic(_path(run_dir, relative), encode_mask(ids))
    return {"key": prediction.key, "png": f"{EVALUATION_DIR}/{relative}"}


def _path(run_dir: Path, relative: str) -> Path:
    return run_dir / EVALUATION_DIR / relative
