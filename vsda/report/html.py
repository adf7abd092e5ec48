"""The page: one file without links, the same bytes for the same run folders."""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vsda import __version__
from vsda.report import curves, text
from vsda.report.compare import compare, repeats
from vsda.report.pictures import gallery
from vsda.report.provenance import differing_settings, facts
from vsda.report.read import Run, read_runs
from vsda.storage import write_atomic

_HERE = Path(__file__).resolve().parent
NUM_COLOURS = 8
"""Run colours in page.css; later runs use them again with dashed lines."""


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
        num_pictures: Frames shown of each evaluation set, at most.

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
            results=results,
            repeats=repeats(runs, results),
            settings=differing_settings(runs),
            galleries=[gallery(item.name, runs, num_pictures) for item in results if num_pictures],
            charts=curves.charts(runs),
            facts=[facts(run) for run in runs],
            curves=curves,
        )
    )
    return page.encode()


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
        "points": text.points_text,
        "signed": text.signed_text,
        "share": text.share_text,
        "quoted": lambda value: shlex.quote(str(value)),
        "colour": lambda position: position % NUM_COLOURS,
        "dashed": lambda position: position >= NUM_COLOURS,
    }
    return environment


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
