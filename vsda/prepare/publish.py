"""The one moment in which a set appears: shards first, the index last."""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from vsda.datasets.listing import Failure
from vsda.errors import ShardError
from vsda.prepare.job import SetJob
from vsda.prepare.report import read_rows, report_rows, total_outcomes
from vsda.prepare.task import ShardTask, TaskResult
from vsda.shards.index import ShardIndex, ShardInfo, index_path, load_index
from vsda.shards.names import part_pattern
from vsda.storage import (
    Place,
    copy,
    exists,
    file_size,
    is_local,
    join,
    list_names,
    local_path,
    modified_ns,
    move,
    remove,
    remove_tree,
    sha256_file,
    sync_dir,
    to_place,
    write_atomic,
)

_MAX_SHOWN = 60
_NUM_COPIES = 8
"""Copies that a server makes at a time."""
_ABSENT = "not there, but the index lists it"
_CHANGED = "its bytes are not those that the index lists"


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
    """Return what is there of the set; its files are compared with its index.

    On this machine they are read whole. On a URL, where that is slow and costs money, a tar is as
    good as its size, and files are as old as the clock of the server says; `vsda shards verify`
    reads every byte anywhere.

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


def index_file(job: SetJob) -> Place:
    """Return where the index of the set lies when it is published."""
    return to_place(index_path(str(job.out), job.name))


def publish(job: SetJob, results: Sequence[TaskResult], failures: Iterable[Failure]) -> ShardIndex:
    """Give the shards of finished tasks their final names and write the index.

    While this goes on there is no index, so nobody takes the set for whole; a run that is killed
    here is mended by the next one. On this machine that makes again what was renamed already; on a
    URL, where a name is given by a copy on the server, nothing is lost.
    """
    remove(index_file(job))
    _sync(job.out)
    written = [
        (task, result.shard)
        for task, result in zip(job.tasks, results, strict=True)
        if result.shard is not None
    ]
    shards = _give_names(job, written)
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
    remove_tree(job.staging)
    return index


def decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide what is written: a table's content does, not its name."""
    return {
        name: value
        for name, value in settings.items()
        if name != "class_map" or "class_map_sha256" not in settings
    }


def _give_names(job: SetJob, written: list[tuple[ShardTask, ShardInfo]]) -> list[ShardInfo]:
    """Give finished shards their final names and return them; on a URL several at a time."""
    numbered = [
        (task, replace(shard, url=f"{job.name}-{number:06d}.tar"))
        for number, (task, shard) in enumerate(written)
    ]
    give, num_threads = (move, 1) if is_local(job.out) else (copy, _NUM_COPIES)

    def give_names(pair: tuple[ShardTask, ShardInfo]) -> ShardInfo:
        task, shard = pair
        give(task.idx, join(job.out, shard.idx_url))
        give(task.tar, join(job.out, shard.url))
        return shard

    with ThreadPoolExecutor(num_threads) as pool:
        return list(pool.map(give_names, numbered))


def _sync(folder: Place) -> None:
    path = local_path(folder)
    if path is not None:
        sync_dir(path)


def _delete_others(job: SetJob, shards: Iterable[ShardInfo]) -> None:
    """Delete shards that an earlier set of this name has left, and half files of killed runs."""
    keep = {name for shard in shards for name in (shard.url, shard.idx_url)}
    ours = re.compile(rf"{re.escape(job.name)}-\d{{6,}}\.(tar|idx)|{part_pattern(job.name)}")
    for name in list_names(job.out):
        if ours.fullmatch(name) and name not in keep:
            remove(join(job.out, name))
    _sync(job.out)


def _read_index(job: SetJob) -> ShardIndex | str | None:
    """Return the index that is there, what is wrong with it, or None where there is none."""
    place = index_file(job)
    try:
        return load_index(str(place)) if exists(place) else None
    except ShardError as error:
        return str(error)


def _fault(index: ShardIndex, job: SetJob) -> str | None:
    """Return why a published set must be made again."""
    for shard in index.shards:
        if fault := _tar_fault(job, shard) or _idx_fault(job, shard):
            return fault
    published_ns = modified_ns(index_file(job)) or 0
    if any(task.changed_ns >= published_ns for task in job.tasks):
        return f"{job.listing.root}: files were changed after the set was made"
    return None


def _tar_fault(job: SetJob, shard: ShardInfo) -> str | None:
    place = join(job.out, shard.url)
    size_bytes = file_size(place)
    if size_bytes is None:
        return f"{place}: {_ABSENT}"
    is_same = size_bytes == shard.filesize
    if is_same and is_local(place):
        is_same = sha256_file(place) == shard.sha256
    return None if is_same else f"{place}: {_CHANGED}"


def _idx_fault(job: SetJob, shard: ShardInfo) -> str | None:
    place = join(job.out, shard.idx_url)
    if not exists(place):
        return f"{place}: {_ABSENT}"
    return None if sha256_file(place) == shard.idx_sha256 else f"{place}: {_CHANGED}"


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
