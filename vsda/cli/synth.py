"""`vsda synth`: a small made-up world in the datasets' own layouts."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def synth(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to make; it gets coco/ and davis/.", show_default="$VSDA_DATA/synth"
        ),
    ] = None,
    images: Annotated[int, typer.Option(help="Labelled images to train on.")] = 4000,
    val_images: Annotated[int, typer.Option(help="Labelled images to judge with.")] = 512,
    videos: Annotated[int, typer.Option(help="Videos to train on.")] = 250,
    frames: Annotated[int, typer.Option(help="Frames of each of them.")] = 8,
    val_videos: Annotated[int, typer.Option(help="Videos to judge with.")] = 128,
    val_frames: Annotated[int, typer.Option(help="Frames of each of them.")] = 4,
    size_px: Annotated[int, typer.Option(help="Width and height, an even number.")] = 64,
    style: Annotated[
        str,
        typer.Option(help="How videos differ: dim, gain, light, lowres, full or none."),
    ] = "dim",
    severity: Annotated[
        float, typer.Option(help="How strongly they differ, 0 (like the images) to 1.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed gives another world.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes; the result does not depend on it.", show_default="one per core"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a made-up world at --out.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a made-up world: sharp images in COCO's layout, videos in DAVIS's, with exact labels.

    Eight classes with shapes of their own move over textured ground. Images are sharp and well
    lit; --style says what separates the videos from them: framing, motion blur, light, noise,
    resolution, H.264. For example:

        vsda synth --out world --style dim

        vsda prepare coco --root world/coco --labels stuffthingmaps

        vsda prepare davis --root world/davis --class-map world/davis/objects.tsv
    """
    from vsda.engine.local import num_cpus
    from vsda.synth.options import WorldOptions
    from vsda.synth.world import write_world

    options = WorldOptions(
        num_images=images,
        num_val_images=val_images,
        num_videos=videos,
        num_frames=frames,
        num_val_videos=val_videos,
        num_val_frames=val_frames,
        size_px=size_px,
        style=style,
        severity=severity,
        seed=seed,
    )
    folder = out or Path(os.environ.get("VSDA_DATA", "data")) / "synth"
    num_workers = num_cpus() if workers is None else workers
    world = write_world(folder, options, num_workers=num_workers, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(asdict(world), default=str, sort_keys=True))
        return
    typer.echo(f"{world.num_images} images in {world.coco_root}")
    typer.echo(f"{world.num_video_frames} video frames in {world.davis_root}")
