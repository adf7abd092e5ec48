"""A table's numbers as rows of CSV files; points have four decimals."""

import csv
import io
import math
from collections.abc import Iterator, Sequence

from vsda.tables.results import Results
from vsda.tables.text import claim_text

_PACKAGES = ("vsda", "torch")

Rows = Iterator[Sequence[object]]


def as_csv(rows: Rows) -> bytes:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _number(value: float | None) -> str:
    return "" if value is None or math.isinf(value) else f"{value:.4f}"


def table_rows(results: Results) -> Rows:
    """Yield each row in each column."""
    yield (
        *("row", "world", "set", "seeds", "mean", "deviation"),
        *("difference", "low", "high", "share", "published"),
    )
    rows = results.grid.table.rows
    for row in results.shown:
        for column in results.columns:
            score = column.scores.get(row)
            if score is None:
                continue
            found = score.difference
            interval = (found.mean, found.low, found.high) if found else (None, None, None)
            numbers = (score.mean, score.deviation, *interval, score.share)
            published = rows[row].published.get(column.set_name)
            yield (
                *(row, column.world, column.set_name, len(score.by_seed)),
                *map(_number, (*numbers, published)),
            )


def claim_rows(results: Results) -> Rows:
    """Yield each claim in each column."""
    yield "claim", "on", "verdict", "why", "difference", "low", "high", "seeds", "origin"
    for one in results.judgements:
        found = one.estimate
        numbers = (found.mean, found.low, found.high) if found else (None, None, None)
        num = found.num if found else 0
        yield (
            *(claim_text(one), one.column, one.verdict, one.why),
            *(*map(_number, numbers), num, one.claim.origin),
        )


def class_rows(results: Results) -> Rows:
    """Yield the mean of each class in each row and column."""
    yield "row", "world", "set", "class", "mean"
    for column in results.columns:
        for row, found in column.classes.items():
            for name, value in found.items():
                yield row, column.world, column.set_name, name, _number(value)


def cell_rows(results: Results) -> Rows:
    """Yield each run on each set, with what decided it."""
    yield (
        *("row", "world", "seed", "set", "mean_iou", "frames", "index_sha256", "fingerprint"),
        *("steps", *_PACKAGES, "git_revision", "device", "threads"),
    )
    for cell, record in results.records:
        for name in cell.judged_on:
            score = record.scores[name]
            mean = None if score.mean_iou is None else 100 * score.mean_iou
            yield (
                *(cell.row, cell.world, cell.seed, name, _number(mean), score.num_frames),
                *(score.index_sha256, record.fingerprint, record.steps),
                *(record.versions.get(package, "") for package in _PACKAGES),
                *(record.git_revision or "", record.device, record.threads),
            )


def cost_rows(results: Results) -> Rows:
    """Yield how long each run took, and its memory; none for one whose twin was trained."""
    yield "row", "world", "seed", "steps", "train_s", "judge_s", "peak_bytes", "twin"
    for cell, record in results.records:
        seconds = (f"{record.train_s:.1f}", f"{record.judge_s:.1f}")
        memory = (record.peak_bytes, record.twin)
        yield cell.row, cell.world, cell.seed, record.steps, *seconds, *memory
