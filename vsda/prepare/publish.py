"""The set of a job: what of it is there already, and the moment in which it appears."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsda.datasets.listing import Failure
from vsda.errors import ShardError
from vsda.prepare.job import TABLE, SetJob
from vsda.prepare.report import read_rows, report_rows, total_outcomes
from vsda.prepare.task import TaskResult
from vsda.shards.index import ShardIndex, index_path
from vsda.shards.names import file_name
from vsda.shards.publish import StagedShard, publish_set
from vsda.shards.standing import difference, find_fault, find_standing
from vsda.storage import Place, modified_ns, to_place


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
    index = None if overwrite else find_standing(job.out, job.name)
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
    index = None if overwrite else find_standing(job.out, job.name)
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
    """Publish the shards of finished tasks with the rows of `failures`; see `publish_set`."""
    staged = [
        StagedShard(tar=task.tar, info=result.shard)
        for task, result in zip(job.tasks, results, strict=True)
        if result.shard is not None
    ]
    index = ShardIndex(
        name=job.name,
        dataset=job.listing.dataset,
        split=job.listing.split,
        shards=(),
        settings=job.settings,
        outcomes=total_outcomes(job.listing, [result.outcomes for result in results]),
        notes=job.listing.notes,
        command=job.command,
    )
    files = {file_name(job.report): report_rows(failures)}
    return publish_set(job.out, index, staged, files, job.staging)


def decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide what is written: a table's content does, not its name."""
    if "class_map_sha256" not in settings:
        return dict(settings)
    own = {name: value for name, value in settings.get("options", {}).items() if name != TABLE}
    others = {name: value for name, value in settings.items() if name not in {TABLE, "options"}}
    return others | ({"options": own} if own else {})


def _fault(index: ShardIndex, job: SetJob) -> str | None:
    """Return why a published set must be made again."""
    if fault := find_fault(index, job.out):
        return fault
    published_ns = modified_ns(index_file(job)) or 0
    if any(task.changed_ns >= published_ns for task in job.tasks):
        return f"{job.listing.root}: files were changed after the set was made"
    return None


def _difference(index: ShardIndex, job: SetJob) -> str:
    """Return 'name was x, is y' for every setting that differs."""
    found = difference(index.settings, job.settings)
    if list(found) == ["listing_sha256"]:
        return "the files below --root have other names or sizes now"
    return ", ".join(
        f"{name} {change}" for name, change in found.items() if name != "listing_sha256"
    )
