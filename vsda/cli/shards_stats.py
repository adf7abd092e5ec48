"""`vsda shards stats`: what sets hold, one alone or several side by side."""

import string
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.given_sets import Json, Places, bytes_text, open_given
from vsda.cli.table import Column, print_json, print_table
from vsda.errors import UsageError

if TYPE_CHECKING:
    from vsda.shards.balance import SetBalance
    from vsda.shards.index import ShardIndex, ShardSet
    from vsda.shards.stats import ClassStats


def count_sets(
    places: Places = None,
    as_json: Json = False,
    picture: Annotated[
        Path | None, typer.Option(help="PNG to write: bars of each class in each set.")
    ] = None,
) -> None:
    """Show what the sets hold: pixels and frames of each class, and how the sets were made.

    Several sets stand side by side in one table, with the ratio of each share to that in the first
    set; the pixel share of a class is its share in the labelled pixels.

    Example: vsda shards stats data/shards/davis-train
    Example: vsda shards stats data/shards/coco-train data/shards/davis-train --picture classes.png
    """
    sets = open_given(places)
    if picture is not None:
        _write_chart(sets, picture)
    if as_json:
        print_json(_all_stats_json(sets))
        return
    for number, shard_set in enumerate(sets):
        if number:
            typer.echo()
        _print_stats(shard_set, with_classes=len(sets) == 1)
    if len(sets) > 1:
        typer.echo()
        _print_side_by_side(sets)


def _write_chart(sets: "list[ShardSet]", path: Path) -> None:
    import io

    from vsda.shards.balance_picture import balance_picture
    from vsda.storage import write_atomic

    if path.suffix != ".png":
        raise UsageError(f"--picture {path}: written as PNG; give a name that ends in .png")
    data = io.BytesIO()
    balance_picture([shard_set.index for shard_set in sets]).save(data, format="PNG")
    write_atomic(path, data.getvalue())
    typer.echo(path, err=True)


def _all_stats_json(sets: "list[ShardSet]") -> list[dict[str, Any]]:
    from vsda.shards.balance import compare_classes

    rows = compare_classes([shard_set.index for shard_set in sets])
    return [
        _stats_json(shard_set)
        | {
            "class_stats": [
                asdict(stats)
                | {
                    "pixel_ratio": row.pixel_ratios[number],
                    "frame_ratio": row.frame_ratios[number],
                }
                for row in rows
                if (stats := row.stats[number]) is not None
            ]
        }
        for number, shard_set in enumerate(sets)
    ]


def _stats_json(shard_set: "ShardSet") -> dict[str, Any]:
    from vsda.shards.balance import set_balance
    from vsda.shards.stats import summarise

    index = shard_set.index
    return asdict(summarise(index)) | {
        "balance": asdict(set_balance(shard_set)),
        "settings": dict(index.settings),
        "outcomes": dict(index.outcomes),
        "notes": list(index.notes),
        "command": index.command,
        "vsda_version": index.version,
    }


def _print_stats(shard_set: "ShardSet", *, with_classes: bool) -> None:
    from vsda.shards.balance import set_balance
    from vsda.shards.stats import summarise

    index = shard_set.index
    total = summarise(index)
    typer.echo(
        f"{total.name}: {total.num_samples:,} samples, {total.num_sequences:,} sequences, "
        f"{total.num_shards:,} shards, {bytes_text(total.num_bytes)}"
    )
    if with_classes:
        _print_classes(index)
    for line in _balance_lines(set_balance(shard_set)):
        typer.echo(line)
    _print_facts("settings", index.settings)
    _print_facts("outcomes", index.outcomes)
    for note in index.notes:
        typer.echo(f"note: {note}")


def _print_classes(index: "ShardIndex") -> None:
    from vsda.shards.stats import class_stats

    headings = ("pixels", "share", "frames", "sequences")
    rows = [
        [
            str(row.id),
            row.name,
            f"{row.num_pixels:,}",
            _share_text(row.share),
            f"{row.num_frames:,}",
            "-" if row.num_sequences is None else f"{row.num_sequences:,}",
        ]
        for row in class_stats(index)
    ]
    numbers = [Column(heading, is_number=True) for heading in headings]
    print_table([Column("id", is_number=True), Column("class"), *numbers], rows)


def _balance_lines(balance: "SetBalance") -> list[str]:
    lines = []
    if balance.largest_share and balance.smallest_share:
        of = "labelled pixels" if balance.by == "pixels" else "frames"
        line = f"largest class: {balance.largest}, {_share_text(balance.largest_share)} of the {of}"
        if balance.smallest != balance.largest:
            ratio = balance.largest_share / balance.smallest_share
            line += f", {ratio:,.1f} times the smallest, {balance.smallest}"
        lines.append(line)
    if balance.void_share is not None:
        shares = f"background {_share_text(balance.background_share)} of the labelled pixels"
        lines.append(f"{shares}, void {_share_text(balance.void_share)} of all pixels of the masks")
    unlabelled = balance.num_unlabelled
    count = "not known, an .idx cannot be read" if unlabelled is None else f"{unlabelled:,}"
    return [*lines, f"frames without a mask: {count}"]


def _print_side_by_side(sets: "list[ShardSet]") -> None:
    from vsda.shards.balance import compare_classes

    columns = [Column("id", is_number=True), Column("class")]
    letters = [_letter(number) for number in range(len(sets))]
    for number, letter in enumerate(letters):
        headings = [f"{letter} share", f"{letter} frames", f"{letter} sequences"]
        if number:
            headings += [f"{letter}/A share", f"{letter}/A frames"]
        columns += [Column(heading, is_number=True) for heading in headings]
    rows = []
    for row in compare_classes([shard_set.index for shard_set in sets]):
        cells = [str(row.id), row.name]
        for number, stats in enumerate(row.stats):
            cells += _class_cells(stats)
            if number:
                cells += [
                    _ratio_text(row.pixel_ratios[number]),
                    _ratio_text(row.frame_ratios[number]),
                ]
        rows.append(cells)
    print_table(columns, rows)
    names = [f"{x} = {one.index.name}" for x, one in zip(letters, sets, strict=True)]
    typer.echo(
        f"{', '.join(names)}; share: of the labelled pixels; B/A: the share in B, of pixels or of "
        "frames, over that in A"
    )


def _letter(number: int) -> str:
    """Return A, B, ... and Z, A1, B1, ... of the sets in their order."""
    return string.ascii_uppercase[number % 26] + (str(number // 26) if number >= 26 else "")


def _class_cells(stats: "ClassStats | None") -> list[str]:
    if stats is None:
        return ["0", "0", "0"]
    sequences = "-" if stats.num_sequences is None else f"{stats.num_sequences:,}"
    return [_share_text(stats.share), f"{stats.num_frames:,}", sequences]


def _share_text(share: float | None) -> str:
    return "-" if share is None else f"{share:.4%}"


def _ratio_text(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3g}"


def _print_facts(what: str, facts: Any) -> None:
    if facts:
        typer.echo(f"{what}: {', '.join(f'{name} {value}' for name, value in facts.items())}")
