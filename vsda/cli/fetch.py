"""`vsda fetch`: archives of datasets, and YouTube-BoundingBoxes as shards at 30 fps."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.archives import coco, davis, fbms, voc
from vsda.cli.fetch_watch import watch, words
from vsda.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from vsda.acquire.estimate import Estimate
    from vsda.acquire.options import AcquireOptions
    from vsda.acquire.run import AcquireReport
    from vsda.recipes.fetch import FetchRecipe

fetch_app = typer.Typer(
    no_args_is_help=True,
    help="Download datasets: archives as they are, videos straight into shards.",
)
for archive_command in (davis, coco, fbms, voc):
    fetch_app.command()(archive_command)

_SECONDS_PER_HOUR = 3600.0


@fetch_app.command()
def ytbb(
    classes: Annotated[
        str | None,
        typer.Option(
            help="shared (the seven that DAVIS shares), all (the 23 named ones), or names or COCO "
            "ids such as person,dog.",
            show_default="shared",
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="train or val.", show_default="train")] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL (such as s3://bucket/shards) that gets the tars and the index.",
            show_default="$VSDA_DATA/shards",
        ),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="Rows as CSV or CSV.gz; fetched to $VSDA_DATA/ytbb where none is given.",
            show_default="yt_bb_detection_SPLIT.csv.gz",
        ),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL with <youtube_id>.mp4, .webm or .mkv, to take in place of YouTube."
        ),
    ] = None,
    span: Annotated[
        str | None,
        typer.Option(
            help="annotated: from the first row of a segment to its last; full: whole videos.",
            show_default="annotated",
        ),
    ] = None,
    short_side: Annotated[
        int | None,
        typer.Option(
            help="Make frames smaller to this many pixels on the short side, never larger; 0 keeps "
            "their size.",
            show_default="256",
        ),
    ] = None,
    jpeg_quality: Annotated[
        int | None, typer.Option(help="Of the frames, 1 to 95.", show_default="90")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Only so many videos; a larger number goes on with the same set."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Order of the videos: which ones --limit takes.", show_default="0"),
    ] = None,
    videos_per_shard: Annotated[
        int | None, typer.Option(help="Videos of one tar.", show_default="16")
    ] = None,
    decoder: Annotated[
        str | None,
        typer.Option(
            help="decord (and PyAV for what decord cannot read right), or pyav.",
            show_default="decord",
        ),
    ] = None,
    keep_videos: Annotated[
        bool,
        typer.Option(
            "--keep-videos",
            help="Keep the files as they came in OUT/SET-videos, and look there first.",
        ),
    ] = False,
    retry: Annotated[
        str | None,
        typer.Option(
            help="Outcomes to ask for again although they count as final, such as gone,private; "
            "those that may change by themselves are asked for again anyway."
        ),
    ] = None,
    skip_gone: Annotated[
        Path | None,
        typer.Option(help="Ledger of somebody else: do not ask for what it calls dead."),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option(help="Write which videos could be had and which not, without media, here."),
    ] = None,
    per_hour: Annotated[
        float | None,
        typer.Option(
            help="Most videos asked for in an hour, over all workers; 0 for no limit.",
            show_default="250; a mirror: 0",
        ),
    ] = None,
    pause_min: Annotated[
        float | None,
        typer.Option(help="Minutes that the whole run waits when throttled.", show_default="60"),
    ] = None,
    max_pauses: Annotated[
        int | None,
        typer.Option(
            help="Pauses in a row after which the run stops with exit code 75.", show_default="3"
        ),
    ] = None,
    cookies: Annotated[
        Path | None,
        typer.Option(help="Cookies of a YouTube session, Netscape format; read, never written."),
    ] = None,
    proxy: Annotated[str | None, typer.Option(help="Proxy to ask YouTube through.")] = None,
    engine: Annotated[
        str, typer.Option(help="local: processes of this machine; ray: a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster: auto, or host:port.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes; their number changes nothing in the files.",
            show_default="one per core",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="i/n: only every n-th shard from the i-th on (0 to n-1), for the jobs of an "
            "array; a last run without --task writes the index."
        ),
    ] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(help="Local folder for videos on their way.", show_default="beside the set"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change any setting of pipelines/fetch/ytbb.toml, such as attempts=5; may be "
            "repeated.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a set that was made with other settings.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say how many videos, how long, how many bytes; no request."
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print events, and at the end the result, as JSON lines.")
    ] = False,
) -> None:
    """Make shards of YouTube-BoundingBoxes: download, decode at 30 fps, boxes with the frames.

    Example: vsda fetch ytbb --classes shared --limit 100

    Run it again to go on: dead videos are not asked for again, half-done work is not lost. Exit
    codes: 0 all videos are there, 3 some are not (SET.report.jsonl says why), 75 throttled.
    """
    recipe = _recipe(
        {
            "classes": classes,
            "split": split,
            "span": span,
            "short_side_px": short_side,
            "jpeg_quality": jpeg_quality,
            "seed": seed,
            "videos_per_shard": videos_per_shard,
            "decoder": decoder,
            "videos_per_hour": per_hour,
            "pause_s": None if pause_min is None else pause_min * 60,
            "max_pauses": max_pauses,
        },
        [*(() if mirror is None else ("videos_per_hour=0.0",)), *(settings or ())],
    )
    from vsda.storage import to_place

    data = Path(os.environ.get("VSDA_DATA", "data"))
    place = str(to_place(out or str(data / "shards")))
    _check(limit, workers, engine, address)
    if overwrite and task is not None:
        raise UsageError("--overwrite is for the whole set: run it once without --task")
    if mirror is None and not dry_run:
        _preflight(place, cookies)
    rows = annotations or _annotations(data / "ytbb", recipe.split, may_fetch=not dry_run)
    options = _options(
        recipe,
        annotations=rows,
        out=place,
        mirror=mirror,
        youtube={"cookies": cookies, "proxy": proxy},
        keep_videos=keep_videos,
        limit=limit,
        retry=_outcomes(retry),
        skip=_known_dead(skip_gone),
        task=_task(task),
        scratch=scratch,
        overwrite=overwrite,
        engine=engine,
        address=address,
        num_workers=workers,
    )
    if dry_run:
        _print_estimate(options, as_json=json)
        return
    raise typer.Exit(_run(options, ledger, as_json=json))


def _annotations(folder: Path, split: str, *, may_fetch: bool) -> Path:
    from vsda.acquire.annotations import find_annotations

    return find_annotations(folder, split, may_fetch=may_fetch)


def _preflight(out: str, cookies: Path | None) -> None:
    """Look before the first request; raise what would fail every video."""
    from vsda.doctor.preflight import preflight

    for check in preflight(needs_youtube=True, out=out, cookies=cookies):
        if check.state != "ok":
            sys.stderr.write(f"{check.state}: {check.name}: {check.found}; {check.mend}\n")


def _recipe(given: Mapping[str, Any], settings: list[str]) -> "FetchRecipe":
    from vsda.recipes.fetch import FetchRecipe
    from vsda.recipes.load import find_recipe, load_recipe

    stated = [f"{name}={_toml(value)}" for name, value in given.items() if value is not None]
    return load_recipe(FetchRecipe, find_recipe("fetch", "ytbb"), [*settings, *stated])


def _toml(value: object) -> str:
    """Return a value as TOML writes it; JSON writes strings and numbers alike."""
    import json

    return json.dumps(value)


def _check(limit: int | None, workers: int | None, engine: str, address: str | None) -> None:
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, got {limit}")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1, got {workers}")
    if engine not in {"local", "ray"}:
        raise UsageError(f"--engine must be local or ray, got {engine!r}")
    if address is not None and engine != "ray":
        raise UsageError("--address is for --engine ray")


def _task(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, slash, step = text.partition("/")
    if not (slash and first.isdecimal() and step.isdecimal() and int(first) < int(step)):
        raise UsageError(f"--task {text}: expected i/n with i from 0 to n-1, such as 0/16")
    return int(first), int(step)


def _outcomes(text: str | None) -> "frozenset[Any]":
    from vsda.errors import Outcome, UnknownNameError
    from vsda.fetch.policy import POLICIES

    done = (Outcome.OK, Outcome.WITHDRAWN)
    known = {outcome.value for outcome in POLICIES if outcome not in done}
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise UnknownNameError("outcome for --retry", name, known)
    return frozenset(Outcome(name) for name in names)


def _known_dead(ledger: Path | None) -> frozenset[str]:
    if ledger is None:
        return frozenset()
    from vsda.fetch.ledger import known_dead, read_ledger

    return frozenset(known_dead(read_ledger(ledger)))


def _options(
    recipe: "FetchRecipe",
    *,
    out: str,
    mirror: str | None,
    youtube: Mapping[str, Any],
    keep_videos: bool,
    **others: Any,
) -> "AcquireOptions":
    from vsda.acquire.layout import Layout
    from vsda.acquire.options import AcquireOptions, Source
    from vsda.fetch.youtube import YoutubeOptions

    content = recipe.content()
    return AcquireOptions(
        split=recipe.split,
        out=out,
        content=content,
        source=Source(
            mirror=mirror,
            youtube=YoutubeOptions(min_short_side_px=content.short_side_px, **youtube),
            kept=Layout(out, recipe.split).kept if keep_videos else None,
        ),
        manners=recipe.manners(),
        limits=recipe.limits(),
        **others,
    )


def _run(options: "AcquireOptions", ledger: Path | None, *, as_json: bool) -> ExitCode:
    from vsda.acquire.ledger import export_ledger
    from vsda.acquire.run import acquire

    with watch(as_json=as_json) as monitor:
        report = acquire(options, monitor)
    if ledger is not None:
        export_ledger(options.out, options.split, ledger)
    _print_report(report, as_json=as_json)
    if report.stopped:
        sys.stderr.write(f"vsda: {report.stopped}\n")
    return report.exit_code


def _print_report(report: "AcquireReport", *, as_json: bool) -> None:
    for note in report.notes:
        sys.stderr.write(f"{report.name}: note: {note}\n")
    if as_json:
        import json

        print(json.dumps({"event": "done", **report.to_dict()}, sort_keys=True))
        return
    counts = ", ".join(f"{count} {name}" for name, count in report.outcomes.items())
    left = f", {report.num_left} still to be asked for" if report.num_left else ""
    print(
        f"{report.name}: {report.num_videos} videos ({counts or 'none asked for'}{left}); "
        f"{report.num_samples} frames, {report.num_shards} shards, {report.num_bytes / 1e6:.1f} MB"
        f"  {report.index or '(no index: ' + report.why_no_index + ')'}"
    )


def _print_estimate(options: "AcquireOptions", *, as_json: bool) -> None:
    from vsda.acquire.estimate import estimate
    from vsda.cli.table import print_json

    found = estimate(options)
    if as_json:
        print_json(found.to_dict())
        return
    print("\n".join(_estimate_lines(found)))
    for note in found.notes:
        sys.stderr.write(f"{found.name}: note: {note}\n")


def _estimate_lines(found: "Estimate") -> list[str]:
    num_todo = found.num_videos - found.num_settled
    time = "no limit on the pace"
    if found.hours is not None:
        time = f"{words(found.hours * _SECONDS_PER_HOUR)} at this pace"
    frames = "whole videos, of a length that nobody knows yet"
    if found.num_frames:
        frames = f"{found.num_frames} frames, about {found.num_bytes / 1e9:.2f} GB"
    return [
        f"{found.name}: {found.num_rows} rows, {found.num_segments} segments of the chosen classes",
        f"  {found.num_videos} videos in {found.num_shards} shards; {found.num_settled} settled "
        f"before, {num_todo} to ask for: {time}",
        f"  if all are there: {frames}",
    ]
