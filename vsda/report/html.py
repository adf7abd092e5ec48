"""The page: one file without links, the same bytes for the same run folders."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vsda import __version__
from vsda.report.arms import Arm, arm_verdict, arms, has_repeats
from vsda.report.by_arm import arm_videos, class_bars
from vsda.report.compare import SetResult, compare
from vsda.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, charts
from vsda.report.extent import MAX_BYTES, Extent, extents
from vsda.report.gaps import run_gaps
from vsda.report.health import health
from vsda.report.looks import looks
from vsda.report.measures import measures
from vsda.report.mixing import mixes
from vsda.report.panels import run_panels
from vsda.report.pictures import gallery
from vsda.report.provenance import differing_settings, facts
from vsda.report.read import Reading, Run, read_runs
from vsda.report.template import rendered
from vsda.storage import write_atomic


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A written page.

    Attributes:
        path: Where it is.
        size_bytes: Of the page.
        runs: Letters and names of the runs.
        missing: What could not be shown, as it is not there.
        damage: What could not be shown, as it cannot be read.
        left_out: What is not shown, to keep the page small.
    """

    path: Path
    size_bytes: int
    runs: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    damage: tuple[str, ...]
    left_out: tuple[str, ...]


def write_report(
    folders: Sequence[Path],
    out: Path,
    *,
    title: str | None = None,
    num_pictures: int = 8,
    max_bytes: int = MAX_BYTES,
) -> Report:
    """Write one page about the runs in `folders` to `out`.

    What is damaged or unfinished is told on the page and in the result, and does not stop it.

    Args:
        folders: Run folders; the first is the one that the others are compared with.
        out: The HTML file, replaced if it exists.
        title: Heading; without one the page names the number of runs.
        num_pictures: Frames shown of each evaluation set, at most; with 0 no picture at all.
        max_bytes: Pictures are left out until the page is no larger.

    Raises:
        RunError: None of the folders is a run.
        UsageError: The same folder twice.
    """
    reading = read_runs(folders)
    for extent in extents(num_pictures, max_bytes):
        page = render(reading, extent, title=title)
        if len(page.data) <= max_bytes:
            break
    write_atomic(out, page.data)
    return Report(
        path=out,
        size_bytes=len(page.data),
        runs=tuple((run.letter, run.name) for run in reading.runs),
        missing=tuple(missing(reading.runs)),
        damage=page.damage,
        left_out=extent.left_out,
    )


class Page(NamedTuple):
    """A page as UTF-8, and what could not be read for it."""

    data: bytes
    damage: tuple[str, ...]


def render(reading: Reading, extent: Extent, *, title: str | None = None) -> Page:
    """Return the page about some runs; every text from a run folder is escaped."""
    runs = reading.runs
    results = compare(runs)
    all_arms = arms(runs, results)
    firsts = [arm.positions[0] for arm in all_arms]
    galleries = [
        gallery(result.name, [runs[position] for position in firsts], extent.num_pictures)
        for result in results
        if extent.num_pictures
    ]
    panels = run_panels(runs, firsts if extent.last_panels else (), with_first=extent.first_panels)
    gaps = run_gaps(runs, with_pictures=extent.last_panels)
    data = rendered(
        title=title or default_title(runs),
        version=__version__,
        runs=runs,
        unread=reading.unread,
        extent=extent,
        looks=looks(all_arms),
        results=results,
        arms=all_arms,
        repeated=has_repeats(all_arms),
        verdicts=verdicts(results, all_arms),
        settings=differing_settings([runs[position] for position in firsts]),
        galleries=galleries,
        classes=[class_bars(result, all_arms) for result in results],
        videos=[arm_videos(result, all_arms) for result in results if result.videos],
        measures=[measures(result, results, runs, all_arms) for result in results],
        charts=charts(runs),
        health=[(place, found) for place, run in enumerate(runs) if (found := health(run))],
        mixes=mixes(runs, firsts),
        panels=panels,
        gaps=gaps,
        facts=[facts(run) for run in runs],
        plot={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM},
    )
    damage = [
        *(run.damage for run in runs),
        *(each.damage for each in galleries),
        *(each.damage for each in panels),
        *(each.damage for each in gaps),
    ]
    return Page(data, (*reading.unread, *itertools.chain.from_iterable(damage)))


def verdicts(results: Sequence[SetResult], all_arms: Sequence[Arm]) -> list[str]:
    """Return a sentence for each set: about arms where seeds are repeated, else about runs."""
    if not has_repeats(all_arms):
        return [result.verdict for result in results]
    return [
        result.verdict if result.caution else arm_verdict(all_arms, number)
        for number, result in enumerate(results)
    ]


def default_title(runs: Sequence[Run]) -> str:
    """Return a heading that names the run, or how many there are."""
    return f"Run {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs compared"


def missing(runs: Sequence[Run]) -> list[str]:
    """Return a line for each part that the page had to leave out."""
    scores = [score for result in compare(runs) for score in result.scores]
    lines = [f"{run.letter}: no evaluation" for run in runs if not run.evaluations]
    lines += [f"{score.run}: not judged; {score.command}" for score in scores if score.command]
    return lines + [f"{run.letter}: {gap}" for run in runs for gap in facts(run).gaps]
