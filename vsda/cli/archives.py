"""`vsda fetch davis|coco|fbms|voc`: a dataset's archives, downloaded and unpacked."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.cli.table import print_json
from vsda.errors import ExitCode

if TYPE_CHECKING:
    from vsda.fetch.archive_plan import ArchiveReport, FetchOptions, FetchPlan

Out = Annotated[
    Path | None,
    typer.Option(help="The dataset's folder.", show_default="$VSDA_DATA/NAME"),
]
Mirror = Annotated[
    str | None,
    typer.Option(
        help="Folder or URL that has the archives by their names, to take them from there.",
        show_default="the authors' server",
    ),
]
KeepArchives = Annotated[
    bool,
    typer.Option(
        "--keep-archives", help="Keep the archives in OUT/archives after they are unpacked."
    ),
]
Unchecked = Annotated[
    bool,
    typer.Option(
        "--unchecked",
        help="Take archives of another size or digest than the authors', such as a mirror's own "
        "selection of frames.",
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify", help="Read every file that is there; without it, names and sizes are compared."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what would come, from where, and the room it needs; write nothing."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def davis(
    out: Out = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="Parts by comma: images, annotations (one archive has both, so it comes whole), "
            "unsupervised, semantics.",
            show_default="images,annotations",
        ),
    ] = None,
    resolution: Annotated[str, typer.Option(help="480p or Full-Resolution.")] = "480p",
    mirror: Mirror = None,
    keep_archives: KeepArchives = False,
    unchecked: Unchecked = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Download DAVIS-2017 and unpack it, as `vsda prepare davis` expects it.

    Run it again after an interruption: it goes on where it stopped. Exit code 3 means that some
    archives failed.
    """
    _run(
        "davis",
        _options(
            "davis",
            out,
            only,
            variant=resolution,
            mirror=mirror,
            keep_archives=keep_archives,
            unchecked=unchecked,
            verify=verify,
        ),
        dry_run=dry_run,
        as_json=json,
    )


def coco(
    out: Out = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="Parts by comma: images, train or val (the images of one split), annotations, "
            "stuffthingmaps, panoptic.",
            show_default="all but panoptic",
        ),
    ] = None,
    mirror: Mirror = None,
    keep_archives: KeepArchives = False,
    unchecked: Unchecked = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Download COCO 2017 with the label maps of COCO-Stuff, as `vsda prepare coco` expects it.

    Run it again after an interruption: it goes on where it stopped. Exit code 3 means that some
    archives failed.
    """
    _run(
        "coco",
        _options(
            "coco",
            out,
            only,
            mirror=mirror,
            keep_archives=keep_archives,
            unchecked=unchecked,
            verify=verify,
        ),
        dry_run=dry_run,
        as_json=json,
    )


def fbms(
    out: Out = None,
    only: Annotated[
        str | None, typer.Option(help="Parts by comma: train, test.", show_default="all")
    ] = None,
    mirror: Mirror = None,
    keep_archives: KeepArchives = False,
    unchecked: Unchecked = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Download FBMS-59 and unpack it.

    Run it again after an interruption: it goes on where it stopped. Exit code 3 means that some
    archives failed.
    """
    _run(
        "fbms",
        _options(
            "fbms",
            out,
            only,
            mirror=mirror,
            keep_archives=keep_archives,
            unchecked=unchecked,
            verify=verify,
        ),
        dry_run=dry_run,
        as_json=json,
    )


def voc(
    out: Out = None,
    only: Annotated[
        str | None, typer.Option(help="Parts by comma: trainval.", show_default="all")
    ] = None,
    mirror: Mirror = None,
    keep_archives: KeepArchives = False,
    unchecked: Unchecked = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Download Pascal VOC 2012 and unpack it as OUT/VOCdevkit/VOC2012.

    Run it again after an interruption: it goes on where it stopped. Exit code 3 means that some
    archives failed.
    """
    _run(
        "voc",
        _options(
            "voc",
            out,
            only,
            mirror=mirror,
            keep_archives=keep_archives,
            unchecked=unchecked,
            verify=verify,
        ),
        dry_run=dry_run,
        as_json=json,
    )


def _options(dataset: str, out: Path | None, only: str | None, **chosen: Any) -> "FetchOptions":
    from vsda.fetch.archive_plan import FetchOptions

    return FetchOptions(
        root=out or Path(os.environ.get("VSDA_DATA", "data")) / dataset,
        only=None if only is None else tuple(part.strip() for part in only.split(",")),
        **chosen,
    )


def _run(dataset: str, options: "FetchOptions", *, dry_run: bool, as_json: bool) -> None:
    from vsda.fetch.archive import fetch
    from vsda.fetch.archive_plan import no_room, plan

    if dry_run:
        planned = plan(dataset, options)
        _print_plan(dataset, planned, options, as_json=as_json)
        if planned.needed_bytes > planned.free_bytes:
            raise no_room(planned, options)
        raise typer.Exit(ExitCode.DONE)
    reports = []
    for report in fetch(dataset, options):
        reports.append(report)
        _tell(dataset, report)
        if not as_json and not report.message:
            print(_report_line(dataset, report, options), flush=True)
    if as_json:
        print_json([report.to_dict() for report in reports])
    raise typer.Exit(_exit_code(reports))


def _exit_code(reports: "Sequence[ArchiveReport]") -> ExitCode:
    num_failed = sum(bool(report.message) for report in reports)
    if not num_failed:
        return ExitCode.DONE
    return ExitCode.PARTIAL if num_failed < len(reports) else ExitCode.FAILED


def _tell(dataset: str, report: "ArchiveReport") -> None:
    """Say on stderr why an archive failed, and what a user should know of it."""
    lines = [f"note: {note}" for note in report.notes]
    if report.message:
        lines.append(f"failed: {report.message}")
    sys.stderr.write("".join(f"{dataset}: {report.archive}: {line}\n" for line in lines))


def _report_line(dataset: str, report: "ArchiveReport", options: "FetchOptions") -> str:
    from vsda.fetch.archive_plan import State

    done = " (up to date)" if report.state == State.UP_TO_DATE else ""
    return (
        f"{dataset}: {report.archive}: {report.num_files} files, "
        f"{report.unpacked_bytes / 1e6:.1f} MB{done}  {options.root}"
    )


def _print_plan(
    dataset: str, planned: "FetchPlan", options: "FetchOptions", *, as_json: bool
) -> None:
    if as_json:
        value: dict[str, Any] = {
            "archives": [report.to_dict() for report in planned.archives],
            "needed_bytes": planned.needed_bytes,
            "free_bytes": planned.free_bytes,
        }
        print_json(value)
        return
    for report in planned.archives:
        print(_planned_line(dataset, report, options))
    print(
        f"{dataset}: needs {planned.needed_bytes / 1e6:.1f} MB at least, as far as sizes are "
        f"known; the disk has {planned.free_bytes / 1e6:.1f} MB left"
    )


def _planned_line(dataset: str, report: "ArchiveReport", options: "FetchOptions") -> str:
    from vsda.fetch.archive_plan import State

    if report.state == State.UP_TO_DATE:
        return _report_line(dataset, report, options)
    if report.message:
        return f"{dataset}: {report.archive}: {report.message}"
    size = "size unknown" if report.size_bytes is None else f"{report.size_bytes / 1e6:.1f} MB"
    return f"{dataset}: would fetch {report.archive} ({size}) from {report.place}"
