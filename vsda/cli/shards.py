"""`vsda shards`: list, verify, count and show sets of shards; take videos out of them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.given_sets import Json, Places, bytes_text, given_places, open_given
from vsda.cli.shards_stats import count_sets
from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ExitCode, UsageError, VsdaError

if TYPE_CHECKING:
    from vsda.acquire.withdraw_videos import Withdrawal
    from vsda.pages.choose import Wish
    from vsda.shards.index import ShardSet
    from vsda.shards.stats import SetSummary
    from vsda.shards.verify import Verdict

shards_app = typer.Typer(
    no_args_is_help=True,
    help="Work with sets of shards: plain WebDataset tars beside an index that proves them whole.",
)


@shards_app.command("list")
def list_sets(places: Places = None, as_json: Json = False) -> None:
    """List the sets with their size.

    A set whose index is damaged is told on stderr, and the exit status is 1.

    Example: vsda shards list data/shards
    """
    from vsda.shards.stats import summarise

    sets, mistakes = _open_sound(places)
    summaries = [summarise(shard_set.index) for shard_set in sets]
    if as_json:
        print_json([asdict(summary) for summary in summaries])
    else:
        _print_summaries(summaries)
    for mistake in mistakes:
        typer.echo(f"vsda: {mistake}", err=True)
    if mistakes:
        raise typer.Exit(ExitCode.FAILED)


@shards_app.command("verify")
def verify_sets(places: Places = None, as_json: Json = False) -> None:
    """Read every byte of the sets and name each file that is not what was written.

    Found are missing, cut, changed, swapped and additional files and what an interrupted run left.
    Exit status 1 when there is any problem.

    Example: vsda shards verify data/shards/davis-train
    """
    from vsda.shards.verify import verify_place

    verdicts = [verdict for place in given_places(places) for verdict in verify_place(place)]
    if as_json:
        print_json([_verdict_json(verdict) for verdict in verdicts])
    else:
        for verdict in verdicts:
            _print_verdict(verdict)
    if any(verdict.problems for verdict in verdicts):
        raise typer.Exit(ExitCode.FAILED)


shards_app.command("stats")(count_sets)


@shards_app.command("show")
def show_sets(
    places: Places = None,
    out: Annotated[
        Path, typer.Option(help="PNG to write; with several sets, one <out>-<set>.png for each.")
    ] = Path("sheet.png"),
    html: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write this one HTML file, or URL, instead of a PNG; all sets stand on it.",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Samples of a set, evenly spread over it. Default: 24, on a page 200.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[int, typer.Option(min=1, help="Pictures in a row of the PNG.")] = 6,
    sequence: Annotated[
        list[str] | None,
        typer.Option(help="With --html: all frames of this sequence; may be given several times."),
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="With --html: only samples that show it; may be given several times."
        ),
    ] = None,
    max_side: Annotated[
        int, typer.Option(min=32, help="With --html: longest side of a picture, in pixels.")
    ] = 640,
    as_json: Json = False,
) -> None:
    """Draw a contact sheet, or with --html a page to leap through: pictures, masks, boxes, facts.

    The page is one file that needs no server and no network. It shows 200 samples of each set: each
    sequence and each class among them, as far as that many can. Exit code 3 means that it lacks
    samples that cannot be read; it names them.

    Example: vsda shards show data/shards/davis-train --out davis.png
    Example: vsda shards show data/shards --html sets.html --class dog --class cat
    """
    sets = open_given(places)
    if html is not None:
        _write_page(sets, html, _wish(samples, sequence, class_), max_side, as_json=as_json)
        return
    if sequence or class_ or as_json:
        raise UsageError("--sequence, --class and --json are for pages; add --html FILE")
    _write_sheets(sets, out, samples or 24, columns)


def _write_sheets(sets: "list[ShardSet]", out: Path, samples: int, columns: int) -> None:
    import io

    from vsda.shards.sheet import contact_sheet
    from vsda.storage import write_atomic

    if out.suffix != ".png":
        raise UsageError(f"--out {out}: a sheet is written as PNG; give a name that ends in .png")
    _check_names_differ(sets)
    for shard_set in sets:
        name = f"{out.stem}-{shard_set.index.name}.png"
        path = out if len(sets) == 1 else out.with_name(name)
        data = io.BytesIO()
        contact_sheet(shard_set, samples, columns).save(data, format="PNG")
        write_atomic(path, data.getvalue())
        typer.echo(path)


def _wish(samples: int | None, sequences: list[str] | None, classes: list[str] | None) -> "Wish":
    from vsda.pages.choose import Wish
    from vsda.taxonomy import class_set

    chosen = class_set(",".join(classes)).ids if classes else ()
    return Wish(num_samples=samples or 200, sequences=tuple(sequences or ()), classes=chosen)


def _write_page(
    sets: "list[ShardSet]", html: str, wish: "Wish", max_side_px: int, *, as_json: bool
) -> None:
    from vsda.pages.browse import write_browser

    page = write_browser(sets, html, wish, max_side_px=max_side_px)
    unread = [line for one in page.sets for line in one.unread]
    for line in unread:
        typer.echo(f"vsda: {line}", err=True)
    if as_json:
        print_json(asdict(page))
    else:
        typer.echo(page.path)
        shown = [f"{one.num_shown:,} of {one.num_samples:,} of {one.name}" for one in page.sets]
        typer.echo(f"{bytes_text(page.size_bytes)}, samples: {', '.join(shown)}", err=True)
    if unread:
        raise typer.Exit(ExitCode.PARTIAL)


@shards_app.command("remove")
def remove_from_sets(
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="Folder or URL of shards, or FOLDER/SET.")
    ],
    video: Annotated[
        list[str] | None,
        typer.Option(
            help="YouTube id; may be given several times. Write --video=ID for one that starts "
            "with a dash."
        ),
    ] = None,
    sequence: Annotated[
        list[str] | None,
        typer.Option(help="Name of a sequence, such as bear; may be given several times."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take videos or sequences out of sets, and everything that is kept of them.

    The frames of a video go from its shards, and so do its original beside the set and what a fetch
    left unfinished; its row becomes 'withdrawn', so that no fetch asks for it again. Run the
    command again when it was interrupted. Exit status 1 when no set has what is named.

    Example: vsda shards remove data/shards --video FcmfoPqPxB8
    """
    from vsda.acquire.withdraw import withdraw

    done = withdraw(place, videos=video or [], sequences=sequence or [], dry_run=dry_run)
    if as_json:
        print_json([asdict(one) for one in done])
        return
    for one in done:
        _print_withdrawal(one, "would be removed" if dry_run else "removed")


