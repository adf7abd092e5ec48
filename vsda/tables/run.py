"""Many cells, each in a process that may die without harm to the others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vsda.engine.local import LocalEngine
from vsda.engine.pool import Done
from vsda.errors import StoppedError, UnknownNameError, UsageError, VsdaError
from vsda.progress import progress
from vsda.tables.cell import Cell
from vsda.tables.record import State, look, read_record, state_of
from vsda.tables.work import LOG_FILE, HowToRun, Job, run_cell, run_logged

_LOOK_UP_S = 60.0


@dataclass(slots=True)
class Ran:
    """What became of cells.

    Attributes:
        done: Names of those that have all their scores now.
        failed: Why, by the name of each that has not.
    """

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def run_cells(
    cells: Sequence[Cell], how: HowToRun, *, jobs: int, refused: Mapping[str, str]
) -> Ran:
    """Run what is left of `cells`, `jobs` at a time, in processes of their own.

    A cell that fails, or whose process dies, costs itself, its twins and those that start from it.

    Args:
        cells: Each after its twin and the one that it starts from, which are among them, too.
        how: How they are run.
        jobs: Most at a time.
        refused: Why those cannot be run that are named here.
    """
    ran = Ran()
    todo = _left(cells, ran, refused)
    if todo:
        for _ in progress(_finished(todo, how, jobs, ran), "cells", len(todo)):
            pass
    return ran


def run_here(cells: Sequence[Cell], how: HowToRun, *, refused: Mapping[str, str]) -> Ran:
    """Run what is left of `cells` one after another in this process, as a batch job does.

    See `run_cells`; starts need not be among the cells.

    Raises:
        StoppedError: A signal asked for a stop; the same call goes on.
    """
    ran = Ran()
    for cell in _left(cells, ran, refused):
        try:
            run_cell(Job(cell, how))
        except StoppedError:
            raise
        except VsdaError as error:
            ran.failed[cell.name] = str(error)
        else:
            ran.done.append(cell.name)
    return ran


def chosen(cells: Sequence[Cell], names: Sequence[str]) -> list[Cell]:
    """Return the cells with these names, in this order.

    Raises:
        UnknownNameError: There is none of a name.
    """
    by_name = {cell.name: cell for cell in cells}
    for name in names:
        if name not in by_name:
            raise UnknownNameError("cell", name, by_name)
    return [by_name[name] for name in names]


def share_of(cells: Sequence[Cell], task: str) -> list[Cell]:
    """Return the cells of one job of an array: every Nth one that the table shows.

    Starts belong to whichever job needs them first; the others wait for it.

    Args:
        cells: All.
        task: `I/N`, I from 0 to N - 1.

    Raises:
        UsageError: Not of this form.
    """
    number, slash, total = task.partition("/")
    if not (slash and number.isdecimal() and total.isdecimal() and int(number) < int(total)):
        raise UsageError(f"--task {task}: expected I/N with I from 0 to N - 1, such as 0/16")
    ends = [cell for cell in cells if cell.judged_on]
    return ends[int(number) :: int(total)]


def unfinished(cells: Sequence[Cell]) -> list[Cell]:
    """Return these cells, their twins and starts, without those that are done."""
    return [cell for cell in _chain(cells) if look(cell)[0] is not State.DONE]


def with_starts(cells: Sequence[Cell], wanted: Sequence[Cell]) -> list[Cell]:
    """Return those of a table's `cells` that are wanted, or that a wanted one needs, in order."""
    names = {cell.name for cell in _chain(wanted)}
    return [cell for cell in cells if cell.name in names]


def _chain(cells: Sequence[Cell]) -> list[Cell]:
    chain = list(cells)
    for cell in chain:
        if cell.before is not None and cell.before not in chain:
            chain.append(cell.before)
    return chain


def _left(cells: Sequence[Cell], ran: Ran, refused: Mapping[str, str]) -> list[Cell]:
    """Return the cells to run; note those that are done, damaged or refused."""
    todo = []
    for cell in cells:
        try:
            state = state_of(cell, read_record(cell))
        except VsdaError as error:
            ran.failed[cell.name] = str(error)
            continue
        if state is State.DONE:
            ran.done.append(cell.name)
        elif cell.name in refused:
            ran.failed[cell.name] = refused[cell.name]
        else:
            todo.append(cell)
    return todo


def _finished(todo: Sequence[Cell], how: HowToRun, jobs: int, ran: Ran) -> Iterator[Cell]:
    """Yield cells as they are finished, each after its twin or start; note what became of them."""
    waiting = list(todo)
    with LocalEngine(run_logged, min(jobs, len(todo)), daemonic=False) as engine:
        while waiting or engine.num_running:
            for cell in [one for one in waiting if one.before and one.before.name in ran.failed]:
                waiting.remove(cell)
                ran.failed[cell.name] = _why(cell)
                yield cell
            ready = [one for one in waiting if _is_ready(one, ran)]
            for cell in ready[: engine.num_free]:
                waiting.remove(cell)
                engine.submit(Job(cell, how))
            for done in engine.wait(_LOOK_UP_S) if engine.num_running else ():
                _note(done, ran)
                yield done.task.cell


def _is_ready(cell: Cell, ran: Ran) -> bool:
    before = cell.before
    return before is None or before.is_borrowed or before.name in ran.done


def _why(cell: Cell) -> str:
    """Return why a cell cannot be run whose twin or start failed."""
    kind = "twin" if cell.twin else "start"
    return f"its {kind} {cell.before and cell.before.name} failed"


def _note(done: Done[Job, None], ran: Ran) -> None:
    cell = done.task.cell
    if done.error is not None:
        ran.failed[cell.name] = str(done.error)
    elif done.death is not None:
        ran.failed[cell.name] = f"{done.lost}; see {_log(cell)}"
    else:
        ran.done.append(cell.name)


def _log(cell: Cell) -> Path:
    return cell.run_dir / LOG_FILE
