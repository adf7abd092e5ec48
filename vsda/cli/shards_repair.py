"""`vsda shards repair`: mend sets of shards, file by file."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsda.cli.table import print_json
from vsda.errors import ExitCode

if TYPE_CHECKING:
    from vsda.shards.repair import Repair


def repair(
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="PLACE",
            help="Folder or URL of shards, FOLDER/SET or an index file. Default: "
            "$VSDA_DATA/shards.",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of the dataset.", show_default="$VSDA_DATA/DATASET"),
    ] = None,
    copy: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL", help="Another copy of the set, from which lost files are taken."
        ),
    ] = None,
    class_map: Annotated[
        Path | None,
        typer.Option(help="The table that the set was made with, if it had one of its own."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Shards made at a time.", show_default="one per core"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Mend damaged sets: replace only what is bad, and only by the bytes that the index promises.

    Misnamed files get their names back, an .idx is made from its tar, a tar is taken from --copy or
    made again from the originals, and what interrupted runs left is removed. Exit status 1 when
    something is wrong still; it is named, with what to do.

    Example: vsda shards repair data/shards/davis-train
    """
    from vsda.prepare.repair import RepairOptions
    from vsda.prepare.repair import repair as repair_sets

    data = Path(os.environ.get("VSDA_DATA", "data"))
    options = RepairOptions(
        data=data,
        root=root,
        copy=copy,
        class_map=class_map,
        num_workers=workers,
        dry_run=dry_run,
    )
    repairs = repair_sets(place or str(data / "shards"), options)
    if as_json:
        print_json([asdict(one) | {"whole": not one.problems} for one in repairs])
    else:
        for one in repairs:
            _print(one, "would be " if dry_run else "")
    if any(one.problems for one in repairs):
        raise typer.Exit(ExitCode.FAILED)


def _print(done: "Repair", would_be: str) -> None:
    for fix in done.fixes:
        typer.echo(f"{fix.file}: {would_be}{fix.how}")
    for problem in done.problems:
        typer.echo(f"{problem.shard}: {problem.kind}: {problem.message}")
    if not done.problems:
        typer.echo(f"{done.place}: {would_be}whole")
