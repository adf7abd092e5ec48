"""`vsda tables`: many runs, planned, made or gathered, and their table written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsda.cli.tables_plan import absences, print_plan
from vsda.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from vsda.tables.cell import Cell
    from vsda.tables.grid import Grid
    from vsda.tables.results import Results
    from vsda.tables.run import Ran
    from vsda.tables.work import HowToRun


def tables(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE",
            help="1 to 5, another name of the list that none prints, or a TOML file.",
        ),
    ] = None,
    world: Annotated[
        list[str] | None,
        typer.Option(
            help="Where the sets come from, in place of the table's: real, or synth for a made-up "
            "world and small networks; may be repeated."
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="In place of the table's, such as 0-4 or 0,3,7.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE laid over every recipe, such as steps=20."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the runs and of the table.", show_default="tables/<table>[-<world>]"
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Tell what is there, what is left and its cost; run none."),
    ] = False,
    probe: Annotated[
        int, typer.Option(min=0, help="With --plan: time so many steps of rows that have no run.")
    ] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    cell: Annotated[
        list[str] | None,
        typer.Option(
            help="Make this run alone, ROW/SEED, and what it starts from; may be repeated, and "
            "--jobs makes several at a time."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="I/N: make every Nth run, for a job of an array.")
    ] = None,
    gather: Annotated[
        bool, typer.Option("--gather", help="Write the table of what is finished; run none.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Make runs anew whose recipe has changed since.")
    ] = False,
    reuse: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of another table's runs: those of the same recipe, sets and start are "
            "judged and not trained again; may be repeated."
        ),
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Show each class, too.")] = False,
    pictures: Annotated[
        int,
        typer.Option(
            min=0, help="Predictions kept of each run and set, for the page and `vsda report`."
        ),
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make a table of many runs, rows times seeds, and judge what is claimed of it.

    Stopped at any point, the same command goes on; finished runs are never made again. The table
    is written as Markdown, HTML and CSV.

    Example: vsda tables 2 --world synth

    On a cluster, an array of jobs: vsda tables 2 --task $SLURM_ARRAY_TASK_ID/16; the same command
    without --task gathers.
    """
    if name is None:
        _print_known()
        return
    _check(plan, probe, gather, bool(cell) or task is not None)
    from vsda.cli.train_inputs import cache_for, data_folder
    from vsda.tables.elsewhere import trained_in
    from vsda.tables.grid import Asked, make_grid
    from vsda.tables.load import load_table
    from vsda.tables.work import HowToRun

    table = load_table(name)
    asked = Asked(
        out=out or _folder(table.name, world or []),
        data=data_folder("."),
        worlds=tuple(world or ()),
        seeds=_seeds(seeds),
        overrides=tuple(set_ or ()),
        trained=trained_in(reuse or ()),
    )
    grid = make_grid(table, asked)
    how = HowToRun(
        weights_dir=data_folder("weights"),
        cache=cache_for(None, 50.0),
        num_threads=_threads(jobs),
        pictures=pictures,
        again=again,
    )
    if plan:
        print_plan(grid, how, probe, as_json=as_json)
        return
    if cell or task is not None:
        _run_part(grid, how, _chosen(grid, cell or [], task), jobs)
        return
    ran = None if gather else _run(grid, how, jobs)
    _write(grid, asked.out, per_class=per_class, as_json=as_json)
    if ran is not None:
        _end(ran)


def _print_known() -> None:
    from vsda.recipes.load import recipe_paths
    from vsda.tables.load import KIND, load_table

    loaded = {stem: load_table(stem) for stem in recipe_paths(KIND)}
    width = max(len(stem) for stem in loaded)
    for stem, table in loaded.items():
        typer.echo(f"{stem:<{width}}  {table.recipe.title}")


def _check(plan: bool, probe: int, gather: bool, is_part: bool) -> None:
    if probe and not plan:
        raise UsageError("--probe: times steps for a plan; add --plan")
    if sum((plan, gather, is_part)) > 1:
        raise UsageError("--plan, --gather, and --cell or --task do different things; give one")


def _folder(name: str, worlds: list[str]) -> Path:
    return Path("tables") / "-".join([name, *worlds])


def _seeds(text: str | None) -> tuple[int, ...]:
    """Return seeds as `0-4` or `0,3,7` names them."""
    seeds: list[int] = []
    for part in text.split(",") if text else []:
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError(f"--seeds {text}: expected numbers, such as 0-4 or 0,3,7")
        seeds += range(int(first), int(last or first) + 1)
    return tuple(seeds)


def _threads(jobs: int) -> int | None:
    """Return the threads of each of several runs; one alone has what torch takes."""
    from vsda.engine.local import num_cpus

    return None if jobs == 1 else max(1, num_cpus() // jobs)


def _run(grid: "Grid", how: "HowToRun", jobs: int) -> "Ran":
    from vsda.engine.local import num_cpus
    from vsda.tables.run import run_cells, unfinished

    grid.make_worlds(unfinished(grid.cells), num_cpus())
    return run_cells(grid.cells, how, jobs=jobs, refused=absences(grid))


def _chosen(grid: "Grid", names: list[str], task: str | None) -> "list[Cell]":
    from vsda.tables.run import chosen, share_of

    return chosen(grid.cells, names) + (share_of(grid.cells, task) if task is not None else [])


def _run_part(grid: "Grid", how: "HowToRun", cells: "list[Cell]", jobs: int) -> None:
    """Make some of the runs: one after another here, or several at a time in processes."""
    from vsda.engine.local import num_cpus
    from vsda.tables.run import run_cells, run_here, unfinished, with_starts

    grid.make_worlds(unfinished(cells), num_cpus())
    refused = absences(grid)
    if jobs == 1:
        ran = run_here(cells, how, refused=refused)
    else:
        ran = run_cells(with_starts(grid.cells, cells), how, jobs=jobs, refused=refused)
    ran.done = [cell.name for cell in cells if cell.name in ran.done]  # without mere starts
    for name in ran.done:
        typer.echo(f"{name}  done")
    _end(ran)


def _write(grid: "Grid", out: Path, *, per_class: bool, as_json: bool) -> None:
    from vsda.cli.table import print_json
    from vsda.tables.markdown import markdown
    from vsda.tables.results import gather
    from vsda.tables.write import write_table

    results = gather(grid)
    files = write_table(results, out, per_class=per_class)
    if as_json:
        print_json(_values(results, files))
        return
    typer.echo(markdown(results, per_class=per_class))
    typer.echo("\n".join(map(str, files)))


def _values(results: "Results", files: tuple[Path, ...]) -> dict[str, object]:
    from dataclasses import asdict

    from vsda.tables.text import claim_text

    return {
        "columns": [asdict(column) for column in results.columns],
        "claims": [
            {"claim": claim_text(one), "on": one.column, "verdict": one.verdict, "why": one.why}
            for one in results.judgements
        ],
        "missing": results.missing,
        "files": list(map(str, files)),
    }


def _end(ran: "Ran") -> None:
    for name, reason in ran.failed.items():
        typer.echo(f"failed: {name}: {reason}", err=True)
    if ran.failed:
        raise typer.Exit(ExitCode.PARTIAL if ran.done else ExitCode.FAILED)
