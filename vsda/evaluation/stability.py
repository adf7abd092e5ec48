"""Whether predictions stay where they are from one frame of a video to the next.

No optical flow is estimated. What moves in the scene moves in the truth, too, so two measures
stand beside what the truth itself does between the same frames:

* `flicker`: of the pixels whose true class stays the same, the share whose predicted class changes.
  It is 0 for a perfect prediction, and for a constant one: alone it is no measure of quality.
* `consistency`: mean IoU of the prediction of a frame with that of the next one, over the classes
  that either has, from the pixels of all pairs of a video; `truth_consistency` is the same of the
  truth. That is the temporal consistency of Liu et al., Efficient Semantic Video Segmentation with
  Per-frame Inference, ECCV 2020, without its warping: compare it with the truth's, not with 1.

Only pixels labelled in both frames count.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vsda.evaluation.metrics import Confusion
from vsda.sample import Mask
from vsda.taxonomy import IGNORE_INDEX


@dataclass(slots=True)
class Changes:
    """What happens between neighbours, counted over the pairs of frames of a video.

    Attributes:
        truth: (K + 1, K + 1) pixels by their true class before and after.
        predicted: The same of the predicted class.
        still: Pixels whose true class stays the same.
        flickering: Those of them whose predicted class changes.
        num_pairs: Pairs of frames.
    """

    truth: Confusion
    predicted: Confusion
    still: int = 0
    flickering: int = 0
    num_pairs: int = 0

    @classmethod
    def none(cls, num_outputs: int) -> "Changes":
        """Return what no pair comes to."""
        empty = np.zeros((num_outputs, num_outputs), dtype=np.int64)
        return cls(truth=empty, predicted=empty)

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(
            truth=self.truth + other.truth,
            predicted=self.predicted + other.predicted,
            still=self.still + other.still,
            flickering=self.flickering + other.flickering,
            num_pairs=self.num_pairs + other.num_pairs,
        )

    @property
    def flicker(self) -> float | None:
        """The share in [0, 1]; None where nothing stays the same."""
        return self.flickering / self.still if self.still else None


@dataclass(frozen=True, slots=True)
class Judged:
    """Truth and prediction of a frame, both (H, W) class indices."""

    truth: Mask
    predicted: Mask


@dataclass(slots=True)
class Neighbours:
    """Finds pairs of neighbours among frames that come nearly in order.

    Neighbours are frames of one sequence whose numbers follow each other; where the set lacks a
    frame or its mask, there is no pair.

    Attributes:
        reach: Frames that may come between two neighbours, and one.
    """

    reach: int = 1
    _sequence: str | None = None
    _waiting: dict[int, Judged] = field(default_factory=dict)

    def pairs(self, sequence: str, frame_index: int, judged: Judged) -> list[tuple[Judged, Judged]]:
        """Return the pairs that a frame completes, each as earlier and later one."""
        if sequence != self._sequence:
            self._sequence, self._waiting = sequence, {}
        found = []
        if (before := self._waiting.get(frame_index - 1)) is not None:
            found.append((before, judged))
        if (after := self._waiting.get(frame_index + 1)) is not None:
            found.append((judged, after))
        self._waiting[frame_index] = judged
        while len(self._waiting) > self.reach:
            del self._waiting[next(iter(self._waiting))]  # the one that came first
        return found


def changes_between(before: Judged, after: Judged, num_outputs: int) -> Changes | None:
    """Return what changes from one frame to the next; None where their masks differ in size."""
    if before.truth.shape != after.truth.shape:
        return None
    labelled = (before.truth != IGNORE_INDEX) & (after.truth != IGNORE_INDEX)
    true = before.truth[labelled], after.truth[labelled]
    predicted = before.predicted[labelled], after.predicted[labelled]
    still = true[0] == true[1]
    return Changes(
        truth=_moves(*true, num_outputs),
        predicted=_moves(*predicted, num_outputs),
        still=int(np.count_nonzero(still)),
        flickering=int(np.count_nonzero(still & (predicted[0] != predicted[1]))),
        num_pairs=1,
    )


def consistency(moves: Confusion) -> float | None:
    """Return the mean IoU of masks with their next ones, over the classes that either has.

    Args:
        moves: (K + 1, K + 1) pixels by class before and after.
    """
    kept = np.diag(moves)
    union = moves.sum(axis=0) + moves.sum(axis=1) - kept
    held = union > 0
    return float((kept[held] / union[held]).mean()) if held.any() else None


def _moves(before: NDArray[np.uint8], after: NDArray[np.uint8], num_outputs: int) -> Confusion:
    pairs = before.astype(np.int64) * num_outputs + after
    return np.bincount(pairs, minlength=num_outputs**2).reshape(num_outputs, num_outputs)
