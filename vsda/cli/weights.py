"""`vsda weights list|fetch|check`: network weights that have a name."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.given_sets import bytes_text
from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ExitCode, WeightsError

if TYPE_CHECKING:
    from vsda.fetch.weights import WeightsReport
    from vsda.manifests import WeightsSource
    from vsda.models.weights import FoundWeights
    from vsda.models.weights import WeightsReport as LoadReport

_SHOWN = 3

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


@weights_app.command()
def check(
    place: Annotated[str, typer.Argument(help="Name, see `vsda weights list`, file or URL.")],
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe whose network would load it: a name or a TOML file."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE laid over the recipe.")
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="Check the recipe's small form.")] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Say what a file of weights holds and, with --recipe, what that recipe's network takes of it.

    Exit code 1 means that the file is damaged, or does not fit the network.

    Example: vsda weights check upernet-swin-t-ade20k --recipe swin-images
    """
    from vsda.fetch.weights import find_weights
    from vsda.models.weights import read_weights

    found = read_weights(find_weights(place, out or weights_folder()))
    if not as_json:
        _print_found(found)
    if recipe is None:
        if as_json:
            print_json(_found_values(found))
        return
    _check_recipe(found, recipe, set_ or [], small=small, as_json=as_json)


def _check_recipe(
    found: "FoundWeights", recipe: str, overrides: list[str], *, small: bool, as_json: bool
) -> None:
    from vsda.models.weights import check_weights
    from vsda.recipes.small import load_train_recipe
    from vsda.taxonomy import class_set
    from vsda.training.build import build_network

    settings = load_train_recipe(recipe, overrides, small=small)
    network = build_network(settings, len(class_set(settings.classes)) + 1)
    try:
        report = check_weights(network, found, may_miss=settings.init.may_miss)
    except WeightsError as error:
        if not as_json:
            raise
        print_json(_found_values(found) | {"recipe": recipe, "fits": False, "error": str(error)})
        raise typer.Exit(ExitCode.FAILED) from error
    if as_json:
        values = {
            "recipe": recipe,
            "fits": True,
            "loaded": list(report.loaded),
            "skipped": dict(report.skipped),
            "missing": dict(report.missing),
            "notes": list(report.notes),
        }
        print_json(_found_values(found) | values)
        return
    _print_report(recipe, report)


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


def _print_found(found: "FoundWeights") -> None:
    classes = "no classes" if found.num_classes is None else f"{found.num_classes} classes"
    print(f"{found.place}: {found.layout}")
    print(f"  {found.num_values:,} values, {classes}; for {', '.join(found.networks)}")
    settings = " ".join(f"network.{name}={value}" for name, value in found.settings.items())
    if settings:
        print(f"  {settings}")


def _print_report(recipe: str, report: "LoadReport") -> None:
    print(f"{recipe}: fits, {len(report.loaded)} loaded")
    for verb, names in (("skipped", report.skipped), ("missing", report.missing)):
        for reason in dict.fromkeys(names.values()):
            concerned = [name for name, why in names.items() if why == reason]
            more = "..." if len(concerned) > _SHOWN else ""
            shown = ", ".join(concerned[:_SHOWN])
            print(f"  {len(concerned)} {verb} ({reason}): {shown}{more}")
    for note in report.notes:
        print(f"  note: {note}")


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
