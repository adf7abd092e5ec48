"""The page: one file without links, the same bytes for the same run folders."""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vsda import __version__
from vsda.report.arms import Arm, arm_verdict, arms, has_repeats
from vsda.report.compare import SetResult, compare
from vsda.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, charts
from vsda.report.panels import run_panels
from vsda.report.pictures import Gallery, gallery
from vsda.report.provenance import differing_settings, facts
from vsda.report.read import Run, read_runs
from vsda.report.text import mean_text, points_text, share_text, signed_text
from vsda.storage import write_atomic

_HERE = Path(__file__).resolve().parent
NUM_COLOURS = 8
"""Colours in page.css; later arms use them again with dashed lines."""


class Look(NamedTuple):
    """Colour number of a run, and whether it is drawn dashed."""

    colour: int
    dashed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A written page.

    Attributes:
        path: Where it is.
        size_bytes: Of the page.
        runs: Letters and names of the runs.
        missing: What could not be shown.
    """

    path: Path
    size_bytes: int
    runs: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


def write_report(
    folders: Sequence[Path], out: Path, *, title: str | None = None, num_pictures: int = 8
) -> Report:
    """Write one page about the runs in `folders` to `out`.

    Args:
        folders: Run folders; the first is the one that the others are compared with.
        out: The HTML file, replaced if it exists.
        title: Heading; without one the page names the number of runs.
        num_pictures: Frames shown of each evaluation set, at most; with 0 no picture at all.

    Raises:
        RunError: A folder that is no run, or a damaged file in it.
        UsageError: The same folder twice.
    """
    runs = read_runs(folders)
    page = render(runs, title=title, num_pictures=num_pictures)
    write_atomic(out, page)
    return Report(
        path=out,
        size_bytes=len(page),
        runs=tuple((run.letter, run.name) for run in runs),
        missing=tuple(missing(runs)),
    )


def render(runs: Sequence[Run], *, title: str | None = None, num_pictures: int = 8) -> bytes:
    """Return the page about `runs` as UTF-8; every text from a run folder is escaped."""
    results = compare(runs)
    all_arms = arms(runs, results)
    firsts = [arm.positions[0] for arm in all_arms]
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=title or default_title(runs),
            version=__version__,
            script=Markup(script),
            script_hash=_csp_hash(script),
            runs=runs,
            looks=looks(all_arms),
            results=results,
            arms=all_arms,
            repeated=has_repeats(all_arms),
            verdicts=verdicts(results, all_arms),
            settings=differing_settings([runs[position] for position in firsts]),
            galleries=_galleries(results, [runs[position] for position in firsts], num_pictures),
            charts=charts(runs),
            panels=run_panels(runs, firsts if num_pictures else ()),
            facts=[facts(run) for run in runs],
            plot={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM},
        )
    )
    return page.encode()


def verdicts(results: Sequence[SetResult], all_arms: Sequence[Arm]) -> list[str]:
    """Return a sentence for each set: about arms where seeds are repeated, else about runs."""
    if not has_repeats(all_arms):
        return [result.verdict for result in results]
    return [
        result.verdict if result.caution else arm_verdict(all_arms, number)
        for number, result in enumerate(results)
    ]


def looks(all_arms: Sequence[Arm]) -> list[Look]:
    """Return how each run is drawn: one colour for an arm, dashed from its second run on."""
    found = {
        position: Look(number % NUM_COLOURS, rank > 0 or number >= NUM_COLOURS)
        for number, arm in enumerate(all_arms)
        for rank, position in enumerate(arm.positions)
    }
    return [found[position] for position in sorted(found)]


def _galleries(
    results: Sequence[SetResult], runs: Sequence[Run], num_pictures: int
) -> list[Gallery]:
    return [gallery(result.name, runs, num_pictures) for result in results if num_pictures]


def default_title(runs: Sequence[Run]) -> str:
    """Return a heading that names the run, or how many there are."""
    return f"Run {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs compared"


def missing(runs: Sequence[Run]) -> list[str]:
    """Return a line for each part that the page had to leave out."""
    scores = [score for result in compare(runs) for score in result.scores]
    lines = [f"{run.letter}: no evaluation" for run in runs if not run.evaluations]
    lines += [f"{score.run}: not judged; {score.command}" for score in scores if score.command]
    return lines + [f"{run.letter}: {gap}" for run in runs for gap in facts(run).gaps]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "points": points_text,
        "mean": lambda score: mean_text(score.mean, score.deviation),
        "signed": signed_text,
        "share": share_text,
        "quoted": lambda value: shlex.quote(str(value)),
    }
    return environment


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
