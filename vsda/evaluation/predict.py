"""What a network says about the frames of a set."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsda.evaluation.cuts import Cut, batched, clips, single_pictures
from vsda.evaluation.trained import TrainedNetwork
from vsda.evaluation.views import Views, probabilities, resized
from vsda.recipes.train import TrainRecipe
from vsda.sample import FrameFacts, Mask
from vsda.shards.masks import decode_mask
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import ClipShape, ReadFrame, read_clip
from vsda.stream.samples import naming
from vsda.taxonomy import IGNORE_INDEX

_BATCH_FRAMES = 16
"""Frames that are predicted at once, whatever the length of a clip."""
_DECODERS = 4
"""Threads that decode pictures and masks, which leave each other the interpreter meanwhile."""
_BATCHES_AHEAD = 2
_PLAIN = Views()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One frame's truth and prediction, both (H, W) class indices at the mask's own size."""

    key: str
    sequence: str | None
    frame_index: int
    truth: Mask
    predicted: Mask


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network says of one frame.

    Attributes:
        key: Of its sample.
        facts: Its facts.
        truth: (H, W) class indices; without labels all `IGNORE_INDEX`, at the picture's size.
        maps: Logits (K + 1, h, w) of the whole picture, one for each view.
    """

    key: str
    facts: FrameFacts
    truth: Mask
    maps: list[Tensor]


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
    views: Views = _PLAIN,
) -> Iterator[Prediction]:
    """Yield the prediction of the kept frames of `batches`, each predicted at once.

    A prediction depends on its batch by nothing but rounding. The next batches are read meanwhile.

    Raises:
        ShardError: A sample cannot be read or has no mask.
    """
    for answer in answers(Reader(trained, shards, views), batches, device):
        yield Prediction(
            key=answer.key,
            sequence=answer.facts.sequence,
            frame_index=answer.facts.frame_index,
            truth=answer.truth,
            predicted=best_classes(answer.maps, answer.truth.shape),
        )


def answers(
    reader: "Reader", batches: Iterable[list[Cut]], device: torch.device
) -> Iterator[Answer]:
    """Yield what the network says of the kept frames of `batches`, as `predict_batches` does.

    Raises:
        ShardError: A sample cannot be read, or has no mask where labels are to be read.
    """
    network, views = reader.trained.network.to(device), reader.views
    for seen in _read_ahead(reader, batches):
        clips = [[pictures.to(device) for pictures in clip.pictures] for clip in seen]
        with torch.inference_mode():
            maps = views.logits(network, clips, reader.trained.recipe.size_px)
        for clip, by_view in zip(seen, maps, strict=True):
            for frame in clip.frames:
                found = [view[frame.number] for view in by_view]
                yield Answer(frame.key, frame.facts, frame.truth, found)


def cuts_of(
    recipe: TrainRecipe, shards: RandomAccessShards, positions: Sequence[int]
) -> Iterator[Cut]:
    """Yield the pictures or clips in which the recipe's network sees the samples at `positions`."""
    if recipe.clip_frames is None:
        return single_pictures(positions)
    shape = ClipShape(frames=recipe.clip_frames, stride=recipe.clip_stride)
    return clips(shards, positions, shape)


def batches_of(recipe: TrainRecipe, cuts: Iterable[Cut]) -> Iterator[list[Cut]]:
    """Yield `cuts` in the batches in which they are predicted."""
    return batched(cuts, max(_BATCH_FRAMES // (recipe.clip_frames or 1), 1))


def best_classes(maps: Sequence[Tensor], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the best class (H, W) = `size` of every pixel, by the mean probability over views.

    Args:
        maps: Logits (K + 1, h, w) of each view.
        size: In pixels.
    """
    if len(maps) == 1:  # the probabilities have the order of the logits
        return class_indices(maps[0], size)
    return _first_best(probabilities(maps, size)).cpu().numpy()


def class_indices(logits: Tensor, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the best class (H, W) = `size` of every pixel, from logits (K + 1, h, w)."""
    return _first_best(resized(logits, size)).cpu().numpy()


def _first_best(scores: Tensor) -> Tensor:
    """Return where (H, W) uint8 the scores (K + 1, H, W) are highest, the first of equals.

    That is `argmax`, which takes several times as long over the first dimension on a CPU.
    """
    highest = scores[0].clone()
    best = torch.zeros_like(highest, dtype=torch.uint8)
    for index, score in enumerate(scores[1:], start=1):
        best.masked_fill_(score > highest, index)
        torch.maximum(highest, score, out=highest)
    return best


@dataclass(frozen=True, slots=True)
class _Frame:
    """The kept frame `number` of a clip; see `Answer`."""

    number: int
    key: str
    facts: FrameFacts
    truth: Mask


@dataclass(frozen=True, slots=True)
class _Clip:
    """(t, 3, h, w) uint8 pictures at each scale, and the kept frames."""

    pictures: list[Tensor]
    frames: list[_Frame]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what a network is shown.

    Attributes:
        trained: Says how large pictures are, and which classes there are.
        shards: The set.
        views: How pictures are looked at.
        labelled: Read the masks; without, none is even opened.
    """

    trained: TrainedNetwork
    shards: RandomAccessShards
    views: Views = _PLAIN
    labelled: bool = True
    _one_reader: threading.Lock = field(default_factory=threading.Lock)
    """Which tars are open is no business of two threads."""

    def clip(self, cut: Cut) -> _Clip:
        """Return the pictures of a cut, and the truth of the kept ones.

        Raises:
            ShardError: A sample cannot be read or lacks a field.
        """
        of_kept = ("jpg", "json", "seg.png") if self.labelled else ("jpg", "json")
        wanted = {
            position: of_kept if position in cut.kept else ("jpg",) for position in cut.positions
        }
        with self._one_reader:
            frames = read_clip(self.shards, wanted)
        kept = [
            self._frame(number, frames[number])
            for number, position in enumerate(cut.positions)
            if position in cut.kept
        ]
        return _Clip(self.views.pictures(frames, self.trained.recipe.size_px), kept)

    def _frame(self, number: int, frame: ReadFrame) -> _Frame:
        with naming(frame.key):
            facts = FrameFacts.from_json(frame.fields["json"])
            truth = self._truth(frame, facts)
        return _Frame(number, frame.key, facts, truth)

    def _truth(self, frame: ReadFrame, facts: FrameFacts) -> Mask:
        if not self.labelled:
            return np.full((facts.height_px, facts.width_px), IGNORE_INDEX, dtype=np.uint8)
        return self.trained.classes.projection()[decode_mask(frame.fields["seg.png"])]


def _read_ahead(reader: Reader, batches: Iterable[list[Cut]]) -> Iterator[list[_Clip]]:
    """Yield what `batches` hold, the next ones being read and decoded meanwhile."""
    pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
    waiting: deque[list[Future[_Clip]]] = deque()
    try:
        for batch in batches:
            waiting.append([pool.submit(reader.clip, cut) for cut in batch])
            if len(waiting) > _BATCHES_AHEAD:
                yield [clip.result() for clip in waiting.popleft()]
        while waiting:
            yield [clip.result() for clip in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)
