"""All tasks of new sets, then the moment in which the sets appear."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from vsda.engine.run import Workers, run_tasks
from vsda.errors import ShardError
from vsda.prepare.job import staging_folder
from vsda.prepare.report import count_failed
from vsda.prepare.staging import SETTINGS_FILE, open_staging
from vsda.progress import progress
from vsda.shards.card import write_card
from vsda.shards.change import finish_change
from vsda.shards.index import ShardIndex, ShardSet, index_path
from vsda.shards.publish import StagedShard, publish_set
from vsda.shards.standing import difference, find_fault, find_standing
from vsda.storage import Place, exclusive, join, local_path, remove_tree, to_place
from vsda.toolbox.task import ShardTask, Work, Written, finished, run_task

Finish = Callable[[ShardIndex, Sequence[Written]], tuple[ShardIndex, Mapping[str, bytes]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSet:
    """A set to make.

    Attributes:
        out: Folder or URL that gets it.
        index: Its index but for the shards; equal settings give equal bytes.
        tasks: One per shard, in order.
    """

    out: Place
    index: ShardIndex
    tasks: tuple[ShardTask, ...]

    @property
    def name(self) -> str:
        """The name of the set."""
        return self.index.name

    @property
    def staging(self) -> str:
        """The hidden folder where the shards are made."""
        return staging_folder(self.out, self.name)

    @property
    def index_file(self) -> Place:
        """Where the index lies when the set is published."""
        return to_place(index_path(str(self.out), self.name))


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeSet:
    """A set that is there now.

    Attributes:
        index: Its index.
        place: The index file.
        up_to_date: It was there already, made in the same way from the same set.
        fault: Why a set that was there was made again, None where it was not.
    """

    index: ShardIndex
    place: Place
    up_to_date: bool
    fault: str | None = None

    @property
    def num_bytes(self) -> int:
        """The size of its tars."""
        return sum(shard.filesize for shard in self.index.shards)

    @property
    def num_failed(self) -> int:
        """The number of samples that could not be read."""
        return count_failed(self.index.outcomes)


@dataclass(slots=True)
class _Making:
    """A new set while it is made."""

    new: NewSet
    check_lock: Callable[[], None]
    standing: ShardIndex | None
    fault: str | None
    done: dict[int, Written] = field(default_factory=dict)

    def todo(self) -> list[ShardTask]:
        """Return the tasks that are left."""
        if self.standing is not None:
            return []
        return [task for task in self.new.tasks if task.number not in self.done]


def new_set(out: Place, index: ShardIndex, works: Sequence[tuple[ShardSet, Work]]) -> NewSet:
    """Return the set that `works` make, a shard each: what is read, and what is done with it."""
    out = to_place(out)
    index = replace(index, settings=json.loads(json.dumps(dict(index.settings))))
    folder = staging_folder(out, index.name)
    tasks = (
        ShardTask(set_name=index.name, number=number, folder=folder, source=source, work=work)
        for number, (source, work) in enumerate(works)
    )
    return NewSet(out=out, index=index, tasks=tuple(tasks))


def check_standing(sets: Sequence[NewSet], *, overwrite: bool) -> None:
    """Refuse to replace a set that was made otherwise.

    Raises:
        ShardError: One is there, and `overwrite` is false.
    """
    for new in sets:
        found = None if overwrite else find_standing(new.out, new.name)
        if isinstance(found, ShardIndex) and found.settings != new.index.settings:
            changes = difference(found.settings, new.index.settings).items()
            raise ShardError(
                f"{new.index_file}: this set was made otherwise: "
                f"{', '.join(f'{name} {change}' for name, change in changes)}; give --overwrite to "
                "replace it, or another --out"
            )


def make_sets(
    sets: Sequence[NewSet], finish: Finish, *, workers: Workers, overwrite: bool
) -> list[MadeSet]:
    """Make sets; none of them appears before the shards of all are finished.

    The same sources and settings give the same bytes, however many workers there are and however
    often the work was killed and started again.

    Args:
        sets: What to make; none has the name and folder of another.
        finish: Completes the index of a set from the results of its tasks, in order, and returns
            by name what else belongs to the set.
        workers: Where the tasks run.
        overwrite: Replace sets that were made otherwise.

    Raises:
        ShardError: A set is there that was made otherwise, a source is damaged, or nothing is left
            to write.
        VsdaError: The disk is full, another process writes the same set, or a worker died.
    """
    check_standing(sets, overwrite=overwrite)
    with ExitStack() as locks:
        making = [_begin(new, locks, overwrite=overwrite) for new in sets]
        _run(making, workers)
        return [_end(one, finish) for one in making]


def _begin(new: NewSet, locks: ExitStack, *, overwrite: bool) -> _Making:
    check_lock = locks.enter_context(exclusive(join(new.out, f".{new.name}.lock")))
    finish_change(str(new.out), new.name)  # of a 'vsda shards remove' that was killed
    check_standing([new], overwrite=overwrite)
    found = None if overwrite else find_standing(new.out, new.name)
    fault = found if isinstance(found, str) else None
    if isinstance(found, ShardIndex):
        fault = find_fault(found, new.out)
        if fault is None:
            remove_tree(new.staging)
            write_card(new.out)  # a run that was killed right after its index has none
            return _Making(new, check_lock, found, None)
    if overwrite:
        remove_tree(new.staging)
    open_staging(new.staging, dict(new.index.settings))
    done = {task.number: old for task in new.tasks if (old := finished(task)) is not None}
    return _Making(new, check_lock, None, fault, done)


def _run(making: list[_Making], workers: Workers) -> None:
    todo = [(one, task) for one in making for task in one.todo()]
    tasks = [task for _, task in todo]
    needs = tuple(_shared_places(making))
    running = run_tasks(
        run_task,
        tasks,
        workers=replace(workers, needs=needs),
        name_of=lambda task: task.name,
    )
    names = ", ".join(one.new.name for one in making)
    for (one, task), written in zip(
        todo, progress(running, f"{names}: shards", len(todo)), strict=True
    ):
        one.done[task.number] = written


def _shared_places(making: list[_Making]) -> Iterator[Path]:
    """Yield what the tasks of other machines must see here."""
    folders = {task.source.folder for one in making for task in one.todo()}
    staged = [join(one.new.staging, SETTINGS_FILE) for one in making if one.todo()]
    for place in (*sorted(folders), *staged):
        path = local_path(place)
        if path is not None:
            yield path


def _end(one: _Making, finish: Finish) -> MadeSet:
    new = one.new
    if one.standing is not None:
        return MadeSet(index=one.standing, place=new.index_file, up_to_date=True)
    results = [one.done[task.number] for task in new.tasks]
    index, files = finish(new.index, results)
    staged = [
        StagedShard(tar=task.tar, info=result.shard)
        for task, result in zip(new.tasks, results, strict=True)
        if result.shard is not None
    ]
    if not staged:
        failures = [failure.message for result in results for failure in result.failures]
        raise ShardError(f"{new.index_file}: no sample could be written: {failures[0]}")
    one.check_lock()
    index = publish_set(new.out, index, staged, files, new.staging)
    return MadeSet(index=index, place=new.index_file, up_to_date=False, fault=one.fault)
