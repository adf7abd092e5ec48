"""Frames through the network, in batches, and back in the order of their videos."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from vsda.evaluation.predict import class_indices
from vsda.evaluation.trained import TrainedNetwork
from vsda.models.network import SegmentationNetwork
from vsda.predict.cuts import Cut, cut_stream
from vsda.predict.frame import Ending, Frame, Prediction
from vsda.stream.clips import ClipShape
from vsda.stream.transforms import normalise


def predict_stream(
    trained: TrainedNetwork,
    events: Iterable[Frame | Ending],
    batch_frames: int,
    device: torch.device,
) -> Iterator[Prediction | Ending]:
    """Yield the prediction of each frame, in order, and the endings where they belong.

    With as many frames at once as `evaluate` takes, the predictions are the same to the bit: the
    network sees the same batches, which hold neighbours of any videos.

    Args:
        trained: The network and its recipe.
        events: As for `cut_stream`.
        batch_frames: Frames that are predicted at once; a clip is never parted.
        device: Where.
    """
    network, frames = trained.network.to(device), trained.recipe.clip_frames
    shape = ClipShape(frames=frames, stride=trained.recipe.clip_stride) if frames else None
    size = max(batch_frames // (frames or 1), 1)
    waiting: defaultdict[str, _InOrder] = defaultdict(_InOrder)
    for batch in _batches(cut_stream(events, shape), size):
        logits = iter(_logits(network, [one for one in batch if isinstance(one, Cut)], device))
        for one in batch:
            if isinstance(one, Ending):
                waiting.pop(one.video.name, None)
                yield one
                continue
            scores = next(logits)
            for place in one.kept:
                frame = one.frames[place]
                found = class_indices(scores[place], frame.size_px)
                yield from waiting[frame.video.name].add(Prediction(frame, found))


def _batches(cuts: Iterable[Cut | Ending], size: int) -> Iterator[list[Cut | Ending]]:
    """Yield up to `size` neighbouring cuts of the same length, with the endings among them."""
    batch: list[Cut | Ending] = []
    num_cuts = length = 0
    for one in cuts:
        if isinstance(one, Cut):
            if num_cuts and len(one.frames) != length:
                yield batch
                batch, num_cuts = [], 0
            num_cuts, length = num_cuts + 1, len(one.frames)
        batch.append(one)
        if num_cuts == size:
            yield batch
            batch, num_cuts = [], 0
    yield batch


def _logits(network: SegmentationNetwork, cuts: list[Cut], device: torch.device) -> Tensor:
    """Return the logits (N, t, K, S, S) of cuts of t frames."""
    if not cuts:
        return torch.empty(0)
    clips = torch.stack([torch.stack([frame.squeezed for frame in cut.frames]) for cut in cuts])
    pictures = normalise(clips.to(device))
    with torch.inference_mode():
        logits: Tensor = (
            network(pictures.squeeze(1)).unsqueeze(1)
            if network.clip_frames is None
            else network(pictures)
        )
    return logits


class _InOrder:
    """Lets predictions of one video pass in the order of its frames.

    With a stride, clips of a stretch interleave.
    """

    def __init__(self) -> None:
        self._next = 0
        self._early: dict[int, Prediction] = {}

    def add(self, prediction: Prediction) -> Iterator[Prediction]:
        """Yield what can pass now."""
        self._early[prediction.frame.place] = prediction
        while self._next in self._early:
            yield self._early.pop(self._next)
            self._next += 1
