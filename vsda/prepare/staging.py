"""The hidden folder that keeps finished tasks until the set is whole.

A run that is killed leaves it behind; the next one goes on from there if it would write the same.
"""

import json
from typing import Any

from vsda.prepare.task import ShardTask, TaskResult
from vsda.storage import (
    exists,
    file_size,
    join,
    modified_ns,
    read_bytes,
    remove_tree,
    write_atomic,
)

SETTINGS_FILE = "settings.json"


def open_staging(folder: str, settings: dict[str, Any]) -> None:
    """Make `folder` ready for tasks of a set with `settings`; what others left there goes."""
    wanted = json.dumps(settings, sort_keys=True).encode()
    place = join(folder, SETTINGS_FILE)
    if exists(place) and read_bytes(place) == wanted:
        return
    remove_tree(folder)
    write_atomic(place, wanted)


def finished(task: ShardTask) -> TaskResult | None:
    """Return the result of a task that an earlier run finished, None if it must be run.

    It must be run again where a file that it read was changed since.
    """
    done_ns = modified_ns(task.result)
    if done_ns is None or task.changed_ns >= done_ns:
        return None
    result = TaskResult.from_json(read_bytes(task.result))
    if result.shard is None:
        return result
    is_whole = file_size(task.tar) == result.shard.filesize and exists(task.idx)
    return result if is_whole else None
