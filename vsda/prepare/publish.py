"""The one moment in which a set appears: shards first, the index last."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsda.datasets.listing import Failure
from vsda.errors import ShardError
from vsda.prepare.job import SetJob
from vsda.prepare.report import read_rows, report_rows, total_outcomes
from vsda.prepare.staging import remove_staging
from vsda.prepare.task import ShardTask, TaskResult
from vsda.shards.index import ShardIndex, ShardInfo, index_path, load_index
from vsda.storage import sha256_file, sync_dir, write_atomic

_MAX_SHOWN = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The set that is there: its index if it needs no work, else why it must be made again."""

    index: ShardIndex | None = None
    failures: tuple[Failure, ...] = ()
    fault: str | None = None


def check_settings(job: SetJob, overwrite: bool) -> None:
    """Refuse to replace a set that was made otherwise.

    Raises:
        ShardError: The set is there but was made otherwise, and `overwrite` is false.
    """
    index = None if overwrite else _read_index(job)
    if isinstance(index, ShardIndex) and decisive(index.settings) != decisive(job.settings):
        raise ShardError(
            f"{index_file(job)}: this set was made otherwise: {_difference(index, job)}; give "
            "--overwrite to replace it, or another --out"
        )


def standing(job: SetJob, overwrite: bool) -> Standing:
    """Return what is there of the set; its files are read whole and compared with its index.

    Raises:
        ShardError: The set is there but was made otherwise, and `overwrite` is false.
    """
    check_settings(job, overwrite)
    index = None if overwrite else _read_index(job)
    if not isinstance(index, ShardIndex):
        return Standing(fault=index)
    try:
        failures = read_rows(job.report, index.outcomes)
    except ShardError as error:
        return Standing(fault=str(error))
    fault = _fault(index, job)
    return Standing(fault=fault) if fault else Standing(index=index, failures=failures)


def index_file(job: SetJob) -> Path:
    """Return where the index of the set lies when it is published."""
    return Path(index_path(str(job.out), job.name))


def publish(job: SetJob, results: Sequence[TaskResult], failures: Iterable[Failure]) -> ShardIndex:
    """Give the shards of finished tasks their final names and write the index.

    While this goes on there is no index, so nobody takes the set for whole; a run that is killed
    here is mended by the next one.
    """
    index_file(job).unlink(missing_ok=True)
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
    write_atomic(index_file(job), index.to_json())
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


def _read_index(job: SetJob) -> ShardIndex | str | None:
    """Return the index that is there, what is wrong with it, or None where there is none."""
    path = index_file(job)
    try:
        return load_index(str(path)) if path.is_file() else None
    except ShardError as error:
        return str(error)


def _fault(index: ShardIndex, job: SetJob) -> str | None:
    """Return why a published set must be made again."""
    for shard in index.shards:
        for name, sha256 in ((shard.url, shard.sha256), (shard.idx_url, shard.idx_sha256)):
            if not (job.out / name).is_file():
                return f"{job.out / name}: not there, but the index lists it"
            if sha256_file(job.out / name) != sha256:
                return f"{job.out / name}: its bytes are not those that the index lists"
    published_ns = index_file(job).stat().st_mtime_ns
    if any(task.changed_ns >= published_ns for task in job.tasks):
        return f"{job.listing.root}: files were changed after the set was made"
    return None


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
