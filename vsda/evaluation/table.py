"""Scores as text for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_VIDEOS = 30
"""Rows of the per-video table: a validation set of DAVIS fits, a thousand clips do not."""

Scores = Mapping[str, Any]


def score_table(scores: Scores) -> str:
    """Return the IoU per class and per video, the worst videos first, with the mean at the end."""
    lines = [
        f"{scores['run']} on {scores['set']}, step {scores['step']}, {scores['num_frames']} frames"
        f"{_views_text(scores.get('views'))}",
        "",
        *_class_lines(scores),
        *_video_lines(scores),
        *_attribute_lines(scores.get("attributes")),
    ]
    if scores["absent"]:
        lines += ["", f"not in this set, not counted: {', '.join(scores['absent'])}"]
    counted = len(scores["iou"]) - len(scores["absent"])
    mean = f"mean IoU  {percent(scores['mean_iou'])}  over {counted} classes"
    lines += ["", f"{mean}{_interval_text(scores)}", *_summary(scores)]
    return "\n".join(lines)


def percent(value: float | None) -> str:
    """Return a share as per cent with one decimal, a dash for None."""
    return "-" if value is None else f"{100 * value:.1f}"


def signed_percent(value: float | None) -> str:
    """Return a difference in per cent with its sign, a dash for None."""
    return "-" if value is None else f"{100 * value:+.1f}"


def range_text(interval: Sequence[float] | None, *, signed: bool = False) -> str:
    """Return an interval in per cent, a dash for None."""
    if interval is None:
        return "-"
    low, high = map(signed_percent if signed else percent, interval)
    return f"{low} to {high}"


def gap_lines(scores: Scores) -> Iterator[str]:
    """Yield for each set of images how far the mean IoU falls from it to the set of videos."""
    for gap in scores.get("gaps", ()):
        shown = range_text(gap["interval"], signed=True)
        yield (
            f"{scores['run']}: {percent(gap['of'])} on {gap['from']}, {percent(gap['to_mean_iou'])}"
            f" on {scores['set']}: domain gap {signed_percent(gap['mean_iou'])} ({shown}), over the"
            f" {len(gap['classes'])} classes of both"
            if gap["classes"]
            else f"{gap['from']} and {scores['set']} have no class in common: no domain gap"
        )


def _class_lines(scores: Scores) -> Iterator[str]:
    by_class = scores.get("davis", {}).get("by_class")
    intervals = scores.get("iou_interval")
    yield (
        "class              IoU   labelled pixels"
        + (f"  {'95 %':>14}" if intervals else "")
        + (f"{'J':>7}{'F':>7}" if by_class else "")
    )
    for name, iou in scores["iou"].items():
        line = f"{name:<16}{percent(iou):>6}  {scores['pixels'][name]:>16,}"
        if intervals:
            line += f"  {range_text(intervals[name]):>14}"
        if by_class and name in by_class:
            found = by_class[name]
            line += f"{percent(found['j_mean']):>7}{percent(found['f_mean']):>7}"
        yield line


def _video_lines(scores: Scores) -> Iterator[str]:
    videos = sorted(scores["videos"].items(), key=_badness)
    if not videos:
        return
    has_likeness, has_stability = "davis" in scores, "stability" in scores
    yield ""
    yield (
        "video               mean IoU  frames"
        + (f"{'J':>7}{'F':>7}" if has_likeness else "")
        + (f"{'flicker':>9}{'consistency':>13}{'of truth':>10}" if has_stability else "")
    )
    for name, video in videos[:MAX_VIDEOS]:
        line = f"{name:<20}{percent(video['mean_iou']):>8}  {video['num_frames']:>6}"
        if has_likeness:
            found = video["davis"]
            line += f"{percent(found['j_mean']):>7}{percent(found['f_mean']):>7}"
        if has_stability:
            line += _stability_cells(video["stability"] or {})
        yield line
    if len(videos) > MAX_VIDEOS:
        yield f"and {len(videos) - MAX_VIDEOS} better ones, all in the JSON file"


def _stability_cells(found: Mapping[str, Any]) -> str:
    return (
        f"{percent(found.get('flicker')):>9}{percent(found.get('consistency')):>13}"
        f"{percent(found.get('truth_consistency')):>10}"
    )


def _attribute_lines(attributes: Mapping[str, Any] | None) -> Iterator[str]:
    if not attributes:
        return
    yield ""
    yield f"attribute           mean IoU  videos  {'95 %':>14}"
    for name, found in attributes.items():
        yield (
            f"{name:<20}{percent(found['mean_iou']):>8}  {found['num_videos']:>6}"
            f"  {range_text(found['interval']):>14}"
        )


def _summary(scores: Scores) -> Iterator[str]:
    if found := scores.get("davis"):
        yield (
            f"J and F   {percent(found['j_and_f'])}  J {percent(found['j_mean'])}, F "
            f"{percent(found['f_mean'])}, over {found['num_objects']} classes of videos"
        )
    if found := scores.get("stability"):
        yield (
            f"flicker   {percent(found['flicker'])}  of the pixels whose true class stays, over "
            f"{found['num_pairs']} pairs of frames"
        )


def _interval_text(scores: Scores) -> str:
    if scores.get("interval") is None:
        return ""
    return f"; {range_text(scores['interval'])} in 95 % of draws of {scores['num_units']} videos"


def _views_text(views: Mapping[str, Any] | None) -> str:
    if views is None:
        return ""
    scales = ", ".join(f"{scale:g}" for scale in views["scales"])
    parts = [f"scales {scales}"] if tuple(views["scales"]) != (1.0,) else []
    parts += [text for name, text in _VIEW_NAMES.items() if views[name]]
    return "".join(f", {part}" for part in parts)


_VIEW_NAMES = {"flip": "mirrored, too", "slide": "in windows"}


def _badness(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, float, str]:
    name, video = item
    mean = video["mean_iou"]
    return (mean is None, mean if mean is not None else 0.0, name)
