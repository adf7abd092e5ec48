"""`vsda prepare`: from a dataset's own files to shards."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.errors import ExitCode

if TYPE_CHECKING:
    from vsda.prepare import PlannedSet, PrepareOptions, PrepareReport

prepare_app = typer.Typer(
    no_args_is_help=True,
    help="Write a dataset's images and masks as shards: plain WebDataset tars with an index.",
)

_SHOWN_PER_OUTCOME = 3

Root = Annotated[
    Path | None, typer.Option(help="Folder of the dataset.", show_default="$VSDA_DATA/NAME")
]
Out = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER|URL",
        help="Folder, or URL such as s3://BUCKET/FOLDER, that gets the tars and the index of each "
        "set.",
        show_default="$VSDA_DATA/shards",
    ),
]
Split = Annotated[
    str | None,
    typer.Option(help="train, val, or all for one set each.", show_default="all"),
]
Remap = Annotated[
    str | None,
    typer.Option(
        help="coco: write seg.png with COCO category ids, 0 background, 255 ignore. "
        "none: keep every item, write its mask's own values as inst.png (DAVIS: object ids; "
        "COCO: values of the label map) and no seg.png.",
        show_default="coco",
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="shared (the ten classes that both splits of DAVIS have), all (COCO's 80), or names "
        "or COCO ids such as person,dog. Sequences and images without any are left out.",
        show_default="shared",
    ),
]
Outside = Annotated[
    str | None,
    typer.Option(
        help="What objects of other classes become: background or ignore.",
        show_default="background",
    ),
]
ShardMb = Annotated[
    int | None,
    typer.Option(help="Files of about this many MB go into one tar.", show_default="256"),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Tasks at a time; their number changes nothing in the files.",
        show_default="one per core",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        help="local: processes of this machine. ray: a Ray cluster, whose machines share ROOT, and "
        "OUT unless that is a URL.",
        show_default="local",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="With --engine ray: HOST:PORT of the cluster's head, or auto on one of its machines.",
        show_default="Ray on this machine alone",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what would be written, write nothing, and exit as a run would."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace sets that were made with other settings.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@prepare_app.command()
def davis(
    root: Root = None,
    remap: Remap = None,
    classes: Classes = None,
    outside: Outside = None,
    split: Split = None,
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
    out: Out = None,
    shard_mb: ShardMb = None,
    workers: Workers = None,
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
    given = {
        "root": root,
        "remap": remap,
        "classes": classes,
        "outside": outside,
        "split": split,
        "resolution": resolution,
        "class_map": class_map,
        "out": out,
        "shard_mb": shard_mb,
        "num_workers": workers,
        "engine": engine,
        "address": address,
        "overwrite": overwrite,
    }
    _run("davis", resolve_options("davis", given), dry_run=dry_run, as_json=json)


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
            help="Where masks come from: stuffthingmaps (COCO-Stuff, in ROOT/stuffthingmaps). "
            "Images without a map are not written.",
            show_default="stuffthingmaps",
        ),
    ] = None,
    out: Out = None,
    shard_mb: ShardMb = None,
    workers: Workers = None,
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
    given = {
        "root": root,
        "remap": remap,
        "classes": classes,
        "outside": outside,
        "split": split,
        "labels": labels,
        "out": out,
        "shard_mb": shard_mb,
        "num_workers": workers,
        "engine": engine,
        "address": address,
        "overwrite": overwrite,
    }
    _run("coco", resolve_options("coco", given), dry_run=dry_run, as_json=json)


def resolve_options(dataset: str, given: Mapping[str, Any]) -> "PrepareOptions":
    """Return a command's options: those `given`, then the dataset's recipe, then the defaults."""
    from vsda.prepare import PrepareOptions
    from vsda.recipes.data import DataRecipe
    from vsda.recipes.load import find_recipe, load_recipe

    data = Path(os.environ.get("VSDA_DATA", "data"))
    folders = {"root": data / dataset, "out": data / "shards"}
    recipe = load_recipe(DataRecipe, find_recipe("data", dataset)).options()
    stated = {name: value for name, value in given.items() if value is not None}
    return PrepareOptions(**folders | recipe | stated)


def _run(dataset: str, options: "PrepareOptions", *, dry_run: bool, as_json: bool) -> None:
    from vsda.prepare import plan, prepare

    if dry_run:
        planned = plan(dataset, options)
        _print(planned, [_planned_lines(one) for one in planned], as_json=as_json)
        raise typer.Exit(_exit_code([(one.num_samples > 0, one.num_failed) for one in planned]))
    reports = prepare(dataset, options)
    _print(reports, [[_report_line(one)] for one in reports], as_json=as_json)
    raise typer.Exit(_exit_code([(one.index is not None, one.num_failed) for one in reports]))


def _exit_code(sets: list[tuple[bool, int]]) -> ExitCode:
    """Return the exit code for sets of which each is there or not and lacks so many items."""
    if not any(is_there for is_there, _ in sets):
        return ExitCode.FAILED
    whole = all(is_there and not num_failed for is_there, num_failed in sets)
    return ExitCode.DONE if whole else ExitCode.PARTIAL


def _print(
    results: "list[PrepareReport] | list[PlannedSet]", lines: list[list[str]], *, as_json: bool
) -> None:
    import json

    for result in results:
        _tell(result)
    if as_json:
        print(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        print("\n".join(line for group in lines for line in group))


def _tell(result: "PrepareReport | PlannedSet") -> None:
    """Say on stderr what a user should know of a set: its notes, and its failures by kind."""
    lines = [f"note: {note}" for note in result.notes]
    for outcome in sorted({failure.outcome for failure in result.failures}):
        messages = [row.message for row in result.failures if row.outcome == outcome]
        lines.append(f"{outcome}: {result.outcomes[outcome]} failed")
        lines.extend(f"  {message}" for message in messages[:_SHOWN_PER_OUTCOME])
        if len(messages) > _SHOWN_PER_OUTCOME:
            lines.append(f"  and {len(messages) - _SHOWN_PER_OUTCOME} more")
    sys.stderr.write("".join(f"{result.name}: {line}\n" for line in lines))


def _report_line(report: "PrepareReport") -> str:
    if report.index is None:
        return _nothing_line(report)
    sequences = f"{report.num_sequences} sequences, " if report.num_sequences else ""
    failed = f", {report.num_failed} failed" if report.num_failed else ""
    done = " (up to date)" if report.up_to_date else ""
    return (
        f"{report.name}: {report.num_samples} frames, {sequences}{len(report.class_frames)} "
        f"classes, {report.num_shards} shards, {report.num_bytes / 1e6:.1f} MB{failed}{done}  "
        f"{report.index}"
    )


def _nothing_line(report: "PrepareReport") -> str:
    ending = "the set that is there stays" if report.old_set_stays else "so there is no set"
    return f"{report.name}: nothing could be written ({_counts(report)}), {ending}"


def _counts(result: "PrepareReport | PlannedSet") -> str:
    counts = [f"{count} {name}" for name, count in result.outcomes.items()]
    return ", ".join(counts) or "no items found"


def _planned_lines(planned: "PlannedSet") -> list[str]:
    if not planned.num_samples:
        return [f"{planned.name}: would write nothing ({_counts(planned)})"]
    failed = f", {planned.num_failed} would fail" if planned.num_failed else ""
    sequences = f"{len(planned.sequences)} sequences, " if planned.sequences else ""
    head = (
        f"{planned.name}: would write {planned.num_samples} frames, {sequences}"
        f"{len(planned.class_frames)} classes, {planned.num_shards} shards{failed}"
    )
    by_class = [f"  {name}: {count} frames" for name, count in planned.class_frames.items()]
    by_sequence = [
        f"  {row['name']}: {row['frames']} frames, {', '.join(row['classes']) or 'not remapped'}"
        for row in planned.to_dict()["sequences"]
    ]
    return [head, *by_class, *by_sequence]
