"""`vsda coco-counts`: how many images of COCO hold the classes of the video datasets."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ExitCode

if TYPE_CHECKING:
    from vsda.datasets.coco.counts import Counted

_SPLITS = ("train", "val")


def coco_counts(
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder of COCO, with annotations/instances_{train,val}2017.json.",
            show_default="$VSDA_DATA/coco",
        ),
    ] = None,
    maps: Annotated[
        bool,
        typer.Option("--maps", help="Also count by COCO-Stuff's label maps, which takes minutes."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Count the images of COCO that hold a class shared with DAVIS or FBMS, beside the paper's.

    Example: vsda coco-counts --root data/coco

    A figure that the paper leaves open is read in several ways. Exit code 3 means that a figure
    comes out in none of them.
    """
    from vsda.datasets.coco.counts import compare, count_split, figures_met

    folder = root or Path(os.environ.get("VSDA_DATA", "data")) / "coco"
    splits = {split: count_split(folder, split, with_maps=maps) for split in _SPLITS}
    counted = compare(splits)
    met = {" ".join(figure): is_met for figure, is_met in figures_met(counted).items()}
    num_faults = {split: len(found.faults) for split, found in splits.items()}
    if as_json:
        rows = [_document(row) for row in counted]
        print_json({"readings": rows, "met": met, "broken_images": num_faults})
    else:
        _print(counted, met, num_faults)
    raise typer.Exit(ExitCode.DONE if all(met.values()) else ExitCode.PARTIAL)


def _print(
    counted: Sequence["Counted"], met: Mapping[str, bool], num_faults: Mapping[str, int]
) -> None:
    ways = list(counted[0].found)
    columns = [Column("shared with"), Column("reading"), Column("paper", is_number=True)]
    rows = [
        [
            row.published.video,
            f"{row.published.reading}: {'+'.join(row.published.splits)}",
            str(row.published.num_images),
            *(_beside(row.found[way], row.published.num_images) for way in ways),
        ]
        for row in counted
    ]
    print_table([*columns, *(Column(way, is_number=True) for way in ways)], rows)
    for figure, is_met in met.items():
        typer.echo(f"{figure}: {'the paper says the same' if is_met else 'no reading gives it'}")
    for split, number in num_faults.items():
        if number:
            typer.echo(f"{split}: {number} images have broken annotations")


def _beside(found: int, published: int) -> str:
    difference = found - published
    return f"{found} (equal)" if not difference else f"{found} ({difference:+d})"


def _document(row: "Counted") -> dict[str, object]:
    return {
        "video": row.published.video,
        "figure": row.published.figure,
        "reading": row.published.reading,
        "splits": row.published.splits,
        "classes": row.published.class_names,
        "paper": row.published.num_images,
        "found": dict(row.found),
        "is_met": row.is_met,
    }
