"""What the commands on sets of shards share: which sets are meant, and sizes as text."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vsda.shards.index import ShardSet

Places = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PLACE",
        help="Folder or URL of shards, FOLDER/SET or an index file. Default: $VSDA_DATA/shards.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def given_places(places: list[str] | None) -> list[str]:
    """Return the places that were given, or that of all sets."""
    return places or [str(Path(os.environ.get("VSDA_DATA", "data")) / "shards")]


def open_given(places: list[str] | None) -> "list[ShardSet]":
    """Return the sets at the places that were given."""
    from vsda.shards.index import open_sets

    return [shard_set for place in given_places(places) for shard_set in open_sets(place)]


def bytes_text(num_bytes: int) -> str:
    """Return a size as people read it."""
    size, units = float(num_bytes), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.1f} {units[0]}" if units[0] != "B" else f"{num_bytes} B"
