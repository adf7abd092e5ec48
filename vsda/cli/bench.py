"""`vsda bench`: measure, on this machine and in one run, vsda beside its alternatives."""

from dataclasses import asdict
from typing import Annotated

import typer

from vsda.cli.bench_cluster import print_cluster_bench
from vsda.cli.bench_stream import print_stream_bench
from vsda.cli.bench_train import print_train_bench
from vsda.cli.table import Column, print_json, print_table
from vsda.errors import UsageError

bench_app = typer.Typer(
    no_args_is_help=True,
    help="Measure speed and memory on this machine, side by side with the alternatives.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@bench_app.command("annotations")
def bench_annotations(
    rows: Annotated[
        int, typer.Option(min=1000, help="Rows of the made-up table; the real one has 5.6 million.")
    ] = 5_600_000,
    as_json: Json = False,
) -> None:
    """List a made-up table of YouTube-BoundingBoxes: time and peak memory of each reader.

    Example: vsda bench annotations --rows 500000
    """
    from vsda.bench.annotations import measure

    results = measure(rows)
    if as_json:
        print_json([asdict(result) for result in results])
        return
    cells = [
        [
            result.reader,
            f"{result.seconds:.1f}{' *' if result.is_scaled else ''}",
            f"{rows / result.seconds / 1e6:.2f}",
            f"{result.peak_mb:.0f}{' *' if result.is_scaled else ''}",
            result.work,
        ]
        for result in results
    ]
    numbers = [Column(name, is_number=True) for name in ("seconds", "million rows/s", "peak MB")]
    print_table([Column("reader"), *numbers, Column("gives")], cells)
    if any(result.is_scaled for result in results):
        typer.echo("* measured on a tenth of the rows, times ten")


@bench_app.command("decode")
def bench_decode(
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Length of the made-up video, at 30 frames a second.")
    ] = 10.0,
    width: Annotated[int, typer.Option(min=16, help="Its width in pixels.")] = 1280,
    height: Annotated[int, typer.Option(min=16, help="Its height in pixels.")] = 720,
    as_json: Json = False,
) -> None:
    """Decode a made-up H.264 video with each decoder of this machine: speed and peak memory.

    Example: vsda bench decode --seconds 5
    """
    from vsda.bench.decode import measure

    result = measure(seconds, (width, height))
    if as_json:
        print_json(asdict(result))
        return
    cells = [
        [
            row.name,
            "-" if row.frames_per_s is None else f"{row.frames_per_s:.0f}",
            "-" if row.share_of_fastest is None else f"{row.share_of_fastest:.0%}",
            "-" if row.peak_mib is None else str(row.peak_mib),
            row.note,
        ]
        for row in result.rows
    ]
    numbers = [Column(name, is_number=True) for name in ("frames/s", "of fastest", "peak MiB")]
    print_table([Column("decoder"), *numbers, Column("note")], cells)
    typer.echo(f"{result.num_frames} frames of {result.width_px}x{result.height_px} pixels")


