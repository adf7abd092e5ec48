"""`vsda prepare fbms`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vsda.cli.prepare import resolve_options, run_prepare
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
from vsda.errors import ExitCode


def fbms(
    root: Root = None,
    remap: Remap = None,
    classes: Classes = None,
    outside: Outside = None,
    split: Split = None,
    frames: Annotated[
        str | None,
        typer.Option(
            help="labelled: the frames with a ground truth. all: every frame of a sequence; those "
            "without one have no seg.png.",
            show_default="labelled",
        ),
    ] = None,
    certainty: Annotated[
        str | None,
        typer.Option(
            help="Which rows of the table of regions are used. seen: somebody looked at the "
            "region. name: the sequence's name says it, too. unsure: all. Other regions become "
            "255, ignore.",
            show_default="name",
        ),
    ] = None,
    class_map: Annotated[
        Path | None,
        typer.Option(
            help="Tab-separated table with the columns split, sequence, region, category, class, "
            "certainty, to use in place of the built-in table of regions; --review makes one.",
            show_default="manifests/fbms/regions.tsv",
        ),
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write no shards, but a page that shows every region beside its row of the table, "
            "and gives back the table as you correct it.",
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
    """Write FBMS-59 as the sets fbms-train and fbms-test, a sample per frame.

    The dataset has no classes. A table of this project says which class each region has and how
    that is known; look at the regions with --review before you rely on it.

    Example: vsda prepare fbms --remap coco

    Example: vsda prepare fbms --review regions.html

    Exit code 3 means that some frames failed: SET.report.jsonl in the output folder lists them.
    """
    if review is None:
        run_prepare("fbms", locals())
    else:
        _review(review, locals())


def _review(page: Path, arguments: Mapping[str, Any]) -> None:
    """Write the page about the regions of the splits that are asked for, and exit as it ends."""
    import json

    from vsda.datasets import get_dataset
    from vsda.pages.fbms_review import review_fbms
    from vsda.prepare.options import requests

    options = resolve_options("fbms", arguments)
    done = review_fbms(requests(get_dataset("fbms"), options), page)
    for failure in done.failures:
        typer.echo(f"{failure.outcome}: {failure.message}", err=True)
    counts = {"regions": done.page.num_regions, "unsettled": done.page.num_unsettled}
    if arguments["json"]:
        facts = {"page": done.page.path, "bytes": done.page.size_bytes, **counts}
        print(json.dumps(facts | {"failed": len(done.failures)}, indent=2))
    else:
        print(
            f"{counts['regions']} regions, {counts['unsettled']} that nobody has looked at  {page}"
        )
    whole = ExitCode.PARTIAL if done.failures else ExitCode.DONE
    raise typer.Exit(whole if done.page.num_regions else ExitCode.FAILED)
