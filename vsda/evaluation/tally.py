"""What is counted of a set, frame by frame; counts of several processes add up to those of one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from vsda.evaluation.bootstrap import ClassCounts
from vsda.evaluation.metrics import Confusion, confusion_matrix
from vsda.evaluation.predict import Prediction
from vsda.evaluation.similarity import boundary_accuracy, region_similarity
from vsda.evaluation.stability import Changes, Judged, Neighbours, changes_between
from vsda.taxonomy import IGNORE_INDEX


class Metric(StrEnum):
    """What can be asked for besides the mean IoU, which is always computed."""

    JF = "jf"
    STABILITY = "stability"


@dataclass(slots=True)
class UnitTally:
    """A sequence, or a still image, so far.

    Attributes:
        counts: Pixels.
        num_frames: Labelled ones.
        likeness: J and F by class and frame number, of frames where truth or prediction has it.
        frame_numbers: Of the frames whose J and F are asked for.
        changes: Between neighbours; None without any.
    """

    counts: ClassCounts
    num_frames: int = 0
    likeness: dict[int, dict[int, tuple[float, float]]] = field(default_factory=dict)
    frame_numbers: list[int] = field(default_factory=list)
    changes: Changes | None = None

    def add(self, other: "UnitTally") -> None:
        """Count what another process has counted of other frames."""
        self.counts += other.counts
        self.num_frames += other.num_frames
        for index, frames in other.likeness.items():
            self.likeness.setdefault(index, {}).update(frames)
        self.frame_numbers += other.frame_numbers
        self.add_changes(other.changes)

    def add_changes(self, found: Changes | None) -> None:
        """Count what has changed between two neighbours, or several."""
        if found is not None:
            self.changes = found if self.changes is None else self.changes + found


@dataclass(slots=True)
class Tally:
    """Everything counted so far.

    Attributes:
        num_outputs: Classes, background included.
        metrics: What is computed besides the mean IoU.
        reach: As of `Neighbours`.
        confusion: Over all frames.
        sequences: By name.
        stills: By key.
    """

    num_outputs: int
    metrics: frozenset[Metric] = frozenset(Metric)
    reach: int = 1
    confusion: Confusion = field(init=False)
    sequences: dict[str, UnitTally] = field(default_factory=dict)
    stills: dict[str, UnitTally] = field(default_factory=dict)
    _neighbours: Neighbours = field(init=False)

    def __post_init__(self) -> None:
        self.confusion = np.zeros((self.num_outputs, self.num_outputs), dtype=np.int64)
        self._neighbours = Neighbours(self.reach)

    @property
    def units(self) -> list[UnitTally]:
        """What is drawn anew for intervals, in an order that is always the same."""
        by_name = (self.sequences, self.stills)
        return [units[name] for units in by_name for name in sorted(units)]

    @property
    def num_frames(self) -> int:
        """Labelled frames."""
        return sum(unit.num_frames for unit in self.units)

    def add(self, prediction: Prediction) -> None:
        """Count one frame."""
        counted = confusion_matrix(prediction.truth, prediction.predicted, self.num_outputs)
        self.confusion += counted
        unit = self._unit(prediction)
        unit.counts += ClassCounts.of(counted)
        unit.num_frames += 1
        if Metric.JF in self.metrics:
            unit.frame_numbers.append(prediction.frame_index)
            _add_likeness(unit, prediction)
        if Metric.STABILITY in self.metrics and prediction.sequence is not None:
            self._add_changes(unit, prediction.sequence, prediction)

    def _unit(self, prediction: Prediction) -> UnitTally:
        sequence = prediction.sequence
        units, name = (
            (self.stills, prediction.key) if sequence is None else (self.sequences, sequence)
        )
        if name not in units:
            empty = np.zeros(self.num_outputs, dtype=np.int64)
            units[name] = UnitTally(ClassCounts(empty, empty, empty))
        return units[name]

    def _add_changes(self, unit: UnitTally, sequence: str, prediction: Prediction) -> None:
        judged = Judged(prediction.truth, prediction.predicted)
        for before, after in self._neighbours.pairs(sequence, prediction.frame_index, judged):
            unit.add_changes(changes_between(before, after, self.num_outputs))


def merged(tallies: Iterable[Tally]) -> Tally:
    """Return the counts of several processes as one; the first is changed."""
    first, *others = tallies
    for other in others:
        first.confusion += other.confusion
        first.stills |= other.stills
        for name, unit in other.sequences.items():
            if name in first.sequences:
                first.sequences[name].add(unit)
            else:
                first.sequences[name] = unit
    return first


def _add_likeness(unit: UnitTally, prediction: Prediction) -> None:
    """Compare the masks of each class; void pixels belong to neither, as in DAVIS's evaluation."""
    labelled = prediction.truth != IGNORE_INDEX
    truth = np.where(labelled, prediction.truth, 0)
    predicted = np.where(labelled, prediction.predicted, 0)
    present = np.flatnonzero(np.bincount(truth.ravel()))
    for index in sorted({*present.tolist(), *np.unique(predicted).tolist()} - {0}):
        masks = truth == index, predicted == index
        found = region_similarity(*masks), boundary_accuracy(*masks)
        unit.likeness.setdefault(index, {})[prediction.frame_index] = found
