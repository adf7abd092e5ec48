"""`vsda bench`: measure, on this machine and in one run, vsda beside its alternatives."""

from dataclasses import asdict
from typing import Annotated

import typer

from vsda.cli.table import Column, print_json, print_table

bench_app = typer.Typer(
    no_args_is_help=True,
    help="Measure speed and memory on this machine, side by side with the alternatives.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@bench_app.command("annotations")
def bench_annotations(
    rows: Annotated[
        int, typer.Option(min=1000, help="Rows of the made-up table; the real one has 5.6 million.")
    ] = 5_600_000,
    as_json: Json = False,
) -> None:
    """List a made-up table of YouTube-BoundingBoxes: time and peak memory of each reader.

    Example: vsda bench annotations --rows 500000
    """
    from vsda.bench.annotations import measure

    results = measure(rows)
    if as_json:
        print_json([asdict(result) for result in results])
        return
    cells = [
        [
            result.reader,
            f"{result.seconds:.1f}{' *' if result.is_scaled else ''}",
            f"{rows / result.seconds / 1e6:.2f}",
            f"{result.peak_mb:.0f}{' *' if result.is_scaled else ''}",
            result.work,
        ]
        for result in results
    ]
    numbers = [Column(name, is_number=True) for name in ("seconds", "million rows/s", "peak MB")]
    print_table([Column("reader"), *numbers, Column("gives")], cells)
    if any(result.is_scaled for result in results):
        typer.echo("* measured on a tenth of the rows, times ten")
