"""One cell from its beginning to its scores, or on from where an earlier try was stopped."""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vsda.errors import RunError, VsdaError
from vsda.storage import exclusive
from vsda.tables.cell import Cell
from vsda.tables.record import CellRecord, State, read_record, state_of, write_record

if TYPE_CHECKING:
    from vsda.shards.cache import Cache

logger = logging.getLogger(__name__)

LOG_FILE = "cell.log"
_PATIENCE_S = 7 * 86_400.0
"""Another job may be training the same start or twin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HowToRun:
    """How cells are run; only `num_threads` changes what they come to, in the last digits.

    Attributes:
        weights_dir: Where weights lie that recipes call by a name.
        cache: Keeps what is read of sets on URLs; None for nothing.
        num_threads: Of the CPU, for each cell; None for torch's own choice.
        pictures: Predictions kept of each set.
        again: Run those cells anew whose recipe has changed since.
    """

    weights_dir: Path
    cache: "Cache | None" = None
    num_threads: int | None = None
    pictures: int = 8
    again: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A cell to run; it crosses process borders."""

    cell: Cell
    how: HowToRun


def run_logged(job: Job) -> None:
    """Run a cell as `run_cell` does; what it says goes to `cell.log` in its run folder."""
    job.cell.run_dir.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("vsda").setLevel(logging.INFO)
    with _stderr_in(job.cell.run_dir / LOG_FILE):
        run_cell(job)


def run_cell(job: Job) -> None:
    """Train and judge a cell, going on where an earlier try was stopped; nothing if it is done.

    A start or twin that is not there yet is made first, or waited for where another process is at
    it.

    Raises:
        RunError: The cell was begun with another recipe, or its folder is damaged.
        VsdaError: What training and evaluation raise.
        StoppedError: A signal asked for a stop; a checkpoint was written.
    """
    cell = job.cell
    with _held(cell):
        state = _cleared(job)
        if state is State.DONE:
            return
        if cell.before is not None and not cell.before.is_borrowed:
            run_cell(replace(job, cell=cell.before))
        record = read_record(cell) if state is State.BEGUN else None
        if record is None:
            record = CellRecord(fingerprint=cell.fingerprint, steps=cell.recipe.steps)
            write_record(cell, record)

        # torch takes seconds to import, which planning and gathering do without.
        from vsda.tables.trial import judge_cell, train_cell  # noqa: PLC0415
        from vsda.tables.twins import adopt, check_borrowed  # noqa: PLC0415

        if not record.is_trained:
            if cell.before is not None and cell.before.is_borrowed:
                check_borrowed(cell.before)
            twin = cell.twin
            record = adopt(cell, twin, record) if twin else train_cell(cell, job.how, record)
            write_record(cell, record)
        for judged in judge_cell(cell, job.how, record):
            write_record(cell, judged)


def _cleared(job: Job) -> State:
    """Return what is there of a cell, after what another recipe left was removed, or refused."""
    state = state_of(job.cell, read_record(job.cell))
    if state is not State.CHANGED:
        return state
    if not job.how.again:
        raise RunError(
            f"{job.cell.run_dir}: was run with another recipe, other sets or another start than "
            f"{job.cell.name} has now; --again runs it anew, or choose another --out"
        )
    shutil.rmtree(job.cell.run_dir)
    return State.NEW


@contextmanager
def _held(cell: Cell) -> Iterator[None]:
    """Keep other processes from the same cell; wait where one is at it."""
    lock = cell.run_dir.with_name(f".{cell.run_dir.name}.lock")
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(lock))
        except VsdaError:
            logger.info("%s: another process is at it; waiting", cell.name)
            stack.enter_context(exclusive(lock, wait_s=_PATIENCE_S))
        yield


@contextmanager
def _stderr_in(path: Path) -> Iterator[None]:
    """Let all that this process says on stderr, in whatever language, go to the end of a file."""
    with path.open("ab") as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
