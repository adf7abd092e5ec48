"""A whole made-up world: many scenes, made by several processes, published as one folder.

<out>/coco/       labelled images in COCO's layout
<out>/davis/      videos with labels in DAVIS's layout
<out>/world.json  what was made
"""

import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from vsda.errors import UsageError
from vsda.progress import progress
from vsda.storage import PART_SUFFIX, exclusive, sync_dir
from vsda.synth import layouts
from vsda.synth.clip import make_image, make_video
from vsda.synth.gaps import style_named
from vsda.synth.options import WorldOptions
from vsda.synth.scene import Kind, SceneId

T = TypeVar("T")

COCO_FOLDER = "coco"
DAVIS_FOLDER = "davis"
WORLD_FILE = "world.json"

_SCENES_PER_TASK = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Where a made-up world lies and how much it holds."""

    coco_root: Path
    davis_root: Path
    class_map: Path
    num_images: int
    num_video_frames: int


def write_world(
    out: Path, options: WorldOptions, num_workers: int = 1, overwrite: bool = False
) -> World:
    """Make the world that `options` describe in the folder `out`.

    The same options give the same bytes whatever the number of workers, on machines with the
    same versions of numpy, Pillow and PyAV. `out` appears only when it is complete. With
    `overwrite` a made-up world that lies there is replaced; anything else never is.

    Raises:
        UsageError: `out` holds something, or no such number of workers.
        UnknownNameError: No such style.
    """
    if num_workers < 1:
        raise UsageError(f"workers: expected at least 1, got {num_workers}")
    style_named(options.style)
    _check_free(out, overwrite)
    with exclusive(out.with_name(out.name + ".lock")), _published(out) as part:
        _write(part, options, num_workers)
    return World(
        coco_root=out / COCO_FOLDER,
        davis_root=out / DAVIS_FOLDER,
        class_map=out / DAVIS_FOLDER / "objects.tsv",
        num_images=options.num_images + options.num_val_images,
        num_video_frames=options.num_videos * options.num_frames
        + options.num_val_videos * options.num_val_frames,
    )


def _check_free(out: Path, overwrite: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite:
        raise UsageError(f"{out} is not empty; give another --out, or --overwrite to replace it")
    if not (out / WORLD_FILE).is_file():
        raise UsageError(
            f"{out} holds no {WORLD_FILE}, so it is no made-up world and --overwrite leaves it "
            "alone; give another --out"
        )


@contextmanager
def _published(out: Path) -> Iterator[Path]:
    """Yield an empty folder that gets the name `out` only if the block ends without an error."""
    part, old = (out.with_name(out.name + suffix) for suffix in (PART_SUFFIX, ".old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if out.exists():
            out.replace(old)
        part.replace(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    sync_dir(out.parent)


def _write(root: Path, options: WorldOptions, num_workers: int) -> None:
    coco, davis = root / COCO_FOLDER, root / DAVIS_FOLDER
    with _mapper(num_workers) as run:
        for kind, count in _image_counts(options).items():
            split = layouts.COCO_SPLITS[kind]
            for folder in (split, f"stuffthingmaps/{split}", "annotations"):
                (coco / folder).mkdir(parents=True, exist_ok=True)
            write = partial(_write_images, coco, kind, options)
            layouts.write_coco_instances(coco, kind, run(write, count, f"images {split}"))
        rows = {
            kind: list(run(partial(_write_videos, davis, kind, options), count, f"videos {split}"))
            for (kind, count), split in zip(
                _video_counts(options).items(), layouts.DAVIS_SPLITS.values(), strict=True
            )
        }
    layouts.write_davis_lists(davis, rows)
    text = json.dumps(asdict(options), indent=2, sort_keys=True)
    (root / WORLD_FILE).write_text(text + "\n", encoding="utf-8")


def _image_counts(options: WorldOptions) -> dict[Kind, int]:
    return {Kind.TRAIN_IMAGE: options.num_images, Kind.VAL_IMAGE: options.num_val_images}


def _video_counts(options: WorldOptions) -> dict[Kind, int]:
    return {Kind.TRAIN_VIDEO: options.num_videos, Kind.VAL_VIDEO: options.num_val_videos}


def _write_images(
    root: Path, kind: Kind, options: WorldOptions, indices: range
) -> list[tuple[layouts.Json, list[layouts.Json]]]:
    entries = []
    for index in indices:
        clip = make_image(SceneId(options.seed, kind, index), options.size_px)
        entries.append(layouts.write_coco_image(root, kind, index, clip))
    return entries


def _write_videos(root: Path, kind: Kind, options: WorldOptions, indices: range) -> list[str]:
    style = style_named(options.style).at(options.severity)
    num_frames = options.num_frames if kind is Kind.TRAIN_VIDEO else options.num_val_frames
    rows = []
    for index in indices:
        clip = make_video(SceneId(options.seed, kind, index), style, num_frames, options.size_px)
        rows.append(layouts.write_davis_sequence(root, kind, index, clip))
    return rows


@contextmanager
def _mapper(
    num_workers: int,
) -> Iterator[Callable[[Callable[[range], list[T]], int, str], Iterator[T]]]:
    """Yield a function that runs a task over all indices in chunks and returns all in order."""
    if num_workers == 1:
        yield lambda task, count, what: _flat(map(task, _chunks(count)), count, what)
        return
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        yield lambda task, count, what: _flat(pool.map(task, _chunks(count)), count, what)


def _flat(results: Iterable[list[T]], count: int, what: str) -> Iterator[T]:
    return progress(itertools.chain.from_iterable(results), what, total=count)


def _chunks(count: int) -> list[range]:
    starts = range(0, count, _SCENES_PER_TASK)
    return [range(start, min(start + _SCENES_PER_TASK, count)) for start in starts]
