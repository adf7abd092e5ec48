"""The options that all commands of `vsda prepare` share."""

from pathlib import Path
from typing import Annotated

import typer

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
    typer.Option(help="Name of a split, or all for one set each.", show_default="all"),
]
Remap = Annotated[
    str | None,
    typer.Option(
        help="coco: write seg.png with COCO category ids, 0 background, 255 ignore. "
        "none: keep every item, write its mask's own values as inst.png (such as DAVIS's object "
        "ids) and no seg.png.",
        show_default="coco",
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="shared (the classes that both splits of the video dataset have: DAVIS's ten, FBMS's "
        "four), shared:davis, shared:fbms..., all (COCO's 80), or names or COCO ids such as "
        "person,dog. Sequences and images without any are left out.",
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
        "--workers",
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
