"""The table as one page: no script, nothing loaded, light and dark, wide and narrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vsda import __version__
from vsda.report.text import points_text
from vsda.tables.claims import Judgement, Verdict
from vsda.tables.results import Column, Results, Score
from vsda.tables.text import (
    INTERVAL,
    claim_text,
    differences_text,
    estimate_text,
    missing_text,
    num_seeds,
    published_text,
    score_text,
    settings_text,
    share_text,
    verdict_text,
)

_HERE = Path(__file__).resolve().parent
_STRIP_WIDTH, _STRIP_MARGIN = 120.0, 4.0
_TONES = {
    Verdict.HOLDS: "good",
    Verdict.FAILS: "bad",
    Verdict.NOISE: "soft",
    Verdict.OPEN: "soft",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """The runs of one row on the column's common axis, in units of the drawing.

    Attributes:
        dots: One for each seed.
        mean: Of them.
        source: Mean of the source row; None without one.
    """

    dots: tuple[float, ...]
    mean: float
    source: float | None


def render_page(results: Results, *, per_class: bool = False) -> bytes:
    """Return the page as UTF-8; every text of a recipe is escaped."""
    recipe = results.grid.table.recipe
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=recipe.title,
            description=recipe.description,
            settings=settings_text(results),
            missing=missing_text(results),
            differences=differences_text(results).replace("`", ""),  # of Markdown
            interval=INTERVAL,
            columns=results.columns,
            groups=_groups(results),
            cells=_cells(results),
            sources=set(map(results.grid.table.baseline, results.shown)),
            ceiling=recipe.ceiling,
            claims=[_claim(one) for one in results.judgements],
            classes=[_classes(results, column) for column in results.columns if per_class],
            runs=results.records,
            width=_STRIP_WIDTH,
            version=__version__,
        )
    )
    return page.encode()


def _groups(results: Results) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the shown rows, name and label, under their headings."""
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for name in results.shown:
        row = results.grid.table.rows[name]
        if not groups or groups[-1][0] != row.group:
            groups.append((row.group, []))
        groups[-1][1].append((name, row.label or name))
    return groups


def _cells(results: Results) -> dict[str, list[dict[str, Any]]]:
    """Return what stands in each row, column by column."""
    return {
        row: [_cell(results, row, column) for column in results.columns] for row in results.shown
    }


def _cell(results: Results, row: str, column: Column) -> dict[str, Any]:
    score = column.scores.get(row)
    has_published = column.set_name in results.grid.table.rows[row].published
    return {
        "score": score_text(score, num_seeds(results, row)),
        "difference": estimate_text(score.difference) if score and score.difference else "",
        "share": share_text(score) if score and score.share is not None else "",
        "published": published_text(results, row, column) if has_published else "",
        "strip": _strip(score, column, results.grid.table.baseline(row)),
    }


def _strip(score: Score | None, column: Column, source: str) -> Strip | None:
    if score is None:
        return None
    values = [value for one in column.scores.values() for value in one.by_seed.values()]
    low, high = min(values), max(values)
    scale = (_STRIP_WIDTH - 2 * _STRIP_MARGIN) / ((high - low) or 1.0)

    def x(value: float) -> float:
        return round(_STRIP_MARGIN + (value - low) * scale, 1)

    return Strip(
        dots=tuple(map(x, score.by_seed.values())),
        mean=x(score.mean),
        source=x(column.scores[source].mean) if source in column.scores else None,
    )


def _claim(judgement: Judgement) -> dict[str, str]:
    return {
        "says": claim_text(judgement),
        "column": judgement.column,
        "verdict": verdict_text(judgement),
        "tone": _TONES[judgement.verdict],
        "estimate": estimate_text(judgement.estimate),
        "origin": judgement.claim.origin,
    }


def _classes(results: Results, column: Column) -> dict[str, Any]:
    names = list(dict.fromkeys(name for found in column.classes.values() for name in found))
    return {"heading": column.heading, "names": names, "rows": _class_rows(results, column, names)}


def _class_rows(
    results: Results, column: Column, names: Sequence[str]
) -> list[tuple[str, list[str]]]:
    def points(found: Mapping[str, float]) -> list[str]:
        return [points_text(found.get(name)) for name in names]

    return [(row, points(column.classes.get(row, {}))) for row in results.shown]


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
