"""`vsda weights list|fetch|check`: network weights that have a name."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.given_sets import bytes_text
from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ExitCode

if TYPE_CHECKING:
    from vsda.fetch.weights import WeightsReport
    from vsda.manifests import WeightsSource

weights_app = typer.Typer(no_args_is_help=True, help="Network weights: list, fetch, check.")

Out = Annotated[
    Path | None,
    typer.Option(help="Folder of the weights.", show_default="$VSDA_DATA/weights"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@weights_app.command("list")
def list_weights(out: Out = None, as_json: Json = False) -> None:
    """List the weights that have a name, and which of them are there.

    Example: vsda weights list
    """
    from vsda.manifests import weights_sources

    folder = out or weights_folder()
    rows = [_row(source, folder) for source in weights_sources().values()]
    if as_json:
        print_json(rows)
        return
    columns = [
        Column("name"),
        Column("networks"),
        Column("layout"),
        Column("size", is_number=True),
        Column("trained on"),
        Column("published"),
        Column("here"),
    ]
    print_table(columns, [_cells(row) for row in rows])


@weights_app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Names, see `vsda weights list`.")],
    out: Out = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL that has the files by their names, to take them from there.",
            show_default="the authors' servers",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Download weights by their names.

    Run it again after an interruption: it goes on where it stopped. Exit code 3 means that some of
    several files failed.

    Example: vsda weights fetch upernet-swin-t-ade20k deeplabv3-r101-coco
    """
    from vsda.fetch.weights import WeightsOptions, fetch_weights

    reports = []
    for report in fetch_weights(
        names, WeightsOptions(folder=out or weights_folder(), mirror=mirror)
    ):
        reports.append(report)
        _tell(report, as_json=as_json)
    if as_json:
        print_json([report.to_dict() for report in reports])
    raise typer.Exit(_exit_code(reports))


def weights_folder() -> Path:
    """Return the folder of the weights that have a name: $VSDA_DATA/weights."""
    return Path(os.environ.get("VSDA_DATA", "data")) / "weights"


def _row(source: "WeightsSource", folder: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from vsda.fetch.weights import presence

    return asdict(source) | {
        "networks": list(source.networks),
        "here": str(presence(source, folder)),
        "path": str(folder / source.file),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    size_bytes = row["size_bytes"]
    return [
        row["name"],
        ", ".join(row["networks"]),
        row["layout"],
        "-" if size_bytes is None else bytes_text(size_bytes),
        row["trained_on"],
        row["figure"] or "-",
        row["here"],
    ]


def _tell(report: "WeightsReport", *, as_json: bool) -> None:
    """Say what became of one file: on stderr why it failed, else on stdout where it lies."""
    if report.message:
        sys.stderr.write(f"weights: {report.name}: failed: {report.message}\n")
    elif not as_json:
        size = bytes_text(report.size_bytes or 0)
        print(f"weights: {report.name}: {size} ({report.state})  {report.path}", flush=True)


def _exit_code(reports: "Sequence[WeightsReport]") -> ExitCode:
    num_failed = sum(bool(report.message) for report in reports)
    if not num_failed:
        return ExitCode.DONE
    return ExitCode.PARTIAL if num_failed < len(reports) else ExitCode.FAILED
