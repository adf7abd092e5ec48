"""Mean IoU of runs on one set: differences to the first run, and who is ahead, if anybody.

Scores are in points, 100 times the intersection over union. Two runs are compared only where they
were judged alike: same number of frames, classes, size and true pixels of each class.
"""

import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from vsda.report.evaluations import Evaluation, Interval
from vsda.report.read import Run
from vsda.report.text import DECIMALS, points_text, signed_text

Evaluations = Sequence[Evaluation | None]
"""One for each run; None where a run was not judged on the set."""

Range = tuple[float, float]
"""Low and high, in points."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One run on one set, in points.

    Attributes:
        run: Its letter.
        mean_iou: None where there is no evaluation, or where it has no mean.
        range: What other draws of the videos would give; None where that is unknown.
        step: Of the checkpoint that was judged.
        difference: To the first run, before rounding; None where the two cannot be compared.
        best: No other run on this set reaches it.
        better: Sequences on which this run beats the first; None where that says nothing.
        worse: Sequences on which the first run beats this one.
        command: What to run where the evaluation is missing.
    """

    run: str
    mean_iou: float | None
    range: Range | None = None
    step: int | None = None
    difference: float | None = None
    best: bool = False
    better: int | None = None
    worse: int | None = None
    command: str | None = None


def set_scores(name: str, runs: Sequence[Run], evaluations: Evaluations) -> tuple[Score, ...]:
    """Return one score for each of `runs` on the set `name`."""
    means = [None if item is None else points(item.mean_iou) for item in evaluations]
    best = _best(means) if judged_alike(evaluations) else None
    scores = []
    for position, (run, item) in enumerate(zip(runs, evaluations, strict=True)):
        difference, better, worse = _against_first(item, evaluations[0] if position else None)
        score = Score(
            run=run.letter,
            mean_iou=means[position],
            range=None if item is None else range_points(item.interval),
            step=None if item is None else item.step,
            difference=difference,
            best=position == best,
            better=better,
            worse=worse,
            command=evaluate_command(run, name, evaluations) if item is None else None,
        )
        scores.append(score)
    return tuple(scores)


def judged_alike(evaluations: Evaluations) -> bool:
    """Tell whether all evaluations that there are used the same yardstick."""
    marks = [_yardstick(item) for item in evaluations if item is not None]
    return all(mark == marks[0] for mark in marks)


def unlike_text(runs: Sequence[Run], evaluations: Evaluations) -> str:
    """Return a sentence that says how the evaluations differ in what they measured."""
    parts = [
        f"{run.letter}: {item.num_frames} frames, {len(item.classes)} classes"
        + (f", at {item.at_px} px" if item.at_px else "")
        for run, item in zip(runs, evaluations, strict=True)
        if item is not None
    ]
    return (
        "Not judged alike, so these scores are not compared where frames, classes, size or true"
        f" pixels differ ({'; '.join(parts)}). Run vsda evaluate again on one and the same set."
    )


def evaluate_command(run: Run, name: str, evaluations: Evaluations) -> str:
    """Return the command that judges `run` on the set `name`, which another run was judged on."""
    places = sorted({item.place.rstrip("/") for item in evaluations if item and item.place})
    if not places:
        shards = "SHARDS"
    elif places[0].endswith((f"/{name}", ".json")):
        shards = places[0]
    else:
        shards = f"{places[0]}/{name}"
    return f"vsda evaluate {shlex.quote(str(run.folder))} {shlex.quote(shards)}"


def verdict(scores: Sequence[Score], runs: Sequence[Run], *, alike: bool) -> str:
    """Return one sentence that says who is ahead, and by how much, if anybody is."""
    labels = {run.letter: f"{run.letter} ({run.name})" for run in runs}
    known = [(score, mean) for score in scores if (mean := score.mean_iou) is not None]
    if not known:
        return "No mean: none of the classes occurs in this set."
    top, mean = max(known, key=lambda pair: pair[1])
    if len(known) == 1:
        return f"{labels[top.run]} reaches {points_text(mean)}."
    if not alike:
        return "The runs were not judged alike, so none is named as ahead."
    if not top.best:
        level = [labels[score.run] for score, other in known if _rounded(other) == _rounded(mean)]
        return f"{' and '.join(level)} are level at {points_text(mean)}."
    if top.run == runs[0].letter:
        second, other = max(known[1:], key=lambda pair: pair[1])
        lead = f", {points_text(mean - other)} points before {labels[second.run]}"
    else:
        lead = _lead(top, labels[runs[0].letter])
    return f"{labels[top.run]} is ahead at {points_text(mean)}{lead}."


def points(iou: float | None) -> float | None:
    """Return an IoU in [0, 1] as points."""
    return None if iou is None else 100 * iou


def range_points(interval: Interval) -> Range | None:
    """Return an interval of IoUs in [0, 1] as points."""
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def mean_range(ranges: Sequence[Range | None]) -> Range | None:
    """Return the means of the low and of the high bounds; None where one is unknown."""
    known = [each for each in ranges if each is not None]
    if not known or len(known) < len(ranges):
        return None
    low, high = (statistics.fmean(bounds) for bounds in zip(*known, strict=True))
    return low, high


def _lead(top: Score, first: str) -> str:
    if top.difference is None:
        return ""
    text = f", {signed_text(top.difference)} points against {first}"
    if top.better is None:
        return text
    return f"{text}; better on {top.better} sequences, worse on {top.worse}"


def _yardstick(item: Evaluation) -> tuple[object, ...]:
    return (item.num_frames, item.classes, item.at_px, dict(item.pixels))


def _best(means: Sequence[float | None]) -> int | None:
    known = [_rounded(mean) for mean in means if mean is not None]
    if len(known) < 2 or known.count(max(known)) > 1:
        return None
    return [mean is not None and _rounded(mean) == max(known) for mean in means].index(True)


def _against_first(
    item: Evaluation | None, first: Evaluation | None
) -> tuple[float | None, int | None, int | None]:
    """Return the difference of the means and the numbers of sequences better and worse."""
    if item is None or first is None or _yardstick(item) != _yardstick(first):
        return None, None, None
    mean, first_mean = points(item.mean_iou), points(first.mean_iou)
    difference = None if mean is None or first_mean is None else mean - first_mean
    if not item.videos or item.videos.keys() != first.videos.keys():
        return difference, None, None
    pairs = [
        (_rounded(100 * score.mean_iou), _rounded(100 * other))
        for name, score in item.videos.items()
        if score.mean_iou is not None and (other := first.videos[name].mean_iou) is not None
    ]
    return difference, sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)


def _rounded(value: float) -> float:
    return round(value, DECIMALS)
