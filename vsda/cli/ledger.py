"""`vsda ledger`: publish which videos of a set could be had, and compare two such tables."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ShardError

if TYPE_CHECKING:
    from vsda.fetch.ledger import Change, Comparison

ledger_app = typer.Typer(
    no_args_is_help=True,
    help="Tables of which videos could be had and when: ids and dates, no media.",
)

_IDS_SHOWN = 3
Json = Annotated[bool, typer.Option("--json", help="Print JSON with every id.")]


@ledger_app.command("export")
def export(
    place: Annotated[
        str,
        typer.Argument(
            metavar="PLACE", help="A set made from videos: FOLDER/SET, its index, or its folder."
        ),
    ],
    out: Annotated[str, typer.Option(help="File or URL to write.")],
) -> None:
    """Write what became of each video of a set as a table that can be published.

    Example: vsda ledger export data/shards/ytbb-train --out ytbb-train.ledger.tsv
    """
    from vsda.fetch.ledger import write_ledger
    from vsda.fetch.rows import load_rows
    from vsda.shards.index import open_set
    from vsda.storage import exists

    shard_set = open_set(place)
    name, report = shard_set.index.name, shard_set.place(f"{shard_set.index.name}.report.jsonl")
    if not exists(report):
        raise ShardError(f"{report}: not there; only sets that 'vsda fetch' makes have a ledger")
    rows = load_rows(report)
    if not rows:
        raise ShardError(f"{report}: holds no videos; only sets made from videos have a ledger")
    write_ledger(out, rows, set_name=name, split=shard_set.index.split)
    typer.echo(out)


@ledger_app.command("compare")
def compare_ledgers(
    first: Annotated[Path, typer.Argument(metavar="A", help="The earlier ledger.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The later ledger.")],
    as_json: Json = False,
) -> None:
    """Tell which videos are newly gone, have come back, or changed otherwise from A to B.

    Example: vsda ledger compare january.tsv june.tsv
    """
    from vsda.fetch.ledger import compare, read_ledger

    comparison = compare(read_ledger(first), read_ledger(second))
    if as_json:
        print_json(asdict(comparison))
    else:
        _print(comparison)


def _print(comparison: "Comparison") -> None:
    rows = [
        *_change_rows("newly gone", comparison.newly_gone),
        *_change_rows("come back", comparison.come_back),
        *_change_rows("changed", comparison.changed),
        *_id_rows("only in A", comparison.only_in_first),
        *_id_rows("only in B", comparison.only_in_second),
        ["same", "", "", str(comparison.num_same), ""],
    ]
    columns = [Column("what"), Column("before"), Column("after")]
    print_table([*columns, Column("videos", is_number=True), Column("such as")], rows)


def _change_rows(what: str, changes: "tuple[Change, ...]") -> list[list[str]]:
    """Return a row for each pair of outcomes, the most frequent first."""
    pairs = Counter((change.before, change.after) for change in changes)
    return [
        [
            what,
            before.value,
            after.value,
            str(count),
            _some([one.youtube_id for one in changes if (one.before, one.after) == pair]),
        ]
        for pair, count in pairs.most_common()
        for before, after in (pair,)
    ]


def _id_rows(what: str, ids: tuple[str, ...]) -> list[list[str]]:
    return [[what, "", "", str(len(ids)), _some(list(ids))]] if ids else []


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:_IDS_SHOWN]) + (", ..." if len(ids) > _IDS_SHOWN else "")
