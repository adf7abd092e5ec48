"""The one moment in which a set appears: shards first, the index last."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vsda.datasets.listing import Failure
from vsda.errors import ShardError
from vsda.prepare.job import SetJob
from vsda.prepare.report import report_rows, total_outcomes
from vsda.prepare.staging import remove_staging
from vsda.prepare.task import ShardTask, TaskResult
from vsda.shards.index import ShardIndex, ShardInfo, index_path, load_index
from vsda.storage import sync_dir, write_atomic

_MAX_SHOWN = 60


def published(job: SetJob, overwrite: bool) -> ShardIndex | None:
    """Return the index of the set if it is already there, whole, as `job` would make it.

    Raises:
        ShardError: The set is there but was made otherwise, and `overwrite` is false.
    """
    path = Path(index_path(str(job.out), job.name))
    if overwrite or not path.is_file():
        return None
    index = load_index(str(path))
    if decisive(index.settings) != decisive(job.settings):
        raise ShardError(
            f"{path}: this set was made otherwise: {_difference(index, job)}; give --overwrite to "
            "replace it, or another --out"
        )
    whole = all(_is_there(job.out, shard) for shard in index.shards)
    return index if whole and not _is_stale(path, job) else None


def publish(job: SetJob, results: Sequence[TaskResult], failures: Iterable[Failure]) -> ShardIndex:
    """Give the shards of finished tasks their final names and write the index.

    While this goes on there is no index, so nobody takes the set for whole; a run that is killed
    here is mended by the next one.
    """
    index_file = Path(index_path(str(job.out), job.name))
    index_file.unlink(missing_ok=True)
    sync_dir(job.out)
    written = [
        (task, result.shard)
        for task, result in zip(job.tasks, results, strict=True)
        if result.shard is not None
    ]
    shards = [_move(job, number, *pair) for number, pair in enumerate(written)]
    _delete_others(job, shards)
    index = ShardIndex(
        name=job.name,
        dataset=job.listing.dataset,
        split=job.listing.split,
        shards=tuple(shards),
        settings=job.settings,
        outcomes=total_outcomes(job.listing, [result.outcomes for result in results]),
        notes=job.listing.notes,
    )
    write_atomic(job.report, report_rows(failures))
    write_atomic(index_file, index.to_json())
    remove_staging(job.staging)
    return index


def decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide what is written: a table's content does, not its name."""
    return {
        name: value
        for name, value in settings.items()
        if name != "class_map" or "class_map_sha256" not in settings
    }


def _move(job: SetJob, number: int, task: ShardTask, shard: ShardInfo) -> ShardInfo:
    final = replace(shard, url=f"{job.name}-{number:06d}.tar")
    task.tar.with_suffix(".idx").replace(job.out / final.idx_url)
    task.tar.replace(job.out / final.url)
    return final


def _delete_others(job: SetJob, shards: Iterable[ShardInfo]) -> None:
    """Delete shards that an earlier set of this name has left."""
    keep = {name for shard in shards for name in (shard.url, shard.idx_url)}
    ours = re.compile(rf"{re.escape(job.name)}-\d{{6,}}\.(tar|idx)(\.part)?")
    for path in job.out.iterdir():
        if ours.fullmatch(path.name) and path.name not in keep:
            path.unlink()
    sync_dir(job.out)


def _is_there(out: Path, shard: ShardInfo) -> bool:
    tar, idx = out / shard.url, out / shard.idx_url
    return idx.is_file() and tar.is_file() and tar.stat().st_size == shard.filesize


def _is_stale(index_file: Path, job: SetJob) -> bool:
    """Return whether a file of the dataset was changed since the set was published."""
    published_ns = index_file.stat().st_mtime_ns
    return any(task.changed_ns >= published_ns for task in job.tasks)


def _difference(index: ShardIndex, job: SetJob) -> str:
    """Return 'name was x, is y' for every setting that differs."""
    if (
        names := [
            name
            for name in sorted(index.settings.keys() | job.settings.keys())
            if index.settings.get(name) != job.settings.get(name)
        ]
    ) == ["listing_sha256"]:
        return "the files below --root have other names or sizes now"
    return ", ".join(
        f"{name} was {_short(index.settings.get(name))}, is {_short(job.settings.get(name))}"
        for name in names
        if name != "listing_sha256"
    )


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
