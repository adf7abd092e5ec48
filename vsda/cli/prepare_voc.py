"""`vsda prepare voc`: Pascal VOC 2012 to shards."""

from typing import Annotated

import typer

from vsda.cli.prepare import run_prepare
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
    Workers,
)


def voc(
    root: Root = None,
    remap: Remap = None,
    classes: Classes = None,
    outside: Outside = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val, trainval, all for train and val, or unlabelled for images without "
            "their masks.",
            show_default="all",
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            help="With --split unlabelled: jpegs for all of JPEGImages, segmentation for the "
            "images of the segmentation task.",
            show_default="jpegs",
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
    """Write Pascal VOC 2012 as the sets voc-train and voc-val, a sample per image.

    Example: vsda prepare voc --split unlabelled

    Exit code 3 means that some images failed: SET.report.jsonl in the output folder lists them.
    """
    run_prepare("voc", locals())
