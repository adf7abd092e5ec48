"""Make single shards of a set again: the tasks that made them, found from what its index says."""

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vsda.datasets import DATASETS, get_dataset
from vsda.datasets.labels import REMAP_COCO
from vsda.datasets.listing import Dataset
from vsda.datasets.youtube_bb.annotations import DATASET as VIDEOS
from vsda.engine.run import Workers, run_tasks
from vsda.errors import ShardError, VsdaError
from vsda.prepare.job import NAME, TABLE, SetJob, make_jobs
from vsda.prepare.options import PrepareOptions
from vsda.prepare.publish import decisive
from vsda.prepare.staging import finished
from vsda.prepare.task import ShardTask, TaskResult, run_task
from vsda.progress import progress
from vsda.shards.index import ShardIndex, ShardInfo, ShardSet
from vsda.shards.standing import difference

_PREPARE = ("vsda", "prepare")


def job_like(index: ShardIndex, folder: str, root: Path, class_map: Path | None = None) -> SetJob:
    """Return the job that makes the set of an index, as its settings and command say.

    Raises:
        ShardError: The set was not made by `vsda prepare`, or these originals make another.
        DatasetError: The originals are not there.
    """
    dataset = _maker(index)
    options = PrepareOptions(
        root=root,
        out=folder,
        split=index.split,
        own=_own_options(dataset, index, class_map),
        **_stated_options(index.settings),
    )
    jobs = {job.name: job for job in make_jobs(dataset.name, options)}
    if index.name not in jobs:
        raise ShardError(f"{root}: makes {', '.join(jobs)} and not {index.name}")
    job = jobs[index.name]
    if changes := difference(decisive(index.settings), decisive(job.settings)):
        files = "; the files have other names or sizes" if "listing_sha256" in changes else ""
        found = ", ".join(f"{name} {change}" for name, change in changes.items())
        raise ShardError(f"{root}: would make another set{files}: {found}")
    return job


@dataclass(frozen=True, kw_only=True, slots=True)
class Originals:
    """Makes tars again by the tasks that made them; see `shards.repair.Rebuild`.

    Attributes:
        shard_set: The set.
        data: Folder with the originals of each dataset in a folder of its name.
        root: Folder of the originals, in place of that.
        class_map: The table that the set was made with, where that was the user's own.
        num_workers: Shards made at a time; None for one per CPU core.
    """

    shard_set: ShardSet
    data: Path
    root: Path | None = None
    class_map: Path | None = None
    num_workers: int | None = None

    def __call__(
        self, bad: Sequence[ShardInfo], room: str, only_say: bool
    ) -> Mapping[str, str | VsdaError]:
        """Return where each of the tars `bad` was made below `room`, or why it was not.

        Raises:
            ShardError: The originals are not there, or make another set.
        """
        job = self._job()
        if only_say:
            return {info.url: info.url for info in bad}
        index = self.shard_set.index
        tasks = [replace(task, folder=room) for task in _candidates(job, index, bad)]
        made = {
            result.shard.sha256: task.tar
            for task, result in zip(tasks, _run(tasks, self.num_workers), strict=True)
            if result.shard is not None
        }
        other = ShardError(
            f"{job.listing.root}: gives other bytes than the index lists: a file was changed, or "
            f"another vsda than {index.version} made the set; give --copy, or make the set again "
            f"with `{index.command or job.command} --overwrite`"
        )
        return {info.url: made.get(info.sha256, other) for info in bad}

    def _job(self) -> SetJob:
        index = self.shard_set.index
        try:
            root = self.root or self.data / _maker(index).name
            return job_like(index, self.shard_set.folder, root, self.class_map)
        except VsdaError as error:
            raise ShardError(f"{error}; or give --copy with another copy of the set") from error


def _candidates(job: SetJob, index: ShardIndex, bad: Sequence[ShardInfo]) -> list[ShardTask]:
    """Return the tasks that may have made the bad shards; a task without a sample made none."""
    num_empty = len(job.tasks) - len(index.shards)
    if num_empty < 0:
        raise ShardError(f"{job.listing.root}: has files for {len(job.tasks)} shards only")
    numbers = {info.url: number for number, info in enumerate(index.shards)}
    wanted = {numbers[info.url] + more for info in bad for more in range(num_empty + 1)}
    return [task for task in job.tasks if task.number in wanted]


def _run(tasks: Sequence[ShardTask], num_workers: int | None) -> Iterator[TaskResult]:
    """Yield what the tasks made; what a killed run had made already is not made again."""
    done = {task.number: result for task in tasks if (result := finished(task)) is not None}
    todo = [task for task in tasks if task.number not in done]
    workers = Workers(num_workers=num_workers)
    running = run_tasks(run_task, todo, workers=workers, name_of=lambda task: task.name)
    made = progress(running, "shards made again", len(todo))
    done |= {task.number: result for task, result in zip(todo, made, strict=True)}
    return (done[task.number] for task in tasks)


def _maker(index: ShardIndex) -> Dataset:
    """Return the dataset that makes a set, which the command in its index names."""
    try:
        words = shlex.split(index.command)
    except ValueError as error:
        raise ShardError(f"its index has a command that is none: {index.command!r:.200}") from error
    if words and tuple(words[:2]) != _PREPARE:
        raise ShardError(f"not made by `vsda prepare`; `{index.command}` makes the set again")
    name = words[2] if len(words) > 2 else index.dataset
    if name == VIDEOS:
        raise ShardError("not made by `vsda prepare`; the same `vsda fetch ytbb` makes it again")
    if name not in DATASETS:
        raise ShardError(f"made from {name!r:.80}, which `vsda prepare` does not know")
    return get_dataset(name)


def _stated_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options of `prepare` that an index has among its settings."""
    stated = _checked(_Settings, settings)
    found = dataclasses.asdict(stated)
    found["classes"] = None if stated.classes is None else ",".join(stated.classes)
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Settings:
    remap: str = REMAP_COCO
    classes: tuple[str, ...] | None = None
    outside: str | None = None
    shard_mb: int | None = None


def _own_options(dataset: Dataset, index: ShardIndex, class_map: Path | None) -> Any:
    """Return the dataset's own options from what an index says of them."""
    names = {field.name for field in dataclasses.fields(dataset.options)}
    stated = index.settings.get("options", {})
    if not isinstance(stated, Mapping) or not stated.keys() <= names:
        raise ShardError(f"its index has an odd setting: options: {stated!r:.200}")
    own = dict(stated) | ({NAME: index.dataset} if NAME in names else {})
    if TABLE in own and "class_map_sha256" in index.settings:  # a word stands for no file
        if class_map is None:
            raise ShardError(f"made with the table {own[TABLE]}; give it by --class-map")
        own[TABLE] = class_map
    return _checked(dataset.options, own)


def _checked(kind: type[Any], values: Mapping[str, Any]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ShardError(f"its index has an odd setting: {where}: {first['msg']}") from error
