"""`vsda report`: one page about one or more runs."""

from pathlib import Path
from typing import Annotated

import typer

from vsda.errors import UsageError


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Run folders; the first is the one that the others are compared with.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The page to write; an older one is replaced.")] = Path(
        "report.html"
    ),
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    pictures: Annotated[
        int, typer.Option(min=0, help="Frames shown of each evaluation set, at most.")
    ] = 8,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written as JSON.")
    ] = False,
) -> None:
    """Write one self-contained HTML page: scores, pictures, curves and provenance of the runs.

    It needs no network, and the same runs give the same bytes.

    Example: vsda report runs/source-only runs/clustered --out report.html
    """
    from vsda.report.html import write_report

    if out.is_dir():
        raise UsageError(f"--out {out}: is a folder; name a file, such as {out / 'report.html'}")
    written = write_report(runs, out, title=title, num_pictures=pictures)
    for line in written.missing:
        typer.echo(f"left out: {line}", err=True)
    typer.echo(_as_json(written) if as_json else str(written.path))


def _as_json(written: object) -> str:
    import dataclasses
    import json

    return json.dumps(dataclasses.asdict(written), default=str, sort_keys=True)  # type: ignore[call-overload]
