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
        str | None,
        typer.Option(
            help="How videos differ from images. One fault: gain, light, blur, resolution, "
            "compression, framing, diversity. Several: dim, lowres, full, or your own as "
            "gain+blur. The control: none.",
            show_default="dim",
        ),
    ] = None,
    severity: Annotated[
        float, typer.Option(help="How strongly they differ, 0 (like the images) to 1.")
    ] = 1.0,
    image_classes: Annotated[
        str, typer.Option(metavar="A,B", help="Classes that images show.", show_default="all")
    ] = "",
    video_classes: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Classes that videos show; other ones than images do are a label shift.",
            show_default="all",
        ),
    ] = "",
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
    list_styles: Annotated[
        bool, typer.Option("--styles", help="Print every style with its settings, and end.")
    ] = False,
    gallery: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Write a picture of all styles (or those in --style A,B) by severity, and end.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a made-up world: sharp images in COCO's layout, videos in DAVIS's, with exact labels.

    Eight classes with shapes of their own move over textured ground: person, bicycle, car,
    motorcycle, bird, dog, horse, backpack. Images are sharp and well lit; --style and --severity
    say what separates the videos from them: --styles lists all, --gallery shows them. Worlds of
    one seed show the same scenes in every style. For example:

        vsda synth --gallery styles.png

        vsda synth --out world --style dim

        vsda synth --out shifted --style none --image-classes person,dog,car --video-classes dog,car

        vsda prepare coco --root world/coco --labels stuffthingmaps

        vsda prepare davis --root world/davis --class-map world/davis/objects.tsv
    """
    if list_styles:
        _print_styles(as_json=as_json)
        return
    if gallery is not None:
        _write_gallery(gallery, style, size_px, seed, as_json=as_json)
        return
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
        style="dim" if style is None else style,
        severity=severity,
        seed=seed,
        image_classes=_names(image_classes),
        video_classes=_names(video_classes),
    )
    folder = out or Path(os.environ.get("VSDA_DATA", "data")) / "synth"
    num_workers = num_cpus() if workers is None else workers
    world = write_world(folder, options, num_workers=num_workers, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(asdict(world), default=str, sort_keys=True))
        return
    typer.echo(f"{world.num_images} images in {world.coco_root}")
    typer.echo(f"{world.num_video_frames} video frames in {world.davis_root}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _print_styles(*, as_json: bool) -> None:
    from vsda.cli.table import Column, print_json, print_table
    from vsda.synth.styles import faults, settings_of, style_named

    settings = {name: settings_of(style_named(name)) for name in faults()}
    if as_json:
        print_json(
            {name: {"fault": fault, "settings": settings[name]} for name, fault in faults().items()}
        )
        return
    columns = [Column("style"), Column("fault of the videos"), Column("settings at severity 1")]
    rows = [
        (name, fault, ", ".join(f"{key} {value:g}" for key, value in settings[name].items()))
        for name, fault in faults().items()
    ]
    print_table(columns, rows)


def _write_gallery(
    place: Path, style: str | None, size_px: int, seed: int, *, as_json: bool
) -> None:
    from vsda.storage import write_atomic
    from vsda.synth.gallery import gallery_png
    from vsda.synth.options import WorldOptions
    from vsda.synth.styles import faults

    names = tuple(faults()) if style is None else _names(style)
    options = WorldOptions(size_px=size_px, seed=seed)
    write_atomic(place, gallery_png(names, options.size_px, options.seed))
    typer.echo(json.dumps({"gallery": str(place), "styles": names}) if as_json else str(place))
