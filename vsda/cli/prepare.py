"""`vsda prepare`: from a dataset's own files to shards."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.prepare_options import (
    Address,
    Classes,
    DryRun,
    Engine,
    Json,
    Out,
    Outside,
    Overwrite,
    Remap,
    Root,
    ShardMb,
    Split,
    Workers,
)
from vsda.cli.prepare_print import exit_code, planned_lines, print_results, report_line

if TYPE_CHECKING:
    from vsda.prepare import PrepareOptions

prepare_app = typer.Typer(
    no_args_is_help=True,
    help="Write a dataset's images and masks as shards: plain WebDataset tars with an index.",
)


@prepare_app.command()
def davis(
    root: Root = None,
    remap: Remap = None,
    classes: Classes = None,
    outside: Outside = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val, all for both, or unlabelled for the frames alone of the sequences "
            "that you list in ImageSets/2017/unlabelled.txt.",
            show_default="all",
        ),
    ] = None,
    resolution: Annotated[
        str | None, typer.Option(help="480p or Full-Resolution.", show_default="480p")
    ] = None,
    class_map: Annotated[
        Path | None,
        typer.Option(
            help="Tab-separated table with the columns sequence, object_id, category, class, to "
            "use in place of the built-in table of objects.",
            show_default="manifests/davis/objects.tsv",
        ),
    ] = None,
    annotations: Annotated[
        str | None,
        typer.Option(
            help="Which masks: instances (Annotations), semantics (Annotations_semantics: no "
            "object ids) or unsupervised (Annotations_unsupervised: other objects, of which no "
            "table says the class, so with --remap none or a --class-map).",
            show_default="instances",
        ),
    ] = None,
    out: Out = None,
    shard_mb: ShardMb = None,
    num_workers: Workers = None,
    engine: Engine = None,
    address: Address = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write DAVIS-2017 as the sets davis-train and davis-val, a sample per frame.

    Example: vsda prepare davis --remap coco --classes shared

    Exit code 3 means that some frames failed: SET.report.jsonl in the output folder lists them.
    """
    run_prepare("davis", locals())


@prepare_app.command()
def coco(
    root: Root = None,
    remap: Remap = None,
    classes: Classes = None,
    outside: Outside = None,
    split: Split = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Where masks come from: stuffthingmaps (COCO-Stuff, in ROOT/stuffthingmaps); "
            "instances (ROOT/annotations/instances_SPLIT2017.json) or panoptic "
            "(ROOT/annotations/panoptic_SPLIT2017.json and its folder of PNGs), which number the "
            "objects too. Images that the source does not label are not written.",
            show_default="stuffthingmaps",
        ),
    ] = None,
    out: Out = None,
    shard_mb: ShardMb = None,
    num_workers: Workers = None,
    engine: Engine = None,
    address: Address = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write COCO 2017 as the sets coco-train and coco-val, a sample per image.

    Example: vsda prepare coco --remap coco --classes shared

    Exit code 3 means that some images failed: SET.report.jsonl in the output folder lists them.
    """
    run_prepare("coco", locals())


def run_prepare(dataset: str, arguments: Mapping[str, Any]) -> None:
    """Run a command of `vsda prepare`, or say what it would write, and exit as it ends.

    Args:
        dataset: Name of the dataset.
        arguments: Those of the command, by name.
    """
    from vsda.prepare import plan, prepare

    options, as_json = resolve_options(dataset, arguments), arguments["json"]
    if arguments["dry_run"]:
        planned = plan(dataset, options)
        print_results(planned, [planned_lines(one) for one in planned], as_json=as_json)
        raise typer.Exit(exit_code([(one.num_samples > 0, one.num_failed) for one in planned]))
    reports = prepare(dataset, options)
    print_results(reports, [[report_line(one)] for one in reports], as_json=as_json)
    raise typer.Exit(exit_code([(one.index is not None, one.num_failed) for one in reports]))


def resolve_options(dataset: str, arguments: Mapping[str, Any]) -> "PrepareOptions":
    """Return a command's options: its `arguments`, then the dataset's recipe, then the defaults."""
    from vsda.datasets import get_dataset
    from vsda.prepare import PrepareOptions
    from vsda.recipes.data import DataRecipe, own_options
    from vsda.recipes.load import find_recipe, load_recipe

    data = Path(os.environ.get("VSDA_DATA", "data"))
    folders = {"root": data / dataset, "out": data / "shards"}
    recipe = load_recipe(DataRecipe, find_recipe("data", dataset))
    stated = {name: value for name, value in arguments.items() if value is not None}
    shared = {field.name for field in fields(PrepareOptions)}
    given = {name: value for name, value in stated.items() if name in shared}
    own = own_options(recipe, get_dataset(dataset).options, stated)
    return PrepareOptions(**folders | recipe.options() | given, own=own)
