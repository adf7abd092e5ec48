"""Run folders as values: what training and evaluation left behind, checked, nothing added.

A folder without a readable `recipe.json` is not a run: it is left out and told, as is every other
file that is damaged. Everything else may be absent, since a run may be young.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsda.errors import RunError
from vsda.report.evaluations import Evaluation, json_object, read_evaluations
from vsda.report.log import Log, read_log
from vsda.storage.distinct import distinct_names, refuse_twins

RECIPE = "recipe.json"
PROVENANCE = "provenance.json"
METRICS = "metrics.jsonl"
EVALUATION = "evaluation"

_CHECKPOINT = re.compile(r"step-(\d+)\.pt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run folder.

    Attributes:
        letter: A to Z, then numbers: the short name by which tables and pictures call it.
        name: The folder's name, with as many parents as keep it apart from the other runs.
        folder: Where it is, as the user wrote it.
        recipe: The resolved recipe.
        provenance: None if the file is absent.
        log: None if the file is absent.
        evaluations: By set.
        last_step: The latest step that the log or a checkpoint shows; None without both.
        damage: What could not be read, and why.
    """

    letter: str
    name: str
    folder: Path
    recipe: Mapping[str, Any]
    provenance: Mapping[str, Any] | None
    log: Log | None
    evaluations: Mapping[str, Evaluation]
    last_step: int | None
    damage: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The runs, at least one, and what is wrong with each folder that is none."""

    runs: tuple[Run, ...]
    unread: tuple[str, ...]


def read_runs(folders: Sequence[Path]) -> Reading:
    """Return the runs in `folders`, in that order.

    Raises:
        RunError: None of them is a run.
        UsageError: The same folder twice.
    """
    refuse_twins(folders)
    recipes: dict[Path, dict[str, Any]] = {}
    unread = []
    for folder in folders:
        try:
            recipes[folder] = _read_recipe(folder)
        except RunError as error:
            unread.append(str(error))
    if not recipes:
        raise RunError("; ".join(unread))
    names = distinct_names([folder.resolve() for folder in recipes])
    runs = tuple(
        _read_run(folder, recipe, letter=_letter(position), name=names[position])
        for position, (folder, recipe) in enumerate(recipes.items())
    )
    return Reading(runs=runs, unread=tuple(unread))


def _read_recipe(folder: Path) -> dict[str, Any]:
    make = "`vsda train RECIPE --run DIR` makes a run folder"
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder; {make}")
    if not (folder / RECIPE).is_file():
        missing = [name for name in (RECIPE, PROVENANCE, METRICS) if not (folder / name).is_file()]
        raise RunError(f"{folder}: not a run folder: {', '.join(missing)} missing; {make}")
    return json_object(folder / RECIPE)


def _read_run(folder: Path, recipe: Mapping[str, Any], *, letter: str, name: str) -> Run:
    evaluations, damage = read_evaluations(folder / EVALUATION)
    provenance = None
    try:
        if (folder / PROVENANCE).is_file():
            provenance = json_object(folder / PROVENANCE)
    except RunError as error:
        damage += (str(error),)
    log_file = folder / METRICS
    log = read_log(log_file) if log_file.is_file() else None
    return Run(
        letter=letter,
        name=name,
        folder=folder,
        recipe=recipe,
        provenance=provenance,
        log=log,
        evaluations=evaluations,
        last_step=max([*_checkpoint_steps(folder), *(log.steps if log else ())], default=None),
        damage=damage + _log_damage(log),
    )


def _log_damage(log: Log | None) -> tuple[str, ...]:
    if log is None or not log.damaged:
        return ()
    more = len(log.damaged) - 1
    return (log.damaged[0] + (f"; {more} other lines are damaged as well" if more else ""),)


def _checkpoint_steps(folder: Path) -> list[int]:
    names = (path.name for path in (folder / "checkpoints").glob("*.pt"))
    return [int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name))]


def _letter(position: int) -> str:
    return chr(ord("A") + position) if position < 26 else str(position + 1)
