"""A whole made-up world: many scenes, made by several processes, published as one folder.

<out>/coco/       labelled images in COCO's layout
<out>/davis/      videos with labels in DAVIS's layout
<out>/world.json  what was made
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from vsda.engine.run import Workers, run_tasks
from vsda.errors import UsageError, VsdaError
from vsda.progress import progress
from vsda.synth import layouts
from vsda.synth.clip import make_image, make_video
from vsda.synth.options import WorldOptions
from vsda.synth.publish import published_folder
from vsda.synth.scene import Kind, SceneId
from vsda.synth.styles import style_named

COCO_FOLDER = "coco"
DAVIS_FOLDER = "davis"
WORLD_FILE = "world.json"

_SCENES_PER_TASK = 25


@dataclass(frozen=True, slots=True)
class _Task:
    """Scenes of one split that one process makes."""

    root: Path
    options: WorldOptions
    kind: Kind
    indices: range

    @property
    def name(self) -> str:
        return f"{self.kind.name} {self.indices.start} to {self.indices.stop - 1}"


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
    `overwrite` a made-up world that lies there alone is replaced; anything else never is.

    Raises:
        UsageError: `out` holds something, or no such number of workers.
        UnknownNameError: No such style.
        VsdaError: The disk takes no more.
    """
    if num_workers < 1:
        raise UsageError(f"--workers: expected at least 1, got {num_workers}")
    style_named(options.style)
    folders = (COCO_FOLDER, DAVIS_FOLDER)
    with published_folder(out, WORLD_FILE, others=folders, overwrite=overwrite) as part:
        _write(part, options, num_workers)
    return World(
        coco_root=out / COCO_FOLDER,
        davis_root=out / DAVIS_FOLDER,
        class_map=out / DAVIS_FOLDER / layouts.OBJECTS_FILE,
        num_images=options.num_images + options.num_val_images,
        num_video_frames=options.num_videos * options.num_frames
        + options.num_val_videos * options.num_val_frames,
    )


def _write(root: Path, options: WorldOptions, num_workers: int) -> None:
    layouts.make_folders(root / COCO_FOLDER, root / DAVIS_FOLDER)
    num_scenes = _num_scenes(options)
    tasks = [task for kind in Kind for task in _tasks(root, options, kind, num_scenes[kind])]
    workers = Workers(num_workers=num_workers)
    parts = run_tasks(
        _make, tasks, workers=workers, name_of=lambda task: task.name, keeps_done=False
    )
    records: dict[Kind, list[layouts.Record]] = {kind: [] for kind in Kind}
    for task, part in zip(tasks, progress(parts, "scenes", len(tasks)), strict=True):
        records[task.kind] += part
    with _told(root, "the lists"):
        layouts.write_coco_instances(root / COCO_FOLDER, records)
        layouts.write_davis_lists(root / DAVIS_FOLDER, records)
        text = json.dumps(asdict(options), indent=2, sort_keys=True)
        (root / WORLD_FILE).write_text(text + "\n", encoding="utf-8")


def _num_scenes(options: WorldOptions) -> dict[Kind, int]:
    return {
        Kind.TRAIN_IMAGE: options.num_images,
        Kind.VAL_IMAGE: options.num_val_images,
        Kind.TRAIN_VIDEO: options.num_videos,
        Kind.VAL_VIDEO: options.num_val_videos,
    }


def _tasks(root: Path, options: WorldOptions, kind: Kind, count: int) -> Iterator[_Task]:
    for start in range(0, count, _SCENES_PER_TASK):
        stop = min(start + _SCENES_PER_TASK, count)
        yield _Task(root, options, kind, range(start, stop))


def _make(task: _Task) -> list[layouts.Record]:
    """Make the scenes of a task, write their files and return what the lists say of them."""
    write = _write_image if task.kind in layouts.COCO_SPLITS else _write_video
    ids = (SceneId(task.options.seed, task.kind, index) for index in task.indices)
    with _told(task.root, task.name):
        return [write(task.root, task.options, scene_id) for scene_id in ids]


@contextmanager
def _told(root: Path, what: str) -> Iterator[None]:
    """Turn what the system refuses into the user's mistake; a worker would end of it otherwise."""
    try:
        yield
    except OSError as error:
        raise VsdaError(
            f"{root}: cannot write {what}: {error.strerror or error}; the unfinished world is "
            "removed, so mend that (free some space, or give another --out) and run again"
        ) from error


def _write_image(root: Path, options: WorldOptions, scene_id: SceneId) -> layouts.Record:
    clip = make_image(scene_id, options.size_px, options.image_classes)
    return layouts.write_coco_image(root / COCO_FOLDER, clip)


def _write_video(root: Path, options: WorldOptions, scene_id: SceneId) -> layouts.Record:
    is_train = scene_id.kind is Kind.TRAIN_VIDEO
    num_frames = options.num_frames if is_train else options.num_val_frames
    style = style_named(options.style).at(options.severity)
    clip = make_video(scene_id, style, num_frames, options.size_px, options.video_classes)
    return layouts.write_davis_sequence(root / DAVIS_FOLDER, clip)
