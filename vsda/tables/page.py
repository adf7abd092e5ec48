"""The table as one page: no script, nothing loaded, light and dark, wide and narrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsda import __version__
from vsda.pages.template import PAGES_DIR, page_pieces
from vsda.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH
from vsda.report.template import REPORT_DIR
from vsda.report.text import DASH, points_text, share_text
from vsda.tables import dots
from vsda.tables.distances import distances
from vsda.tables.frames import MAX_FRAMES, world_frames
from vsda.tables.results import Column, Results, Score
from vsda.tables.shares import share_of, share_tables
from vsda.tables.text import (
    INTERVAL,
    differences_text,
    estimate_text,
    missing_text,
    num_seeds,
    published_text,
    score_text,
    settings_text,
)
from vsda.tables.verdicts import claims_table

MAX_BYTES = 3_000_000
"""Of a page; frames are left out until it is no larger."""

_FOLDERS = (Path(__file__).resolve().parent, REPORT_DIR, PAGES_DIR)
_STRIP_WIDTH, _STRIP_MARGIN = 120.0, 4.0


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


def render_page(results: Results, *, per_class: bool = False, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the page as UTF-8; every text of a recipe or a run folder is escaped.

    Args:
        results: The numbers; frames and distances come from the run folders of their cells.
        per_class: Show the classes, too.
        max_bytes: Frames are left out until the page is no larger.
    """
    values = _values(results, per_class)
    for num_frames in range(MAX_FRAMES, -1, -1):
        frames = world_frames(results, num_frames)
        pieces = page_pieces(
            _FOLDERS,
            "page.html.j2",
            filters={"share": share_text},
            frames=frames,
            left_out=MAX_FRAMES - num_frames,
            **values,
        )
        page = "".join(pieces).encode()
        if len(page) <= max_bytes:
            break
    return page


def _values(results: Results, per_class: bool) -> dict[str, Any]:
    """Return what the page shows besides frames."""
    table = results.grid.table
    recipe = table.recipe
    return {
        "title": recipe.title,
        "description": recipe.description,
        "settings": settings_text(results),
        "missing": missing_text(results),
        "differences": differences_text(results).replace("`", ""),  # of Markdown
        "interval": INTERVAL,
        "worlds": list(results.grid.worlds),
        "sets": recipe.sets,
        "tables": _tables(results),
        "groups": _groups(results),
        "cells": _cells(results),
        "sources": list(dict.fromkeys(filter(None, map(table.baseline, results.shown)))),
        "ceiling": recipe.ceiling,
        "charts": dots.dot_charts(results),
        "dots": {"width": dots.WIDTH, "top": dots.TOP},
        "shares": share_tables(results),
        "claims": claims_table(results),
        "distances": distances(results),
        "plot": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM},
        "classes": [_classes(results, column) for column in results.columns if per_class],
        "runs": results.records,
        "strip_width": _STRIP_WIDTH,
        "version": __version__,
    }


def _tables(results: Results) -> list[dict[str, Any]]:
    """Return the columns of one table, or of one for each set where there are several worlds."""
    if len(results.grid.worlds) == 1:
        return [{"heading": "", "columns": [(one, one.set_name) for one in results.columns]}]
    return [
        {
            "heading": name,
            "columns": [(one, one.world) for one in results.columns if one.set_name == name],
        }
        for name in results.grid.table.recipe.sets
    ]


def _groups(results: Results) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the shown rows, name and label, under their headings."""
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for name in results.shown:
        row = results.grid.table.rows[name]
        if not groups or groups[-1][0] != row.group:
            groups.append((row.group, []))
        groups[-1][1].append((name, row.label or name))
    return groups


def _cells(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what stands in each row, by the column's heading."""
    return {
        row: {column.heading: _cell(results, row, column) for column in results.columns}
        for row in results.shown
    }


def _cell(results: Results, row: str, column: Column) -> dict[str, Any]:
    score = column.scores.get(row)
    has_published = column.set_name in results.grid.table.rows[row].published
    return {
        "score": score_text(score, num_seeds(results, row)),
        "difference": estimate_text(score.difference) if score and score.difference else "",
        "share": _share(results, row, column),
        "published": published_text(results, row, column) if has_published else "",
        "strip": _strip(score, column, results.grid.table.baseline(row)),
    }


def _share(results: Results, row: str, column: Column) -> str:
    if row == results.grid.table.baseline(row):
        return ""
    share = share_of(results, row, column)
    return f"{share.text} of the gap" if share.is_share else share.text.strip(DASH)


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


def _classes(results: Results, column: Column) -> dict[str, Any]:
    names = list(dict.fromkeys(name for found in column.classes.values() for name in found))
    return {"heading": column.heading, "names": names, "rows": _class_rows(results, column, names)}


def _class_rows(
    results: Results, column: Column, names: Sequence[str]
) -> list[tuple[str, list[str]]]:
    def points(found: Mapping[str, float]) -> list[str]:
        return [points_text(found.get(name)) for name in names]

    return [(row, points(column.classes.get(row, {}))) for row in results.shown]
