"""Scores as text for the terminal."""

from collections.abc import Mapping
from typing import Any

MAX_VIDEOS = 30
"""Rows of the per-video table: a validation set of DAVIS fits, a thousand clips do not."""


def score_table(scores: Mapping[str, Any]) -> str:
    """Return the IoU per class and per video, the worst videos first, with the mean at the end."""
    lines = [
        f"{scores['run']} on {scores['set']}, step {scores['step']}, {scores['num_frames']} frames",
        "",
        "class              IoU   labelled pixels",
    ]
    for name, iou in scores["iou"].items():
        lines.append(f"{name:<16}{percent(iou):>6}  {scores['pixels'][name]:>16,}")
    if scores["videos"]:
        lines += ["", "video               mean IoU  frames"]
        videos = sorted(scores["videos"].items(), key=_badness)
        for name, video in videos[:MAX_VIDEOS]:
            lines.append(f"{name:<20}{percent(video['mean_iou']):>8}  {video['num_frames']:>6}")
        if len(videos) > MAX_VIDEOS:
            lines.append(f"and {len(videos) - MAX_VIDEOS} better ones, all in the JSON file")
    if scores["absent"]:
        lines += ["", f"not in this set, not counted: {', '.join(scores['absent'])}"]
    counted = len(scores["iou"]) - len(scores["absent"])
    lines += ["", f"mean IoU  {percent(scores['mean_iou'])}  over {counted} classes"]
    return "\n".join(lines)


def percent(value: float | None) -> str:
    """Return a share as per cent with one decimal, a dash for None."""
    return "-" if value is None else f"{100 * value:.1f}"


def _badness(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, float, str]:
    name, video = item
    mean = video["mean_iou"]
    return (mean is None, mean if mean is not None else 0.0, name)