def _print_withdrawal(done: "Withdrawal", verb: str) -> None:
    if done.names:
        typer.echo(
            f"{done.set_name}: {', '.join(done.names)}: {verb}: {done.num_frames:,} frames in "
            f"{len(done.sequences)} sequences of {done.num_shards} shards, {done.num_files} other "
            "files"
        )
    if done.already:
        typer.echo(f"{done.set_name}: {', '.join(done.already)}: removed before")


def _check_names_differ(sets: "list[ShardSet]") -> None:
    """Refuse two sets of one name, since the second sheet would take the place of the first."""
    folders: dict[str, str] = {}
    for shard_set in sets:
        name = shard_set.index.name
        if name in folders:
            raise UsageError(
                f"the set {name} is given twice ({folders[name]}, {shard_set.folder}), but a sheet "
                "has the name of its set; show one of them at a time, each with its own --out"
            )
        folders[name] = shard_set.folder


def _open_sound(places: list[str] | None) -> "tuple[list[ShardSet], list[VsdaError]]":
    """Return the sets whose index is sound, and what is wrong with the others."""
    from vsda.shards.index import find_indexes, open_set

    sets: list[ShardSet] = []
    mistakes: list[VsdaError] = []
    for index in [index for place in given_places(places) for index in find_indexes(place)]:
        try:
            sets.append(open_set(index))
        except VsdaError as error:
            mistakes.append(error)
    return sets, mistakes


def _print_summaries(summaries: "list[SetSummary]") -> None:
    headings = ("shards", "samples", "sequences", "classes", "size")
    columns = [Column("set"), Column("dataset"), Column("split")]
    rows = [
        [
            row.name,
            row.dataset,
            row.split,
            f"{row.num_shards:,}",
            f"{row.num_samples:,}",
            f"{row.num_sequences:,}",
            f"{row.num_classes:,}",
            bytes_text(row.num_bytes),
        ]
        for row in summaries
    ]
    print_table(columns + [Column(heading, is_number=True) for heading in headings], rows)


def _verdict_json(verdict: "Verdict") -> dict[str, Any]:
    problems = [asdict(problem) for problem in verdict.problems]
    return {"place": verdict.place, "whole": not problems, "problems": problems}


def _print_verdict(verdict: "Verdict") -> None:
    for problem in verdict.problems:
        typer.echo(f"{problem.shard}: {problem.kind}: {problem.message}")
    if verdict.shard_set is not None and not verdict.problems:
        index = verdict.shard_set.index
        typer.echo(
            f"{index.name}: whole, {index.num_samples} samples in {len(index.shards)} shards"
        )