@bench_app.command("fetch")
def bench_fetch(
    videos: Annotated[
        str, typer.Option(help="Numbers of videos, one run each, with commas.")
    ] = "10,100,1000",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    seconds: Annotated[int, typer.Option(min=1, help="Length of each video.")] = 2,
    as_json: Json = False,
) -> None:
    """Fetch made-up videos from a folder: time per frame beside a bare loop, and peak memory.

    Example: vsda bench fetch --videos 10,100
    """
    from vsda.bench.fetch import measure

    words = [word.strip() for word in videos.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise UsageError(f"--videos {videos}: expected numbers above 0 such as 10,100")
    result = measure([int(word) for word in words], workers, seconds)
    if as_json:
        print_json(asdict(result))
        return
    limit = result.bare_frames_per_s * result.num_workers
    cells = [
        [
            str(run.num_videos),
            f"{run.seconds:.1f}",
            f"{run.num_frames / run.seconds:.0f}",
            f"{run.num_frames / run.seconds / limit:.0%}",
            f"{run.peak_mb:.0f}",
            "-" if run.all_peak_mb is None else f"{run.all_peak_mb:.0f}",
        ]
        for run in result.runs
    ]
    heads = ("videos", "seconds", "frames/s", "of limit", "peak MB", "all processes MB")
    print_table([Column(name, is_number=True) for name in heads], cells)
    typer.echo(
        f"videos of {seconds} s; limit: {workers} x {result.bare_frames_per_s:.0f} frames/s, a "
        "bare loop of PyAV and Pillow that writes nothing"
    )


@bench_app.command("cluster")
def bench_cluster(
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="Training recipe, or a TOML file; may be repeated. "
            "Default: demo-clustered and swin-patch-clustered."
        ),
    ] = None,
    size_px: Annotated[
        int | None,
        typer.Option(min=32, max=1024, help="Side of a picture. Default: the recipe's."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Images in a step, and as many frames. Default: the recipe's, but no more than "
            "have the pixels of four images of 256 pixels.",
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=1, help="Rounds. Default: 40 up to 64 pixels, 7 above."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train with the clustered loss, the general one and none, in turns: what a step takes.

    On made-up pictures and random weights. Also: the parts of the clustered loss, and its k-means
    beside scikit-learn's on the same tokens. OMP_NUM_THREADS sets the number of threads.

    Example: vsda bench cluster --recipe demo-clustered
    """
    from vsda.bench.cluster import RECIPES, Sizes, measure

    sizes = Sizes(size_px=size_px, batch=batch, num_rounds=repeats)
    result = measure(recipe or RECIPES, sizes)
    if as_json:
        print_json(asdict(result))
        return
    print_cluster_bench(result)


@bench_app.command("stream")
def bench_stream(
    shards: Annotated[
        str | None,
        typer.Option(help="A set whose first pictures are read. Default: made-up pictures."),
    ] = None,
    size_px: Annotated[int, typer.Option(min=16, max=4096, help="Side of a picture.")] = 256,
    pictures: Annotated[int, typer.Option(min=4, help="Pictures of each kind.")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Pictures of a batch.")] = 16,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds in one process.")] = 7,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes of a second measurement; 0 leaves it out.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Make batches of pictures with vsda, bare webdataset and a folder of files: pictures a second.

    Beside them what decoding alone reaches. In one process the ways take turns.

    Example: vsda bench stream --workers 2
    """
    from vsda.bench.stream import Plan, measure

    plan = Plan(
        pictures=pictures,
        size_px=size_px,
        batch=batch,
        rounds=repeats,
        workers=workers,
        shards=shards,
    )
    result = measure(plan)
    if as_json:
        print_json(asdict(result))
        return
    print_stream_bench(result)


@bench_app.command("train")
def bench_train(
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="Training recipe, or a TOML file; may be repeated. "
            "Default: demo-clustered, swin-patch and swin-patch-clustered."
        ),
    ] = None,
    size_px: Annotated[
        int | None,
        typer.Option(min=32, max=1024, help="Side of a picture. Default: the recipe's."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Images in a step, and as many frames. Default: the recipe's, but on a CPU no "
            "more than have the pixels of four images of 256 pixels.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Steps timed in a round, after as many to warm up. Default: the recipe's "
            "log_every, but 3 on a CPU above 64 pixels.",
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=1, help="Rounds. Default: 7, but 3 on a CPU above 64 pixels."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="32, bf16-mixed or 16-mixed. Default: the recipe's."),
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Do it all once more, compiled.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train as `vsda train` does and as a bare PyTorch loop does, in turns: steps a second.

    On made-up shards and random weights. OMP_NUM_THREADS sets the number of threads.

    Example: vsda bench train --recipe swin-patch --batch 4
    """
    from typing import get_args

    from vsda.bench.train import RECIPES, Plan, measure
    from vsda.training.precision import Precision

    known: tuple[Precision, ...] = get_args(Precision)
    wanted = next((each for each in known if each == precision), None)
    if precision is not None and wanted is None:
        raise UsageError(f"--precision {precision}: expected one of {', '.join(known)}")
    plan = Plan(
        size_px=size_px,
        batch=batch,
        num_steps=steps,
        num_rounds=repeats,
        precision=wanted,
        compiles=compile_,
    )
    result = measure(recipe or RECIPES, plan)
    if as_json:
        print_json(asdict(result))
        return
    print_train_bench(result)
