"""Runs side by side on each evaluation set: scores, classes, sequences."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsda.report.evaluations import VideoScore
from vsda.report.read import Run
from vsda.report.scores import (
    Evaluations,
    Range,
    Score,
    judged_alike,
    points,
    range_points,
    set_scores,
    unlike_text,
    verdict,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassRow:
    """One class on one set, in points.

    Attributes:
        name: Of the class.
        share: Of the true pixels, in [0, 1]; None if unknown.
        absent: It does not occur in the truth.
        points: One for each run; None where there is none.
        ranges: What other draws of the videos would give, one for each run.
    """

    name: str
    share: float | None
    absent: bool
    points: tuple[float | None, ...]
    ranges: tuple[Range | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoRow:
    """One sequence: points of each run."""

    name: str
    num_frames: int
    points: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetResult:
    """All runs on one set.

    Attributes:
        name: Of the set.
        is_video: Its frames belong to sequences.
        num_frames: What the first evaluation saw.
        step: Of the checkpoints, if all runs were judged at the same; else None.
        scores: One for each run.
        verdict: One sentence that says who is ahead, if anybody is.
        caution: What a reader must know before comparing, None if nothing.
        classes: Rows of the bars.
        videos: Worst first; empty for still images.
    """

    name: str
    is_video: bool
    num_frames: int
    step: int | None
    scores: tuple[Score, ...]
    verdict: str
    caution: str | None
    classes: tuple[ClassRow, ...]
    videos: tuple[VideoRow, ...]


def compare(runs: Sequence[Run]) -> tuple[SetResult, ...]:
    """Return what the runs came to on every set that any of them was judged on, images first."""
    names = sorted({name for run in runs for name in run.evaluations})
    results = [_set_result(name, runs) for name in names]
    return tuple(sorted(results, key=lambda result: result.is_video))


def _set_result(name: str, runs: Sequence[Run]) -> SetResult:
    evaluations = [run.evaluations.get(name) for run in runs]
    present = [item for item in evaluations if item is not None]
    alike, steps = judged_alike(evaluations), {item.step for item in present}
    scores = set_scores(name, runs, evaluations)
    return SetResult(
        name=name,
        is_video=any(item.videos for item in present),
        num_frames=present[0].num_frames,
        step=steps.pop() if len(steps) == 1 else None,
        scores=scores,
        verdict=verdict(scores, runs, alike=alike),
        caution=None if alike else unlike_text(runs, evaluations),
        classes=_class_rows(evaluations),
        videos=_video_rows(evaluations),
    )


def _class_rows(evaluations: Evaluations) -> tuple[ClassRow, ...]:
    present = [item for item in evaluations if item is not None]
    names = dict.fromkeys(name for item in present for name in item.classes)
    pixels = next((item.pixels for item in present if item.pixels), {})
    total = sum(pixels.values())
    return tuple(
        ClassRow(
            name=name,
            share=pixels.get(name, 0) / total if total else None,
            absent=all(name in item.absent for item in present if name in item.classes),
            points=tuple(points(item.iou.get(name)) if item else None for item in evaluations),
            ranges=tuple(
                range_points(item.iou_interval.get(name)) if item else None for item in evaluations
            ),
        )
        for name in names
    )


def _video_rows(evaluations: Evaluations) -> tuple[VideoRow, ...]:
    tables: list[Mapping[str, VideoScore]] = [item.videos if item else {} for item in evaluations]
    rows = [
        VideoRow(
            name=name,
            num_frames=next(table[name].num_frames for table in tables if name in table),
            points=tuple(
                points(table[name].mean_iou) if name in table else None for table in tables
            ),
        )
        for name in sorted({name for table in tables for name in table})
    ]
    return tuple(sorted(rows, key=_difficulty))


def _difficulty(row: VideoRow) -> tuple[bool, float]:
    """Order by the mean over the runs, rows without any number last."""
    known = [value for value in row.points if value is not None]
    return (not known, statistics.fmean(known) if known else 0.0)
