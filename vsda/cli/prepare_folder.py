"""`vsda prepare folder`: from anybody's own images, masks and videos to shards."""

from pathlib import Path
from typing import Annotated

import typer

from vsda.cli.prepare import run_prepare
from vsda.cli.prepare_options import (
    Address,
    DryRun,
    Engine,
    Json,
    Out,
    Outside,
    Overwrite,
    Remap,
    ShardMb,
    Workers,
)

_BELOW_ROOT = "below ROOT unless absolute."


def folder(
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of your files.", show_default="$VSDA_DATA/folder"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the dataset: sets are called NAME-SPLIT.", show_default="that of ROOT"
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Any name; it says of which split all these files are.", show_default="train"
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the images, each of its folders a sequence of frames in the order of "
            f"their numbers, images directly in it still ones; {_BELOW_ROOT} JPEGs are kept byte "
            "for byte unless their Exif data turns them, other pictures become JPEGs of quality "
            "95. With --images alone no videos are looked for.",
            show_default="images, else ROOT itself",
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the masks: PNGs with the paths of their images. Images without one are "
            f"written unlabelled; {_BELOW_ROOT}",
            show_default="masks, if there",
        ),
    ] = None,
    class_map: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|coco|voc",
            help="What mask values mean: a CSV or TSV table with the columns value (0 to 255, or "
            "colours such as #80ff00) and class (one of COCO's, background, ignore, or - for what "
            "COCO lacks), and sequence where values differ by it (* for all). Or coco or voc where "
            "values are the ids of COCO or Pascal VOC.",
        ),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder of videos, each a sequence; {_BELOW_ROOT} With --videos alone no images "
            "are looked for.",
            show_default="videos, else ROOT itself",
        ),
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(
            metavar="N|N/D|native",
            help="How often a second a video is looked at, as a player shows it; native for each "
            "frame of the file at its own time.",
            show_default="30",
        ),
    ] = None,
    short_side: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="Make frames of videos smaller to this many pixels on the short side, never "
            "larger; 0 keeps their size. For images: vsda shards resize.",
            show_default="0",
        ),
    ] = None,
    still: Annotated[
        bool | None,
        typer.Option("--still", help="Every image is one by itself, whatever folder it lies in."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The licence of your files, for the index.")
    ] = None,
    remap: Remap = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="all (COCO's 80), shared (DAVIS's ten), shared:fbms..., or names or COCO ids such "
            "as person,dog. Sequences and still images that are labelled without any of them are "
            "left out.",
            show_default="all",
        ),
    ] = None,
    outside: Outside = None,
    out: Out = None,
    shard_mb: ShardMb = None,
    num_workers: Workers = None,
    engine: Engine = None,
    address: Address = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write your own images, masks and videos as the set NAME-SPLIT, a sample per frame.

    Example: vsda prepare folder --root my-films --fps 10 --short-side 256

    Example: vsda prepare folder --root my-frames --class-map my-frames/classes.csv

    A damaged video costs itself alone, and nothing of it is written. Exit code 3 means that some
    items failed: SET.report.jsonl in the output folder lists them.
    """
    run_prepare("folder", locals())
