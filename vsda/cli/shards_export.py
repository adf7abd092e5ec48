"""`vsda shards export`: sets as files of images and masks that other programs read."""

from dataclasses import asdict
from typing import Annotated

import typer

from vsda.cli.table import print_json


def export(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="SET...",
            help="Folder or URL of shards (all sets in it), FOLDER/SET or an index file.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|URL",
            help="Folder, or URL such as s3://BUCKET/FOLDER, that becomes the export.",
        ),
    ],
    layout: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="LAYOUT",
            help="folder: images/, masks/ with COCO ids, instances/, facts/ and classes.csv. "
            "coco-panoptic, coco-instances: images and annotations as COCO has them. "
            "davis: JPEGImages, Annotations, ImageSets as DAVIS-2017 has them, and objects.tsv.",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            help="Name of the split in the layout: <split>2017, ImageSets/2017/<split>.txt.",
            show_default="that of each sample",
        ),
    ] = None,
    sequence: Annotated[
        list[str] | None,
        typer.Option(help="Only this sequence, such as bear; may be given several times."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an older export; nothing else is ever replaced."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write sets as plain files in a layout that other programs read.

    Images keep their bytes. The export is complete or not there; on a URL its .vsda-export.json
    says so. What the layout cannot hold is told on stderr.

    Example: vsda shards export data/shards/davis-val --as coco-panoptic --out davis-as-coco
    """
    from typing import cast

    from vsda.toolbox.export import ExportOptions, LayoutName, export_sets

    options = ExportOptions(
        out=out,
        layout=cast("LayoutName", layout),
        split=split,
        sequences=tuple(sequence or ()),
        overwrite=overwrite,
    )
    report = export_sets(places, options)
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    if as_json:
        print_json(asdict(report))
        return
    typer.echo(
        f"{report.out}: {report.frames:,} frames of {report.sequences:,} sequences, "
        f"{report.segments:,} segments, {report.files:,} files ({report.layout})"
    )
