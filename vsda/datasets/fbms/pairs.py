"""Which frame of a sequence of FBMS each ground truth belongs to.

A Def.dat says it three times: by a number counted from 0, by the number in the name of the ground
truth, and by that in the name of its picture. The names count; where they contradict each other
nothing is taken, and where only the counted number differs a note says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vsda.datasets.fbms.definition import Definition, LabelledFrame, read_definition
from vsda.datasets.fbms.layout import FoundSequence, is_truth, number_in
from vsda.errors import ItemError, Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Truths:
    """What the ground truth of a sequence is.

    Attributes:
        definition: What the Def.dat says; None where there is none, or where it cannot be read.
        by_frame: Name of the ground truth by index of the frame.
        failures: Ground truths that cannot be used: the frame's index, if that is known, and why.
        fault: Why there is none at all, None if there may be.
        unlisted: Files that look like ground truths and are not in the Def.dat.
        miscounted: Frames whose counted number is not that of their names.
    """

    definition: Definition | None = None
    by_frame: Mapping[int, str] = field(default_factory=dict)
    failures: tuple[tuple[int | None, ItemError], ...] = ()
    fault: ItemError | None = None
    unlisted: tuple[str, ...] = ()
    miscounted: int = 0


def find_truths(root: Path, found: FoundSequence) -> Truths:
    """Return which frames of a sequence have a ground truth, and in which file."""
    if found.definition is None:
        missing = f"{found.truth_folder}/{found.name}Def.dat: not there, so no frame has a truth"
        return Truths(fault=ItemError(Outcome.MISSING, missing))
    try:
        definition = read_definition(root, found.definition)
    except ItemError as error:
        return Truths(fault=error)
    return _Matching(found, definition).truths()


class _Matching:
    """The ground truths of a Def.dat held against the files on disk."""

    def __init__(self, found: FoundSequence, definition: Definition) -> None:
        self._found, self._definition = found, definition
        self._index = {frame.number: index for index, frame in enumerate(found.frames)}
        self._is_whole = len(found.frames) == definition.num_frames
        self._miscounted = 0

    def truths(self) -> Truths:
        """Return which frame each belongs to."""
        by_frame: dict[int, str] = {}
        failures: list[tuple[int | None, ItemError]] = []
        for entry in self._definition.labelled:
            index = None
            try:
                index = self._frame_of(entry)
                if index in by_frame:
                    raise self._error(entry, f"its frame is also that of {by_frame[index]}")
                self._check_there(entry)
                by_frame[index] = entry.truth
            except ItemError as error:
                failures.append((index, error))
        return Truths(
            definition=self._definition,
            by_frame=by_frame,
            failures=tuple(failures),
            unlisted=self._unlisted(),
            miscounted=self._miscounted,
        )

    def _frame_of(self, entry: LabelledFrame) -> int:
        named = [number_in(name, self._found.name) for name in (entry.truth, entry.picture)]
        numbers = {number for number in named if number is not None}
        if len(numbers) != 1:
            what = "has another number than" if numbers else "has no frame number, nor has"
            raise self._error(entry, f"{entry.truth} {what} {entry.picture}")
        number = numbers.pop()
        if number not in self._index:
            raise self._error(entry, f"there is no picture of frame {number}", Outcome.MISSING)
        index = self._index[number]
        if self._is_whole and index != entry.number:
            if None in named:
                raise self._error(
                    entry,
                    f"{entry.truth} and {entry.picture} are frame {index} by the one name that has "
                    f"a number, and frame {entry.number} by 'Frame number:'",
                )
            self._miscounted += 1
        return index

    def _check_there(self, entry: LabelledFrame) -> None:
        if entry.truth not in self._found.truths:
            folder = self._found.truth_folder
            raise self._error(entry, f"{folder}/{entry.truth} is not there", Outcome.MISSING)

    def _unlisted(self) -> tuple[str, ...]:
        """Return what looks like a ground truth besides those listed.

        A listed `x_gt.ppm` has a grey twin `x_gt.pgm`, which merges regions and is not meant.
        """
        listed = {entry.truth.rpartition(".")[0] for entry in self._definition.labelled}
        return tuple(
            name
            for name in sorted(self._found.truths)
            if is_truth(name) and name.rpartition(".")[0] not in listed
        )

    def _error(
        self, entry: LabelledFrame, message: str, outcome: Outcome = Outcome.UNREADABLE
    ) -> ItemError:
        return ItemError(outcome, f"{self._found.definition}:{entry.line}: {message}")
