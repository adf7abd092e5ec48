"""`vsda predict`: a trained network on videos and pictures of one's own."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsda.cli.table import Column, print_json, print_table
from vsda.errors import ExitCode

if TYPE_CHECKING:
    from vsda.predict.outputs import Report


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder of `vsda train`.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="A video, a folder of frames, a folder or URL of shards, or - for a video on "
            "standard input.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the predictions.")] = Path("predictions"),
    as_: Annotated[
        str,
        typer.Option("--as", help="What to write: overlay, masks, coco-panoptic, coco-rle."),
    ] = "overlay,masks",
    fps: Annotated[
        str,
        typer.Option(
            help="Look at a video so many times a second, a number or a fraction; native takes "
            "each of its frames. Of pictures: how many a second has (24)."
        ),
    ] = "native",
    size: Annotated[
        int, typer.Option(min=0, help="Side of the network's input in pixels; 0: the recipe's.")
    ] = 0,
    start: Annotated[float, typer.Option(help="Where to begin in a video, in seconds.")] = 0.0,
    stop: Annotated[
        float | None, typer.Option(help="Where to end, in seconds from the video's start.")
    ] = None,
    still: Annotated[
        bool, typer.Option("--still", help="The pictures of a folder are no video.")
    ] = False,
    opacity: Annotated[
        float, typer.Option(help="Of the classes' colours in the overlay, 0 to 1.")
    ] = 0.5,
    legend: Annotated[
        bool, typer.Option("--legend/--no-legend", help="Name the classes in the overlay.")
    ] = True,
    batch: Annotated[int, typer.Option(min=1, help="Frames that are predicted at once.")] = 16,
    checkpoint: Annotated[
        str, typer.Option(help="latest, best (on the sets of --validation), or a file.")
    ] = "latest",
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="The last step's weights, even if the run keeps an average of them."
        ),
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1... Default: a GPU if there is one.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace older predictions of the same names.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Segment videos and pictures with a run's network: overlay videos, masks, COCO files.

    An input that fails does not stop the others (exit code 3). A damaged video is predicted up to
    the damage.

    Example: vsda predict runs/swin-patch-1 holiday.mp4 --out predictions

    A pipe: ffmpeg -i rtsp://camera -f matroska - | vsda predict runs/swin-patch-1 -
    """
    from vsda.predict.options import Written, kinds_of, seen_of

    written = Written(
        out=out, kinds=kinds_of(as_), opacity=opacity, legend=legend, overwrite=overwrite
    )
    seen = seen_of(fps, size, start_s=start, stop_s=stop, still=still)

    from vsda.evaluation.trained import find_checkpoint
    from vsda.predict.run import PredictOptions
    from vsda.predict.run import predict as run_prediction

    options = PredictOptions(
        seen=seen,
        written=written,
        checkpoint=find_checkpoint(run, checkpoint),
        raw=raw,
        batch_frames=batch,
        device=device,
    )
    report = run_prediction(run, inputs, options)
    if as_json:
        print_json(asdict(report) | {"out": str(out)})
    elif report.videos:
        _print_report(report, out)
    if not report.is_whole:
        raise typer.Exit(ExitCode.PARTIAL if report.videos else ExitCode.FAILED)


def _print_report(report: "Report", out: Path) -> None:
    columns = [Column("video"), Column("frames", is_number=True), Column("files"), Column("")]
    rows = [
        [
            video.name,
            str(video.frames),
            " ".join(str(out / file) for file in video.files),
            "damaged" if video.damage else "",
        ]
        for video in report.videos
    ]
    print_table(columns, rows)
