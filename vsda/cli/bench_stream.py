"""Print how fast pictures become batches."""

import typer

from vsda.bench.stream_results import StreamBench, StreamResult
from vsda.cli.table import Column, print_table

_NUMBERS = ("pictures/s per core", "25 %", "75 %", "of decoding")


def print_stream_bench(bench: StreamBench) -> None:
    """Print a table for each kind of pictures, and the settings below them."""
    for result in bench.results:
        typer.echo(_pictures_line(result))
        _print_ways(result, bench.workers)
        typer.echo()
    typer.echo(_settings_line(bench))


def _print_ways(result: StreamResult, workers: int) -> None:
    heads = [*_NUMBERS, *([f"pictures/s with {workers} workers"] if workers else [])]
    cells = [
        [
            row.name,
            *(f"{rate:.0f}" for rate in (row.per_core, row.low, row.high)),
            f"{row.of_limit:.2f}",
            *(["-" if row.with_workers is None else f"{row.with_workers:.0f}"] if workers else []),
            row.work,
        ]
        for row in result.rows
    ]
    columns = [Column(head, is_number=True) for head in heads]
    print_table([Column("way"), *columns, Column("what it does")], cells)


def _pictures_line(result: StreamResult) -> str:
    facts = result.pictures
    mask = f", masks of {facts.mask_bytes / 1e3:.1f} KB" if result.labelled else ""
    return (
        f"{facts.name}, {'labelled' if result.labelled else 'unlabelled'}: {facts.number} pictures "
        f"of {facts.width_px}x{facts.height_px} pixels and {facts.jpeg_bytes / 1e3:.1f} KB{mask}"
    )


def _settings_line(bench: StreamBench) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in bench.versions.items())
    return (
        f"batches of {bench.batch} squares of {bench.size_px} pixels, one thread, {bench.rounds} "
        f"rounds in turns by processor time; {bench.processor}, {bench.num_cores} cores; {versions}"
    )
