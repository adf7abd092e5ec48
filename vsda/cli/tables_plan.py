"""What `vsda tables --plan` prints, and which sets of a table are not there."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vsda.tables.grid import Grid
    from vsda.tables.plan import PlannedRow
    from vsda.tables.work import HowToRun


def print_plan(grid: "Grid", how: "HowToRun", probe: int, *, as_json: bool) -> None:
    """Print what is there of a table, what is left, and what that will cost."""
    from vsda.cli.table import print_json
    from vsda.engine.local import num_cpus
    from vsda.tables.forecast import forecast
    from vsda.tables.plan import plan_table

    if probe:
        grid.make_worlds(grid.cells, num_cpus())
    planned = plan_table(grid, forecast(grid, how, probe))
    if as_json:
        print_json([_plan_values(row) for row in planned])
        return
    _print_rows(planned)
    for reason in dict.fromkeys(absences(grid).values()):
        typer.echo(f"not there yet: {reason}", err=True)


def _plan_values(row: "PlannedRow") -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(row), "num_left": row.num_left}


def _print_rows(planned: "tuple[PlannedRow, ...]") -> None:
    from vsda.cli.given_sets import bytes_text
    from vsda.cli.table import Column, print_table
    from vsda.tables.record import State

    columns = [Column("row"), Column("world")]
    columns += [Column(str(state), is_number=True) for state in State]
    heads = ("twins", "steps", "G a step", "s a step", "from", "left", "disk a run", "memory")
    columns += [Column(head, is_number=True) for head in heads]
    rows = [
        [
            *(row.row, row.world, *(str(row.states.get(state, 0)) for state in State)),
            *(str(row.num_twins), f"{row.steps:,}", f"{row.multiply_adds / 1e9:,.3g}"),
            "-" if row.step_s is None else f"{row.step_s:.3g}",
            row.measured or "-",
            _time_text(row.left_s),
            bytes_text(row.run_bytes),
            "-" if row.peak_bytes is None else bytes_text(row.peak_bytes),
        ]
        for row in planned
    ]
    print_table(columns, rows)
    times = [row.left_s for row in planned if row.num_left]
    left_s = None if None in times else sum(filter(None, times))
    disk = sum((row.num_left - row.num_twins) * row.run_bytes for row in planned)
    twins = sum(row.num_twins for row in planned)
    typer.echo(
        f"\n{sum(row.num_left for row in planned)} runs left: {_time_text(left_s)} one after "
        f"another, {bytes_text(disk)} more on the disk"
        + (f"; {twins} of them judge the network of another run" if twins else "")
    )


def _time_text(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def absences(grid: "Grid") -> dict[str, str]:
    """Return why cells cannot be run whose sets are not there, with the commands that make them."""
    from vsda.cli.train_inputs import command_of
    from vsda.errors import ShardError
    from vsda.shards.index import find_indexes

    known: dict[tuple[str, str], str] = {}
    found: dict[str, str] = {}
    for cell in grid.cells:
        for name in cell.reads:
            place = grid.worlds[cell.world].place(name)
            key = (place, cell.recipe.classes)
            if key not in known:
                known[key] = ""
                try:
                    find_indexes(place)
                except ShardError as error:
                    makes = command_of(place, cell.recipe.classes)
                    known[key] = (
                        f"{place}: no such set; `{makes}` makes it" if makes else str(error)
                    )
            if known[key]:
                found.setdefault(cell.name, known[key])
    return found
