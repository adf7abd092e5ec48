"""A sequence of FBMS as it is to be written: its files, its ground truth and its classes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from vsda.datasets.fbms.classes import RegionRows
from vsda.datasets.fbms.layout import FoundSequence
from vsda.datasets.fbms.pairs import Truths, find_truths
from vsda.datasets.labels import chosen_classes
from vsda.datasets.listing import Failure, Item, Request, Unit
from vsda.errors import ItemError, Outcome
from vsda.manifests import UNLISTED_IS_IGNORE, fbms_oddities
from vsda.sample import legal_key

NAME = "fbms"


@dataclass(frozen=True, kw_only=True, slots=True)
class TruthFacts:
    """What reading a ground truth needs; travels as the annotation of an item.

    Attributes:
        codes: The code of every region, by number.
        unlisted_is_ignore: Whether other codes become 255 rather than an error.
    """

    codes: tuple[int, ...]
    unlisted_is_ignore: bool

    def to_json(self) -> bytes:
        """Return the facts as JSON."""
        return json.dumps([self.codes, self.unlisted_is_ignore]).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "TruthFacts":
        """Read what `to_json` wrote."""
        codes, unlisted_is_ignore = json.loads(data)
        return cls(codes=tuple(codes), unlisted_is_ignore=unlisted_is_ignore)


@dataclass(frozen=True, kw_only=True, slots=True)
class Surveyed:
    """A sequence with all that is known before a picture is opened.

    Attributes:
        found: Its files.
        truths: Its ground truth.
        rows: What the table says of it; None if the table does not have it, or is not asked.
        takes_all: Whether frames without a ground truth are written, too.
        table: COCO id of every region number; None where there are no `rows`.
    """

    found: FoundSequence
    truths: Truths
    rows: RegionRows | None
    takes_all: bool
    table: Mapping[int, int] | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.found.name

    @property
    def num_regions(self) -> int:
        """The number of regions with the background; what the table says if no Def.dat does."""
        if self.truths.definition is not None:
            return len(self.truths.definition.codes)
        return 1 + max(self.rows.own, default=1) if self.rows is not None else 1

    @property
    def num_items(self) -> int:
        """The number of frames that would be written if all went well, and at least 1."""
        if self.takes_all:
            return max(len(self.found.frames), 1)
        definition = self.truths.definition
        return max(len(definition.labelled), 1) if definition is not None else 1

    @property
    def shows_chosen(self) -> bool:
        """Whether a region has a chosen class; true where masks stay as they are."""
        return self.table is None or bool(chosen_classes(self.table))

    @property
    def is_unsure(self) -> bool:
        """Whether there are regions, and no row of theirs is certain enough."""
        unused = [] if self.rows is None else self.rows.unused(self.num_regions)
        return 0 < len(unused) == self.num_regions - 1


def survey(root: Path, found: FoundSequence, rows: RegionRows | None, request: Request) -> Surveyed:
    """Return what is known of the sequence `found` before a picture is opened."""
    sequence = Surveyed(
        found=found,
        truths=find_truths(root, found) if found.fault is None else Truths(),
        rows=rows,
        takes_all=request.options.frames == "all",
    )
    if rows is None:
        return sequence
    return replace(sequence, table=rows.value_table(sequence.num_regions, request.rules))


def unit_of(sequence: Surveyed, split: str) -> Unit:
    """Return the frames of a sequence that are to be written."""
    broken = {index for index, _ in sequence.truths.failures}
    items = tuple(
        item_of(sequence, split, index)
        for index in range(len(sequence.found.frames))
        if _is_wanted(sequence, index) and index not in broken
    )
    return Unit(sequence=sequence.name, items=items, table=sequence.table)


def item_of(sequence: Surveyed, split: str, index: int) -> Item:
    """Return a frame of a sequence, with its ground truth where it has one."""
    found, frame = sequence.found, sequence.found.frames[index]
    item = Item(
        key=legal_key(NAME, found.name, frame.stem),
        frame=frame.stem,
        frame_index=index,
        image=f"{found.folder}/{frame.stem}.jpg",
        image_bytes=frame.file.size_bytes,
        changed_ns=frame.file.changed_ns,
    )
    truth, definition = sequence.truths.by_frame.get(index), sequence.truths.definition
    if truth is None or definition is None or found.definition_file is None:
        return item
    file = found.truths[truth]
    facts = TruthFacts(
        codes=definition.codes,
        unlisted_is_ignore=(split, found.name, truth, UNLISTED_IS_IGNORE) in _oddities(),
    )
    return replace(
        item,
        mask=f"{found.truth_folder}/{truth}",
        mask_bytes=file.size_bytes,
        changed_ns=max(item.changed_ns, file.changed_ns, found.definition_file.changed_ns),
        annotation=facts.to_json(),
    )


def failures_of(sequence: Surveyed) -> list[Failure]:
    """Return what of a sequence cannot be written, as far as is known without a look at it."""
    found, truths = sequence.found, sequence.truths
    fault = truths.fault
    if found.fault is not None:
        fault = ItemError(Outcome.UNREADABLE, found.fault)
    elif lacks_truth(sequence):
        fault = None
    if fault is not None:
        return [_failure(fault, [found.name], sequence.num_items)]
    return [
        _failure(error, [found.name] if index is None else [found.name, found.frames[index].stem])
        for index, error in truths.failures
    ]


def lacks_truth(sequence: Surveyed) -> bool:
    """Return whether all frames are written without a label, since there is no Def.dat at all."""
    return sequence.takes_all and sequence.found.definition is None and not sequence.found.truths


def _is_wanted(sequence: Surveyed, index: int) -> bool:
    if sequence.found.fault is not None:
        return False
    if sequence.truths.fault is not None:
        return lacks_truth(sequence)
    return sequence.takes_all or index in sequence.truths.by_frame


def _failure(error: ItemError, names: Iterable[str], num_items: int = 1) -> Failure:
    return Failure(
        key=legal_key(NAME, *names),
        outcome=error.outcome,
        message=str(error),
        num_items=num_items,
    )


@cache
def _oddities() -> set[tuple[str, str, str, str]]:
    return {(row.split, row.sequence, row.file, row.oddity) for row in fbms_oddities()}
