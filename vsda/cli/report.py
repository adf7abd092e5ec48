"""`vsda report`: one page about one or more runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsda.errors import ExitCode, UsageError
from vsda.report.extent import MAX_BYTES

if TYPE_CHECKING:
    from vsda.report.arms import Arm
    from vsda.report.compare import SetResult


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
    max_mb: Annotated[
        float,
        typer.Option(min=0.1, help="Pictures are left out until the page is no larger, in MB."),
    ] = MAX_BYTES / 1e6,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written as JSON.")
    ] = False,
) -> None:
    """Write one self-contained HTML page: scores, pictures, curves and provenance of the runs.

    It needs no network, and the same runs give the same bytes. The table of the runs' mean IoU is
    printed too, with the difference to the first run. Folders and files that cannot be read are
    left out and told, and the exit code is 3.

    Example: vsda report runs/source-only runs/clustered --out report.html
    """
    from vsda.report.html import write_report

    if out.is_dir():
        raise UsageError(f"--out {out}: is a folder; name a file, such as {out / 'report.html'}")
    written = write_report(
        runs, out, title=title, num_pictures=pictures, max_bytes=round(1e6 * max_mb)
    )
    for line in (*written.damage, *written.missing, *written.left_out):
        typer.echo(f"left out: {line}", err=True)
    if as_json:
        typer.echo(_as_json(written))
    else:
        _print_scores(runs)
        typer.echo(f"\nreport: {written.path}")
    if written.damage:
        raise typer.Exit(ExitCode.PARTIAL)


def _print_scores(folders: list[Path]) -> None:
    """Print each run's mean IoU on each set, then the mean of the runs that differ in seed only."""
    from vsda.report.arms import arms, has_repeats
    from vsda.report.compare import compare
    from vsda.report.read import read_runs

    runs = read_runs(folders).runs
    results = compare(runs)
    _print_runs([run.name for run in runs], results)
    all_arms = arms(runs, results)
    if has_repeats(all_arms):
        _print_arms(all_arms, [result.name for result in results])


def _print_runs(names: list[str], results: "tuple[SetResult, ...]") -> None:
    from vsda.cli.table import Column, print_table
    from vsda.report.text import points_text, signed_text

    columns = [Column("mean IoU, %")]
    rows = [[name] for name in names]
    for result in results:
        columns += [Column(result.name, is_number=True), Column("difference", is_number=True)]
        for row, score in zip(rows, result.scores, strict=True):
            row += [points_text(score.mean_iou), signed_text(score.difference)]
    print_table(columns, rows)


def _print_arms(all_arms: "tuple[Arm, ...]", set_names: list[str]) -> None:
    from vsda.cli.table import Column, print_table
    from vsda.report.text import DASH, mean_text, signed_text

    columns, rows = [Column("mean and deviation over seeds")], [[arm.name] for arm in all_arms]
    for number, name in enumerate(set_names):
        columns += [Column(name, is_number=True), Column("difference", is_number=True)]
        for row, arm in zip(rows, all_arms, strict=True):
            score = arm.scores[number]
            row.append(mean_text(score.mean, score.deviation) if score else DASH)
            row.append(signed_text(score.difference) if score else DASH)
    typer.echo()
    print_table(columns, rows)


def _as_json(written: object) -> str:
    import dataclasses
    import json

    return json.dumps(dataclasses.asdict(written), default=str, sort_keys=True)  # type: ignore[call-overload]
