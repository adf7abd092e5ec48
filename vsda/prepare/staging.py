"""The hidden folder that keeps finished tasks until the set is whole.

A run that is killed leaves it behind; the next one goes on from there if it would write the same.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from vsda.prepare.task import ShardTask, TaskResult
from vsda.storage import write_atomic

_SETTINGS = "settings.json"


def open_staging(folder: Path, settings: dict[str, Any]) -> None:
    """Make `folder` ready for tasks of a set with `settings`; what others left there goes."""
    wanted = json.dumps(settings, sort_keys=True).encode()
    path = folder / _SETTINGS
    if path.is_file() and path.read_bytes() == wanted:
        return
    remove_staging(folder)
    write_atomic(path, wanted)


def finished(task: ShardTask) -> TaskResult | None:
    """Return the result of a task that an earlier run finished, None if it must be run.

    It must be run again where a file that it read was changed since.
    """
    if not task.result.is_file() or task.changed_ns >= task.result.stat().st_mtime_ns:
        return None
    result = TaskResult.from_json(task.result.read_bytes())
    if result.shard is None:
        return result
    idx = task.tar.with_suffix(".idx")
    whole = task.tar.is_file() and task.tar.stat().st_size == result.shard.filesize
    return result if whole and idx.is_file() else None


def remove_staging(folder: Path) -> None:
    """Delete the folder."""
    if folder.exists():
        shutil.rmtree(folder)
