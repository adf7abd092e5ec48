"""What `vsda evaluate` measures beside the mean IoU, arm by arm, where it was asked for it."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vsda.report.arms import Arm
from vsda.report.compare import SetResult
from vsda.report.evaluations import Evaluation
from vsda.report.read import Run
from vsda.report.scores import Range, mean_range, range_points
from vsda.report.text import DASH, points_text, range_text, signed_text

Cell = tuple[str, str]
"""A number as it is printed, and a smaller remark below it."""
_NOTHING: Cell = (DASH, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureRow:
    """A measure: what it is called, what it means, and a cell for each arm."""

    name: str
    meaning: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """The measures of a set that any run has."""

    set_name: str
    rows: tuple[MeasureRow, ...]


def measures(
    result: SetResult, results: Sequence[SetResult], runs: Sequence[Run], arms: Sequence[Arm]
) -> Measures:
    """Return what is known of a set beside mean IoU: gap, J & F, stability, attributes.

    Args:
        result: Of the set.
        results: Of all sets, so that a set of videos can be held against those of images.
        runs: All of them.
        arms: All of them.
    """
    judged = [
        [item for place in arm.positions if (item := runs[place].evaluations.get(result.name))]
        for arm in arms
    ]
    images = [other.name for other in results if result.is_video and not other.is_video]
    gaps = [_gap_row(name, result.name, runs, arms) for name in images]
    rows = [*gaps, *_plain_rows(judged), *_attribute_rows(judged)]
    return Measures(
        set_name=result.name,
        rows=tuple(row for row in rows if any(cell != _NOTHING for cell in row.cells)),
    )


ByArm = Sequence[Sequence[Evaluation]]
Read = Callable[[Evaluation], float | None]

_PLAIN: tuple[tuple[str, str, Read], ...] = (
    (
        "J & F",
        "DAVIS's score: the mean of the two below, each class of a video taken for an object. "
        "100 is perfect.",
        lambda item: item.davis.j_and_f if item.davis else None,
    ),
    ("J", "Overlap of the regions.", lambda item: item.davis.j_mean if item.davis else None),
    ("F", "How well the outlines are met.", lambda item: item.davis.f_mean if item.davis else None),
    (
        "Flicker",
        "Per cent of the pixels at rest whose answer changes from a frame to the next. 0 is best, "
        "but a network that always says the same has it, too.",
        lambda item: item.stability.flicker if item.stability else None,
    ),
    (
        "Consistency",
        "Overlap of the answers for a frame with those for the next. Best: the truth's own, in the "
        "row below.",
        lambda item: item.stability.consistency if item.stability else None,
    ),
    (
        "Consistency of the truth",
        "The same of the truth: what motion alone leaves.",
        lambda item: item.stability.truth_consistency if item.stability else None,
    ),
)


def _plain_rows(judged: ByArm) -> list[MeasureRow]:
    return [
        MeasureRow(
            name=name,
            meaning=meaning,
            cells=tuple(_cell([read(item) for item in items]) for items in judged),
        )
        for name, meaning, read in _PLAIN
    ]


def _gap_row(images: str, videos: str, runs: Sequence[Run], arms: Sequence[Arm]) -> MeasureRow:
    return MeasureRow(
        name=f"Gap to {images}",
        meaning="Mean IoU of the same networks on those images less that on these videos, over the "
        "classes of both. 0 would be no gap.",
        cells=tuple(
            _gap_cell([runs[place].evaluations for place in arm.positions], images, videos)
            for arm in arms
        ),
    )


def _gap_cell(by_run: Sequence[Mapping[str, Evaluation]], images: str, videos: str) -> Cell:
    pairs = [
        means
        for each in by_run
        if images in each and videos in each
        if (means := _common_means(each[images].iou, each[videos].iou))
    ]
    if not pairs:
        return _NOTHING
    here, there = (statistics.fmean(means) for means in zip(*pairs, strict=True))
    return signed_text(here - there), f"{points_text(here)} on images, {points_text(there)} here"


def _common_means(
    one: Mapping[str, float | None], other: Mapping[str, float | None]
) -> tuple[float, float] | None:
    """Return both means in points over the classes that both have; None without such a class."""
    pairs = [
        (first, second)
        for name in one
        if (first := one[name]) is not None and (second := other.get(name)) is not None
    ]
    if not pairs:
        return None
    first, second = (100 * statistics.fmean(values) for values in zip(*pairs, strict=True))
    return first, second


def _attribute_rows(judged: ByArm) -> list[MeasureRow]:
    names = {
        name: score for items in judged for item in items for name, score in item.attributes.items()
    }
    return [
        MeasureRow(
            name=f"Mean IoU, {name}",
            meaning=f"Over the {names[name].num_videos} videos with this attribute.",
            cells=tuple(_attribute_cell(items, name) for items in judged),
        )
        for name in sorted(names)
    ]


def _attribute_cell(items: Sequence[Evaluation], name: str) -> Cell:
    scores = [item.attributes[name] for item in items if name in item.attributes]
    return _cell(
        [score.mean_iou for score in scores], [range_points(score.interval) for score in scores]
    )


def _cell(values: Sequence[float | None], ranges: Sequence[Range | None] = ()) -> Cell:
    known = [100 * value for value in values if value is not None]
    return (points_text(statistics.fmean(known)), _range(ranges)) if known else _NOTHING


def _range(ranges: Sequence[Range | None]) -> str:
    known = mean_range(ranges)
    return "" if known is None else f"95 %: {range_text(known)}"
