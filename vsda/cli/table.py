"""Print rows: a drawn table on a terminal, aligned text elsewhere."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; numbers stand to the right."""

    heading: str
    is_number: bool = False


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows`, whose cells belong to `columns`, on stdout."""
    if sys.stdout.isatty():
        _print_drawn(columns, rows)
    else:
        _print_plain(columns, rows)


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout, with the keys in order."""
    typer.echo(json.dumps(value, indent=2, sort_keys=True))


def _print_drawn(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column.heading, justify="right" if column.is_number else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.heading for column in columns], *rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if column.is_number else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())
