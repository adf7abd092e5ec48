"""A run's network, and what it says about the frames of a set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vsda.errors import RunError
from vsda.evaluation.cuts import Cut, batched, clips, single_pictures
from vsda.models.network import SegmentationNetwork
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.sample import FrameFacts, Mask
from vsda.shards.read import RandomAccessShards, decode_mask
from vsda.stream.clips import ClipShape, ReadFrame, read_clip
from vsda.stream.samples import naming
from vsda.stream.transforms import decode_resized, normalise
from vsda.taxonomy import ClassSet, class_set
from vsda.training.build import build_network
from vsda.training.checkpoint import checkpoint_dir, latest_checkpoint, load_checkpoint

_BATCH_FRAMES = 16
"""Frames that are predicted at once, whatever the length of a clip."""


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


def predict_set(
    trained: TrainedNetwork, shards: RandomAccessShards, positions: Sequence[int], device: str
) -> Iterator[Prediction]:
    """Yield the prediction of the samples at `positions`, which have masks.

    A network of single pictures sees them in the order given. A clip network sees the sequences cut
    into clips, see `clips`, and yields clip by clip in the order of the set.

    Raises:
        ShardError: A sample cannot be read or has no mask, or the set contradicts itself.
    """
    network = trained.network.to(device)
    for batch in _batches(trained.recipe, shards, positions):
        seen = [_read(trained, shards, cut) for cut in batch]
        pictures = torch.stack([clip.pictures for clip in seen]).to(device)
        with torch.inference_mode():
            logits = _logits(network, normalise(pictures))
        for clip, scores in zip(seen, logits, strict=True):
            for truth in clip.truths:
                predicted = class_indices(scores[truth.frame], truth.mask.shape)
                yield Prediction(truth.key, truth.sequence, truth.mask, predicted)


def class_indices(logits: torch.Tensor, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the best class (H, W) = `size` of every pixel, from logits (K + 1, h, w)."""
    resized = functional.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)
    return resized[0].argmax(dim=0).to(torch.uint8).cpu().numpy()


@dataclass(frozen=True, slots=True)
class _Truth:
    """The mask of a clip's frame number `frame`, as class indices at its own size."""

    frame: int
    key: str
    sequence: str | None
    mask: Mask


@dataclass(frozen=True, slots=True)
class _Clip:
    """(t, 3, S, S) uint8 pictures, and the truth of the frames to be judged."""

    pictures: torch.Tensor
    truths: list[_Truth]


def _batches(
    recipe: TrainRecipe, shards: RandomAccessShards, positions: Sequence[int]
) -> Iterator[list[Cut]]:
    if recipe.clip_frames is None:
        return batched(single_pictures(positions), _BATCH_FRAMES)
    shape = ClipShape(frames=recipe.clip_frames, stride=recipe.clip_stride)
    return batched(clips(shards, positions, shape), max(_BATCH_FRAMES // shape.frames, 1))


def _logits(network: SegmentationNetwork, clips: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, t, K, H, W) of normalised clips (N, t, 3, H, W)."""
    if network.clip_frames is None:
        return network(clips.squeeze(1)).unsqueeze(1)  # type: ignore[no-any-return]
    return network(clips)  # type: ignore[no-any-return]


def _read(trained: TrainedNetwork, shards: RandomAccessShards, cut: Cut) -> _Clip:
    wanted = {
        position: ("jpg", "json", "seg.png") if position in cut.kept else ("jpg",)
        for position in cut.positions
    }
    frames = read_clip(shards, wanted)
    pictures = [_picture(frame, trained.recipe.size_px) for frame in frames]
    truths = [
        _truth(frames[number], number, trained.classes)
        for number, position in enumerate(cut.positions)
        if position in cut.kept
    ]
    return _Clip(torch.stack(pictures), truths)


def _picture(frame: ReadFrame, size_px: int) -> torch.Tensor:
    with naming(frame.key):
        return decode_resized(frame.fields["jpg"], size_px)


def _truth(frame: ReadFrame, number: int, classes: ClassSet) -> _Truth:
    with naming(frame.key):
        sequence = FrameFacts.from_json(frame.fields["json"]).sequence
        mask = decode_mask(frame.fields["seg.png"])
    return _Truth(number, frame.key, sequence, classes.projection()[mask])
