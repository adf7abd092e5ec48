"""`vsda shards resize`, `merge` and `split`: sets made from sets."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ExitCode, UnknownNameError, UsageError

if TYPE_CHECKING:
    from vsda.engine.run import Workers
    from vsda.toolbox.run import MadeSet

Sets = Annotated[
    list[str],
    typer.Argument(
        metavar="SET",
        help="FOLDER/SET, an index file, or a folder or URL of sets.",
        show_default=False,
    ),
]
Out = Annotated[
    str,
    typer.Option(
        metavar="FOLDER|URL",
        help="Folder, or URL such as s3://BUCKET/FOLDER, that gets the result.",
    ),
]
NumWorkers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Shards at a time; their number changes nothing in the files.",
        show_default="one per core",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        help="local: processes of this machine. ray: a Ray cluster, whose machines share the sets "
        "and --out unless those are URLs."
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="With --engine ray: HOST:PORT of the cluster's head, or auto on one of its machines.",
        show_default="Ray on this machine alone",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace sets that were made otherwise.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def resize(
    sets: Sets,
    out: Out,
    short_side: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS", help="The shorter side of the new frames, which keep their shape."
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="The size of the new frames, whatever their shape was; a side that is shorter "
            "already stays.",
        ),
    ] = None,
    quality: Annotated[int, typer.Option(help="Of the new JPEGs, 1 to 95.")] = 90,
    workers: NumWorkers = None,
    engine: Engine = "local",
    address: Address = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write sets again with smaller frames, each under its own name in another folder.

    Frames are never made larger: those that are small enough keep their bytes. Masks get no value
    that was not there; objects smaller than a new pixel may vanish, and a note of the new set says
    in how many frames. Run it again after an interruption: it goes on where it stopped. Exit code
    3 means that some frames could not be read: SET.report.jsonl lists them.

    Example: vsda shards resize data/shards/davis-train --short-side 256 --out data/small
    """
    from vsda.toolbox.resize import resize_sets
    from vsda.toolbox.smaller import Resize

    work = Resize(short_side_px=short_side, size_px=_size(size), quality=quality)
    made = resize_sets(
        sets,
        _checked_out(out),
        work,
        workers=_workers(workers, engine, address),
        overwrite=overwrite,
    )
    _tell(made)
    if as_json:
        print_json([_json(one) | {"source_bytes": _source_bytes(one)} for one in made])
    else:
        for one in made:
            typer.echo(_resized_line(one))
    raise typer.Exit(ExitCode.PARTIAL if any(one.num_failed for one in made) else ExitCode.DONE)


