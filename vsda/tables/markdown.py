"""A table as Markdown."""

from collections.abc import Sequence

from vsda.report.text import points_text
from vsda.tables.results import Column, Results
from vsda.tables.text import (
    INTERVAL,
    claim_text,
    differences_text,
    estimate_text,
    full_label,
    missing_text,
    num_seeds,
    published_text,
    score_text,
    settings_text,
    share_text,
    verdict_text,
)


def markdown(results: Results, *, per_class: bool = False) -> str:
    """Return the table as Markdown: scores, differences to the source row, claims."""
    recipe = results.grid.table.recipe
    lines = [f"# {recipe.title}", "", *filter(None, [recipe.description]), settings_text(results)]
    lines += filter(None, [missing_text(results)])
    lines += ["", *_scores_block(results)]
    if differences_text(results):
        lines += ["", differences_text(results), "", *_differences_block(results)]
    if results.judgements:
        lines += ["", f"Claims; differences in points with their {INTERVAL}.", ""]
        lines += _claims_block(results)
    if per_class:
        for column in results.columns:
            lines += _classes_block(results, column)
    return "\n".join(lines) + "\n"


def _block(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows),
    ]


def _scores_block(results: Results) -> list[str]:
    has_published = any(row.published for row in results.grid.table.recipe.rows)
    heads = ["row"]
    for column in results.columns:
        heads += [column.heading, *(["published"] if has_published else [])]
    rows = []
    for row in results.shown:
        cells = [full_label(results, row)]
        for column in results.columns:
            cells.append(score_text(column.scores.get(row), num_seeds(results, row)))
            cells += [published_text(results, row, column)] if has_published else []
        rows.append(cells)
    return _block(heads, rows)


def _differences_block(results: Results) -> list[str]:
    recipe = results.grid.table.recipe
    heads = ["row"]
    for column in results.columns:
        heads += [column.heading, *(["share"] if recipe.ceiling else [])]
    rows = []
    for row in results.shown:
        if row == results.grid.table.baseline(row):
            continue
        cells = [full_label(results, row)]
        for column in results.columns:
            score = column.scores.get(row)
            cells.append(estimate_text(score.difference if score else None))
            cells += [share_text(score)] if recipe.ceiling else []
        rows.append(cells)
    return _block(heads, rows)


def _claims_block(results: Results) -> list[str]:
    rows = [
        [
            claim_text(one),
            one.column,
            verdict_text(one),
            estimate_text(one.estimate),
            one.claim.origin,
        ]
        for one in results.judgements
    ]
    return _block(["claim", "on", "verdict", "difference", "says"], rows)


def _classes_block(results: Results, column: Column) -> list[str]:
    names = list(dict.fromkeys(name for found in column.classes.values() for name in found))
    if not names:
        return []
    rows = [
        [
            full_label(results, row),
            *(points_text(column.classes.get(row, {}).get(name)) for name in names),
        ]
        for row in results.shown
    ]
    return ["", f"IoU by class on {column.heading}.", "", *_block(["row", *names], rows)]
