"""Run folders as values: what training and evaluation left behind, checked, nothing added.

A folder without `recipe.json` is not a run. Everything else may be absent, since a run may be
young; a file that is there but damaged is an error that names the file and, in a log, the line.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vsda.errors import RunError, UsageError

RECIPE = "recipe.json"
PROVENANCE = "provenance.json"
METRICS = "metrics.jsonl"
EVALUATION = "evaluation"

_CHECKPOINT = re.compile(r"step-(\d+)\.pt")


def _without_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


Iou = Annotated[Annotated[float, Field(ge=0, le=1)] | None, BeforeValidator(_without_nan)]
"""In [0, 1]; None where it has no meaning."""


class _Record(BaseModel):
    """A JSON object of the run folder; keys of later versions are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class VideoScore(_Record):
    """What one sequence came to."""

    mean_iou: Iou
    iou: Mapping[str, Iou] = {}
    num_frames: int


class Prediction(_Record):
    """A saved prediction; `png` is a path inside the run folder or its evaluation folder."""

    key: str
    png: str


class Evaluation(_Record):
    """One file of `evaluation/`: a run judged on one set of shards.

    `place` is where the set lay; `classes` has the background first; `pixels` are the true pixels
    of each class; `at_px` is the side at which truth and prediction were compared.
    """

    set: str
    step: int
    num_frames: int
    mean_iou: Iou
    iou: Mapping[str, Iou]
    classes: tuple[str, ...]
    pixels: Mapping[str, int] = {}
    absent: tuple[str, ...] = ()
    videos: Mapping[str, VideoScore] = {}
    at_px: int | None = None
    place: str | None = None
    uses_target_labels: bool = False
    predictions: tuple[Prediction, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """The logged numbers of a run.

    Attributes:
        steps: Ascending.
        values: For each name one number per step, nan where the line lacks it.
        num_wrong: For each name the number of lines that have it without a finite number.
        cut: The last line was cut off, as by a kill, and left out.
    """

    steps: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]
    num_wrong: Mapping[str, int]
    cut: bool


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
    """

    letter: str
    name: str
    folder: Path
    recipe: Mapping[str, Any]
    provenance: Mapping[str, Any] | None
    log: Log | None
    evaluations: Mapping[str, Evaluation]
    last_step: int | None


def read_runs(folders: Sequence[Path]) -> tuple[Run, ...]:
    """Return the runs in `folders`, in that order.

    Raises:
        RunError: A folder that is no run, or a file in it that is damaged.
        UsageError: The same folder twice.
    """
    names = _distinct_names(folders)
    return tuple(
        _read_run(folder, letter=_letter(position), name=names[position])
        for position, folder in enumerate(folders)
    )


def read_log(path: Path) -> Log:
    """Return what `metrics.jsonl` holds; of several lines for a step, as after a resume, the last.

    Raises:
        RunError: A line other than the last that is not a JSON object with a whole-number `step`.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    *lines, rest = text.split("\n")
    cut = bool(rest.strip()) and not _is_json(rest)
    rows = {}
    for number, line in enumerate(lines if cut else [*lines, rest], start=1):
        if line.strip():
            row = _log_line(line, f"{path}:{number}")
            rows[row["step"]] = row
    steps = tuple(sorted(rows))
    names = sorted({name for row in rows.values() for name in row} - {"step"})
    values = {name: tuple(_number(rows[step].get(name)) for step in steps) for name in names}
    numeric = {name: row for name, row in values.items() if any(map(math.isfinite, row))}
    num_wrong = {
        name: sum(name in row and not math.isfinite(_number(row[name])) for row in rows.values())
        for name in numeric
    }
    return Log(steps=steps, values=numeric, num_wrong=num_wrong, cut=cut)


def _read_run(folder: Path, *, letter: str, name: str) -> Run:
    _check_run(folder)
    log_file = folder / METRICS
    provenance = folder / PROVENANCE
    log = read_log(log_file) if log_file.is_file() else None
    return Run(
        letter=letter,
        name=name,
        folder=folder,
        recipe=_json_object(folder / RECIPE),
        provenance=_json_object(provenance) if provenance.is_file() else None,
        log=log,
        evaluations=_read_evaluations(folder / EVALUATION),
        last_step=max([*_checkpoint_steps(folder), *(log.steps if log else ())], default=None),
    )


def _check_run(folder: Path) -> None:
    make = "`vsda train RECIPE --run DIR` makes a run folder"
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder; {make}")
    if not (folder / RECIPE).is_file():
        missing = [name for name in (RECIPE, PROVENANCE, METRICS) if not (folder / name).is_file()]
        raise RunError(f"{folder}: not a run folder: {', '.join(missing)} missing; {make}")


def _read_evaluations(folder: Path) -> dict[str, Evaluation]:
    found: dict[str, Evaluation] = {}
    for path in sorted(folder.glob("*.json")):
        evaluation = _validated(Evaluation, path)
        if evaluation.set in found:
            raise RunError(f"{path}: a second evaluation of {evaluation.set!r}; remove one")
        found[evaluation.set] = evaluation
    return found


Record = TypeVar("Record", bound=_Record)


def _validated(model: type[Record], path: Path) -> Record:
    try:
        return model.model_validate(_json_object(path))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        got = "nothing" if problem["type"] == "missing" else repr(problem["input"])
        raise RunError(
            f"{path}: {place}: got {got}; {problem['msg']}; run `vsda evaluate` again"
        ) from None


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise RunError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _log_line(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise RunError(f"{where}: not JSON: {error}") from None
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        raise RunError(f"{where}: expected an object with a whole number 'step', got {line[:60]!r}")
    return row


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and type(value) is not bool else math.nan


def _checkpoint_steps(folder: Path) -> list[int]:
    names = (path.name for path in (folder / "checkpoints").glob("*.pt"))
    return [int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name))]


def _letter(position: int) -> str:
    return chr(ord("A") + position) if position < 26 else str(position + 1)


def _distinct_names(folders: Sequence[Path]) -> list[str]:
    whole = [folder.resolve() for folder in folders]
    for folder, path in zip(folders, whole, strict=True):
        if whole.count(path) > 1:
            raise UsageError(f"{folder}: given twice; name each run folder once")
    depth = 1
    while len({path.parts[-depth:] for path in whole}) < len(whole):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in whole]