def merge(
    sets: Sets,
    out: Out,
    name: Annotated[str, typer.Option(help="Name of the new set.")],
    workers: NumWorkers = None,
    engine: Engine = "local",
    address: Address = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write one set that holds the samples of several, byte for byte.

    No key and no sequence may be in two of the sets. Dataset and split of the new set are those of
    its parts, joined by '+' where they differ.

    Example: vsda shards merge data/shards/davis-train data/shards/fbms-train --name videos-train
    --out data/merged
    """
    from vsda.toolbox.merge import merge_sets

    made = merge_sets(
        sets,
        _checked_out(out),
        name,
        workers=_workers(workers, engine, address),
        overwrite=overwrite,
    )
    _tell([made])
    if as_json:
        print_json(_json(made))
    else:
        typer.echo(_line(made))


def split(
    place: Annotated[
        str, typer.Argument(metavar="SET", help="FOLDER/SET, an index file or a URL.")
    ],
    out: Out,
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=SHARE,...",
            help="Parts and their shares, such as train=0.9,val=0.1, which add up to 1. A hash of "
            "--seed and its name decides where a sequence goes.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number divides otherwise.")] = 0,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="Lines of sequence, tab, part; in place of --parts."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="What the names of the new sets begin with.",
            show_default="the name of SET without its split",
        ),
    ] = None,
    workers: NumWorkers = None,
    engine: Engine = "local",
    address: Address = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write one set as several, sample for sample byte for byte; no sequence is in two of them.

    The name of the part stands for the split at the end of the name: davis-train becomes
    davis-train and davis-val in the folder --out, and with --name mini mini-train and mini-val.
    Sequences that are added later do not move others. Still images are divided by their keys.

    Example: vsda shards split data/shards/davis-train --parts train=0.9,val=0.1 --out data/split
    """
    from vsda.toolbox.split import Parts, split_set

    made = split_set(
        place,
        _checked_out(out),
        Parts(shares=parts, seed=seed, list_file=list_file, name=name),
        workers=_workers(workers, engine, address),
        overwrite=overwrite,
    )
    _tell(made)
    if as_json:
        print_json([_json(one) for one in made])
        return
    for one in made:
        typer.echo(_line(one))
    _print_balance(made)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    if match is None:
        raise UsageError(f"--size {text!r}: expected WIDTHxHEIGHT, such as 320x240")
    return int(match[1]), int(match[2])


def _checked_out(out: str) -> str:
    from vsda.storage import local_path

    if re.match(r"[a-z0-9+.-]{2,}:/(?!/)", out):
        raise UsageError(f"--out {out}: neither a folder nor a URL such as s3://BUCKET/FOLDER")
    path = local_path(out)
    if path is not None and path.exists() and not path.is_dir():
        raise UsageError(f"--out {out}: a file is in the way; give a folder")
    return out


def _workers(num_workers: int | None, engine: str, address: str | None) -> "Workers":
    from vsda.engine.run import KINDS, Workers

    kind = next((kind for kind in KINDS if kind == engine), None)
    if kind is None:
        raise UnknownNameError("--engine", engine, KINDS)
    if address is not None and kind != "ray":
        raise UsageError(f"--address {address}: is for --engine ray")
    return Workers(kind=kind, num_workers=num_workers, address=address)


def _tell(made: "Sequence[MadeSet]") -> None:
    """Say on stderr what a user should know of new sets."""
    for one in made:
        again = [f"{one.fault}; the set is made again"] if one.fault else []
        for note in [*again, *one.index.notes]:
            sys.stderr.write(f"{one.index.name}: note: {note}\n")


def _line(made: "MadeSet", of: str = "", ending: str = "") -> str:
    index = made.index
    sequences = f"{len(index.sequences):,} sequences, " if index.sequences else ""
    done = " (up to date)" if made.up_to_date else ""
    return (
        f"{index.name}: {index.num_samples:,} frames, {sequences}{len(index.shards):,} shards, "
        f"{made.num_bytes / 1e6:.1f}{of} MB{ending}{done}  {made.place}"
    )


def _resized_line(made: "MadeSet") -> str:
    source_bytes = _source_bytes(made)
    failed = f", {made.num_failed} failed" if made.num_failed else ""
    return _line(
        made,
        f" of {source_bytes / 1e6:.1f}",
        f", {source_bytes / made.num_bytes:.1f} times less to read{failed}",
    )


def _json(made: "MadeSet") -> dict[str, Any]:
    index = made.index
    return {
        "name": index.name,
        "index": str(made.place),
        "up_to_date": made.up_to_date,
        "dataset": index.dataset,
        "split": index.split,
        "samples": index.num_samples,
        "sequences": len(index.sequences),
        "shards": len(index.shards),
        "bytes": made.num_bytes,
        "class_frames": _class_frames(made),
        "outcomes": dict(index.outcomes),
        "notes": list(index.notes),
        "settings": dict(index.settings),
    }


def _source_bytes(made: "MadeSet") -> int:
    return int(made.index.settings["resize"]["source_bytes"])


def _class_frames(made: "MadeSet") -> dict[str, int]:
    """Return class name to number of frames that show it, background and void left out."""
    from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, class_names

    names = class_names()
    return {
        names.get(coco_id, f"id {coco_id}"): count
        for coco_id, count in made.index.class_frames.items()
        if coco_id not in {BACKGROUND_ID, IGNORE_INDEX}
    }


def _print_balance(made: "Sequence[MadeSet]") -> None:
    """Print how many frames of each part show each class."""
    counts = [_class_frames(one) for one in made]
    names = sorted({name for count in counts for name in count})
    if not names:
        return
    columns = [Column(one.index.name, is_number=True) for one in made]
    rows = [[name, *(f"{count.get(name, 0):,}" for count in counts)] for name in names]
    print_table([Column("frames with"), *columns], rows)
