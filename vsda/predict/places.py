"""Where the files of a prediction lie, and how they get there: all of a video's, complete.

`overlay/<name>.mp4`, `Annotations/<name>/`, `coco-panoptic/<name>.json` with `<name>/`,
`coco-rle/<name>.json`, and last `records/<name>.json`, which says that the others are there, and
what made them. They are made in a hidden folder of the same file system and get their names when
the video is done.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vsda.errors import ItemError, Outcome, UsageError
from vsda.predict.options import KINDS, Kind
from vsda.storage import exclusive, write_atomic

FOLDERS: dict[Kind, str] = {
    "overlay": "overlay",
    "masks": "Annotations",
    "coco-panoptic": "coco-panoptic",
    "coco-rle": "coco-rle",
}
RECORDS = "records"
_STAGING, _OLD, _LOCK = ".predict.part", ".old", ".predict.lock"
_ENDINGS = ("", ".mp4", ".json")
_NUM_NAMED = 5


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Yield an empty folder in `out` for unfinished files; it is gone after the block.

    Raises:
        VsdaError: Another process predicts into the same folder.
    """
    try:
        with exclusive(out / _LOCK):
            part = out / _STAGING
            shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
            part.mkdir()
            try:
                yield part
            finally:
                shutil.rmtree(part, ignore_errors=True)
    finally:
        with suppress(OSError):  # where nothing came of it, nothing stays of it
            out.rmdir()


def check_free(out: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Refuse to put predictions where something is that they may not replace.

    Raises:
        UsageError: An older prediction, unless it is to be overwritten, or something else.
    """
    for name in names:
        found = _existing(out, name)
        if found and not _record(out, name).is_file():
            raise UsageError(
                f"{found[0]}: is in the way, and no prediction that a record in {out / RECORDS} "
                "tells of; move it away, or name another --out"
            )
    taken = [name for name in names if _record(out, name).is_file()]
    if taken and not overwrite:
        more = f" and {len(taken) - _NUM_NAMED} more" if len(taken) > _NUM_NAMED else ""
        raise UsageError(
            f"--out {out}: holds predictions of {', '.join(taken[:_NUM_NAMED])}{more} already; "
            "name another folder, leave these inputs out, or give --overwrite to replace them"
        )


def publish(part: Path, out: Path, name: str, record: Mapping[str, Any]) -> list[str]:
    """Give the finished files of a video their names; return their paths below `out`.

    What an older prediction of this name left goes. A process that is killed meanwhile leaves
    complete files, some of them the older ones, and no record.

    Args:
        part: The folder in which they were made.
        out: The folder of the prediction.
        name: Of the video.
        record: What made them.

    Raises:
        ItemError: Something else has one of the names.
    """
    os.sync()  # one call, where a flush per file would take longer than writing them
    _record(out, name).unlink(missing_ok=True)
    _put_away(_existing(out, name), part / _OLD)
    placed = []
    for path in _existing(part, name):
        relative = path.relative_to(part)
        (out / relative).parent.mkdir(parents=True, exist_ok=True)
        try:
            path.replace(out / relative)
        except OSError as error:
            raise ItemError(
                Outcome.SAME_KEY, f"{out / relative}: cannot be written: {error.strerror}"
            ) from error
        placed.append(f"{relative}/" if (out / relative).is_dir() else str(relative))
    shutil.rmtree(part / _OLD)
    text = json.dumps({**record, "files": placed}, indent=2).encode() + b"\n"
    write_atomic(_record(out, name), text)
    return placed


def stem_of(folder: Path, kind: Kind, name: str) -> Path:
    """Return where the files of a kind lie, without an ending."""
    return folder / FOLDERS[kind] / name


def _put_away(paths: Sequence[Path], old: Path) -> None:
    old.mkdir()
    for number, path in enumerate(paths):
        path.replace(old / str(number))


def _record(out: Path, name: str) -> Path:
    return out / RECORDS / f"{name}.json"


def _existing(folder: Path, name: str) -> list[Path]:
    """Return the files and folders that the prediction `name` has in `folder`."""
    stems = [stem_of(folder, kind, name) for kind in KINDS]
    paths = [stem.with_name(f"{stem.name}{ending}") for stem in stems for ending in _ENDINGS]
    return [path for path in paths if path.exists()]
