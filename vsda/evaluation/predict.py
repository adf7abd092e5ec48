"""What a network says about the frames of a set."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vsda.evaluation.cuts import Cut, batched, clips, single_pictures
from vsda.evaluation.trained import TrainedNetwork
from vsda.models.network import SegmentationNetwork
from vsda.recipes.train import TrainRecipe
from vsda.sample import FrameFacts, Mask
from vsda.shards.read import RandomAccessShards, decode_mask
from vsda.stream.clips import ClipShape, ReadFrame, read_clip
from vsda.stream.samples import naming
from vsda.stream.transforms import decode_resized, normalise
from vsda.taxonomy import ClassSet

_BATCH_FRAMES = 16
"""Frames that are predicted at once, whatever the length of a clip."""
_DECODERS = 4
"""Threads that decode pictures and masks, which leave each other the interpreter meanwhile."""
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Prediction:
    """One frame's truth and prediction, both (H, W) class indices at the mask's own size."""

    key: str
    sequence: str | None
    truth: Mask
    predicted: Mask


def predict_set(
    trained: TrainedNetwork, shards: RandomAccessShards, positions: Sequence[int], device: str
) -> Iterator[Prediction]:
    """Yield the prediction of the samples at `positions`, which have masks.

    A network of single pictures sees them in the order given. A clip network sees the sequences cut
    into clips, see `clips`, and yields clip by clip in the order of the set.

    Raises:
        ShardError: A sample cannot be read or has no mask, or the set contradicts itself.
    """
    batches = batches_of(trained.recipe, cuts_of(trained.recipe, shards, positions))
    return predict_batches(trained, shards, batches, torch.device(device))


def predict_batches(
    trained: TrainedNetwork,
    shards: RandomAccessShards,
    batches: Iterable[list[Cut]],
    device: torch.device,
) -> Iterator[Prediction]:
    """Yield the prediction of the kept frames of `batches`, each predicted at once.

    A prediction depends on its batch by nothing but rounding. The next batches are read meanwhile.

    Raises:
        ShardError: A sample cannot be read or has no mask.
    """
    network = trained.network.to(device)
    for seen in _read_ahead(trained, shards, batches):
        pictures = torch.stack([clip.pictures for clip in seen]).to(device)
        with torch.inference_mode():
            logits = _logits(network, normalise(pictures))
        for clip, scores in zip(seen, logits, strict=True):
            for truth in clip.truths:
                predicted = class_indices(scores[truth.frame], truth.mask.shape)
                yield Prediction(truth.key, truth.sequence, truth.mask, predicted)


def cuts_of(
    recipe: TrainRecipe, shards: RandomAccessShards, positions: Sequence[int]
) -> Iterator[Cut]:
    """Yield the pictures or clips in which the recipe's network sees the samples at `positions`."""
    if recipe.clip_frames is None:
        return single_pictures(positions)
    return clips(shards, positions, _shape(recipe))


def batches_of(recipe: TrainRecipe, cuts: Iterable[Cut]) -> Iterator[list[Cut]]:
    """Yield `cuts` in the batches in which they are predicted."""
    return batched(cuts, max(_BATCH_FRAMES // (recipe.clip_frames or 1), 1))


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


def _shape(recipe: TrainRecipe) -> ClipShape:
    return ClipShape(frames=recipe.clip_frames or 1, stride=recipe.clip_stride)


def _read_ahead(
    trained: TrainedNetwork, shards: RandomAccessShards, batches: Iterable[list[Cut]]
) -> Iterator[list[_Clip]]:
    """Yield what `batches` hold, the next ones being read and decoded meanwhile."""
    one_reader = threading.Lock()  # which tars are open is no business of two threads
    pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
    waiting: deque[list[Future[_Clip]]] = deque()
    try:
        for batch in batches:
            waiting.append([pool.submit(_read, trained, shards, cut, one_reader) for cut in batch])
            if len(waiting) > _BATCHES_AHEAD:
                yield [clip.result() for clip in waiting.popleft()]
        while waiting:
            yield [clip.result() for clip in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)


def _logits(network: SegmentationNetwork, clips: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, t, K, H, W) of normalised clips (N, t, 3, H, W)."""
    if network.clip_frames is None:
        return network(clips.squeeze(1)).unsqueeze(1)  # type: ignore[no-any-return]
    return network(clips)  # type: ignore[no-any-return]


def _read(
    trained: TrainedNetwork, shards: RandomAccessShards, cut: Cut, one_reader: threading.Lock
) -> _Clip:
    wanted = {
        position: ("jpg", "json", "seg.png") if position in cut.kept else ("jpg",)
        for position in cut.positions
    }
    with one_reader:
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
