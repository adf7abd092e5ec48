"""`metrics.jsonl` as columns of numbers; a line that cannot be read is left out and told."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsda.errors import RunError


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """The logged numbers of a run.

    Attributes:
        steps: Ascending.
        values: For each name one number per step, nan where the line lacks it.
        num_wrong: For each name the number of lines that have it without a finite number.
        cut: The last line was cut off, as by a kill, and left out.
        damaged: What is wrong with each other line that was left out.
    """

    steps: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]
    num_wrong: Mapping[str, int]
    cut: bool
    damaged: tuple[str, ...]

    def rows(self) -> list[tuple[int, dict[str, float]]]:
        """Return each step with the finite numbers of its line."""
        columns = self.values.items()
        return [
            (step, {name: row[place] for name, row in columns if math.isfinite(row[place])})
            for place, step in enumerate(self.steps)
        ]


def read_log(path: Path) -> Log:
    """Return what `metrics.jsonl` holds; of several lines for a step, after a resume, the last."""
    text = path.read_text(encoding="utf-8", errors="replace")
    *lines, rest = text.split("\n")
    cut = bool(rest.strip()) and not _is_json(rest)
    rows, damaged = {}, []
    for number, line in enumerate(lines if cut else [*lines, rest], start=1):
        if line.strip():
            try:
                row = _log_line(line, f"{path}:{number}")
            except RunError as error:
                damaged.append(str(error))
            else:
                rows[row["step"]] = row
    steps = tuple(sorted(rows))
    names = sorted({name for row in rows.values() for name in row} - {"step"})
    values = {name: tuple(_number(rows[step].get(name)) for step in steps) for name in names}
    numeric = {name: row for name, row in values.items() if any(map(math.isfinite, row))}
    num_wrong = {
        name: sum(name in row and not math.isfinite(_number(row[name])) for row in rows.values())
        for name in numeric
    }
    return Log(steps=steps, values=numeric, num_wrong=num_wrong, cut=cut, damaged=tuple(damaged))


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
