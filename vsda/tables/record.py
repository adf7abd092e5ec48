"""What a cell left behind, and what is still to do of it."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from vsda.errors import RunError
from vsda.storage import write_atomic
from vsda.tables.cell import Cell

RECORD_FILE = "cell.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SetScore(_Record):
    """What a cell came to on one set.

    Attributes:
        mean_iou: In [0, 1]; None where no class of the run occurs in the set.
        iou: By class; None for one that does not occur.
        num_frames: Judged.
        index_sha256: Of the set's index.
    """

    mean_iou: float | None
    iou: Mapping[str, float | None]
    num_frames: int
    index_sha256: str


class CellRecord(_Record):
    """A cell: begun, or with its scores.

    Attributes:
        fingerprint: Of what it was begun with.
        steps: Of training.
        is_trained: All steps are done.
        scores: By set.
        versions: Of the packages, by name.
        git_revision: Of the checkout; None for a wheel.
        device: On which it was trained.
        threads: Of a CPU.
        train_s: Seconds of training, without what came before the first step.
        judge_s: Seconds of judging.
        peak_bytes: Most memory while it was trained; of the device where it has its own.
        twin: Name of the cell that was trained in place of it; empty for one that was itself.
    """

    fingerprint: str
    steps: int
    is_trained: bool = False
    scores: Mapping[str, SetScore] = {}
    versions: Mapping[str, str] = {}
    git_revision: str | None = None
    device: str = ""
    threads: int = 0
    train_s: float = 0.0
    judge_s: float = 0.0
    peak_bytes: int = 0
    twin: str = ""


class State(StrEnum):
    """What is there of a cell."""

    DONE = "done"
    BEGUN = "begun"
    NEW = "to do"
    CHANGED = "changed"
    DAMAGED = "damaged"


def read_record(cell: Cell) -> CellRecord | None:
    """Return the record of a cell, None for one that nobody has begun.

    Raises:
        RunError: It is damaged.
    """
    path = _path(cell)
    try:
        return CellRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RunError(
            f"{path}: not the record of a cell ({error.error_count()} errors); remove "
            f"{path.parent} to run the cell anew"
        ) from error


def write_record(cell: Cell, record: CellRecord) -> None:
    """Write the record of a cell into its run folder."""
    text = json.dumps(record.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
    write_atomic(_path(cell), text.encode())


def state_of(cell: Cell, record: CellRecord | None) -> State:
    """Return what is there of a cell; `record` is its own."""
    if record is None:
        return State.NEW
    if record.fingerprint != cell.fingerprint:
        return State.CHANGED
    is_done = record.is_trained and set(cell.judged_on) <= set(record.scores)
    return State.DONE if is_done else State.BEGUN


def look(cell: Cell) -> tuple[State, CellRecord | None]:
    """Return what is there of a cell, and its record, None where that is absent or damaged."""
    try:
        record = read_record(cell)
    except RunError:
        return State.DAMAGED, None
    return state_of(cell, record), record


def _path(cell: Cell) -> Path:
    return cell.run_dir / RECORD_FILE
