"""`vsda weights list|fetch|check`: network weights that have a name."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.given_sets import bytes_text
from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ExitCode, UsageError, WeightsError

if TYPE_CHECKING:
    from vsda.fetch.weights import WeightsReport
    from vsda.manifests import WeightsSource
    from vsda.models.weights import FoundWeights
    from vsda.models.weights import WeightsReport as LoadReport

_SHOWN = 3
_LONGEST = 80

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
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Download what is there, too; it stays until the new file is whole."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Download weights by their names.

    Run it again after an interruption: it goes on where it stopped. A file that is there is read
    and compared with its digest; where none is published, all that can be told is whether it looks
    like weights, and --again brings another. Exit code 3 means that some of several files failed.

    Example: vsda weights fetch upernet-swin-t-ade20k deeplabv3-r101-coco
    """
    from vsda.fetch.weights import WeightsOptions, fetch_weights

    reports = []
    options = WeightsOptions(folder=out or weights_folder(), mirror=mirror, again=again)
    for report in fetch_weights(names, options):
        reports.append(report)
        _tell(report, as_json=as_json)
    if as_json:
        print_json([report.to_dict() for report in reports])
    raise typer.Exit(_exit_code(reports))


@weights_app.command()
def check(
    place: Annotated[
        str, typer.Argument(help="Name, see `vsda weights list`, file, URL or run folder.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe whose network would load it: a name or a TOML file."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE laid over the recipe.")
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="Check the recipe's small form.")] = False,
    every: Annotated[
        bool,
        typer.Option("--all", help="List every name, those that are loaded, too; not examples."),
    ] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Say what a file of weights holds and, with --recipe, what that recipe's network takes of it.

    It is what `vsda train RECIPE --init` would do. Exit code 1 means that the file is damaged, or
    does not fit the network.

    Example: vsda weights check upernet-swin-t-ade20k --recipe swin-images --all
    """
    from vsda.training.initial import read_initial

    if every and recipe is None:
        raise UsageError("--all lists what a network takes; give its recipe with --recipe")
    found = read_initial(place, out or weights_folder())
    if not as_json:
        _print_found(found)
    if recipe is None:
        if as_json:
            print_json(_found_values(found))
        return
    try:
        report = _foretold(found, recipe, set_ or [], small=small)
    except WeightsError as error:
        if not as_json:
            raise
        print_json(_found_values(found) | {"recipe": recipe, "fits": False, "error": str(error)})
        raise typer.Exit(ExitCode.FAILED) from error
    if as_json:
        print_json(_found_values(found) | _report_values(recipe, report))
        return
    _print_report(recipe, report, every=every)


def _foretold(
    found: "FoundWeights", recipe: str, overrides: list[str], *, small: bool
) -> "LoadReport":
    """Return what `vsda train` would report, had it `found` to start from."""
    from vsda.models.weights import check_weights
    from vsda.recipes.small import load_train_recipe
    from vsda.taxonomy import class_set
    from vsda.training.build import build_network

    settings = load_train_recipe(recipe, overrides, small=small)
    classes = class_set(settings.classes)
    network = build_network(settings, len(classes) + 1)
    return check_weights(network, found, classes=classes, may_miss=settings.init.may_miss)


def weights_folder() -> Path:
    """Return the folder of the weights that have a name: $VSDA_DATA/weights."""
    return Path(os.environ.get("VSDA_DATA", "data")) / "weights"


def _found_values(found: "FoundWeights") -> dict[str, Any]:
    return {
        "file": str(found.place),
        "layout": found.layout,
        "networks": list(found.networks),
        "num_classes": found.num_classes,
        "num_values": found.num_values,
        "settings": found.settings,
        "notes": list(found.notes),
    }


def _report_values(recipe: str, report: "LoadReport") -> dict[str, Any]:
    return {
        "recipe": recipe,
        "fits": True,
        "loaded": list(report.loaded),
        "skipped": dict(report.skipped),
        "missing": dict(report.missing),
        "notes": list(report.notes),
    }


def _print_found(found: "FoundWeights") -> None:
    classes = "no classes" if found.num_classes is None else f"{found.num_classes} classes"
    print(f"{found.place}: {found.layout}")
    print(f"  {found.num_values:,} values, {classes}; for {', '.join(found.networks)}")
    settings = " ".join(f"network.{name}={value}" for name, value in found.settings.items())
    if settings:
        print(f"  {settings}")


def _print_report(recipe: str, report: "LoadReport", *, every: bool) -> None:
    print(f"{recipe}: fits, {len(report.loaded)} loaded")
    if every:
        _print_names("loaded", report.loaded)
    for verb, names in (("skipped", report.skipped), ("missing", report.missing)):
        for reason in dict.fromkeys(names.values()):
            concerned = [name for name, why in names.items() if why == reason]
            if every:
                _print_names(f"{verb} ({reason})", concerned)
                continue
            more = "..." if len(concerned) > _SHOWN else ""
            examples = ", ".join(map(_printable, concerned[:_SHOWN]))
            print(f"  {len(concerned)} {verb} ({reason}): {examples}{more}")
    for note in report.notes:
        print(f"  note: {note}")


def _print_names(what: str, names: "Sequence[str]") -> None:
    print(f"  {len(names)} {what}:")
    for name in names:
        print(f"    {_printable(name)}")


def _printable(name: str) -> str:
    """Return a file's name for a terminal: on one line, and no longer than one reads."""
    text = name if name.isprintable() else ascii(name)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


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
