"""A run's network, and what it says about the frames of a set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vsda.errors import RunError
from vsda.models.network import SegmentationNetwork
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.sample import FrameFacts, Mask
from vsda.shards.read import RandomAccessShards, decode_mask
from vsda.stream.transforms import decode_resized, normalise
from vsda.taxonomy import ClassSet, class_set
from vsda.training.build import build_network
from vsda.training.checkpoint import checkpoint_dir, latest_checkpoint, load_checkpoint

_BATCH_SIZE = 16


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

    @property
    def num_outputs(self) -> int:
        """The number of classes, background included."""
        return len(self.classes) + 1


@dataclass(frozen=True, slots=True)
class Prediction:
    """One frame's truth and prediction, both (H, W) class indices at the mask's own size."""

    key: str
    sequence: str | None
    truth: Mask
    predicted: Mask


def open_run(run_dir: Path, checkpoint: Path | None = None) -> TrainedNetwork:
    """Return the network of the run's latest checkpoint, or of `checkpoint`.

    Raises:
        RunError: No run folder, no whole checkpoint, or `checkpoint` is another run's.
    """
    if checkpoint is not None and checkpoint.resolve().parent != checkpoint_dir(run_dir).resolve():
        raise RunError(f"{checkpoint}: not one of the checkpoints in {checkpoint_dir(run_dir)}")
    state = latest_checkpoint(run_dir) if checkpoint is None else load_checkpoint(checkpoint)
    if state is None:
        raise RunError(f"{run_dir}: no checkpoint; is it a run folder of `vsda train`?")
    recipe = check(TrainRecipe, state.recipe, f"{run_dir}: recipe of its checkpoint")
    classes = class_set(recipe.classes)
    network = build_network(recipe, len(classes) + 1)
    try:
        network.load_state_dict(state.network)
    except RuntimeError as error:
        raise RunError(f"{run_dir}: its weights do not fit its recipe: {error}") from error
    return TrainedNetwork(network=network.eval(), recipe=recipe, classes=classes, step=state.step)


def labelled_positions(shards: RandomAccessShards) -> list[int]:
    """Return the positions of the samples that have a mask."""
    return [position for position, entry in enumerate(shards.entries) if "seg.png" in entry.fields]


def predict_set(
    trained: TrainedNetwork, shards: RandomAccessShards, positions: Sequence[int], device: str
) -> Iterator[Prediction]:
    """Yield the prediction of the samples at `positions`, which have masks, in order."""
    network = trained.network.to(device)
    for start in range(0, len(positions), _BATCH_SIZE):
        batch = positions[start : start + _BATCH_SIZE]
        frames = [_read_frame(trained, shards, position) for position in batch]
        images = torch.stack([frame.image for frame in frames]).to(device)
        with torch.inference_mode():
            logits = network(normalise(images))
        for frame, scores in zip(frames, logits, strict=True):
            predicted = class_indices(scores, frame.truth.shape)
            yield Prediction(frame.key, frame.sequence, frame.truth, predicted)


def class_indices(logits: torch.Tensor, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the best class (H, W) = `size` of every pixel, from logits (K + 1, h, w)."""
    resized = functional.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)
    return resized[0].argmax(dim=0).to(torch.uint8).cpu().numpy()


@dataclass(frozen=True, slots=True)
class _Frame:
    key: str
    sequence: str | None
    image: torch.Tensor
    truth: Mask


def _read_frame(trained: TrainedNetwork, shards: RandomAccessShards, position: int) -> _Frame:
    fields = shards.read(position, ("jpg", "json", "seg.png"))
    return _Frame(
        key=shards.entries[position].key,
        sequence=FrameFacts.from_json(fields["json"]).sequence,
        image=decode_resized(fields["jpg"], trained.recipe.size_px),
        truth=trained.classes.projection()[decode_mask(fields["seg.png"])],
    )
