"""One shard task: a shard of a set in, one tar and one result out, a pure function of both.

So a task may be run again, on any machine and beside any others, and gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import TypeAdapter

from vsda.datasets.listing import Failure
from vsda.errors import ShardError
from vsda.shards.index import ShardInfo, ShardSet
from vsda.shards.names import idx_place
from vsda.storage import exists, file_size, join, read_bytes, write_atomic


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What came of a task.

    Attributes:
        shard: What its tar holds, None where no sample was left to write.
        counts: How often something happened that a user should know, by a name of the tool's own.
        failures: The samples that could not be read.
    """

    shard: ShardInfo | None
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    def to_json(self) -> bytes:
        """Return the result as JSON."""
        return _WRITTEN.dump_json(self)

    @classmethod
    def from_json(cls, data: bytes) -> "Written":
        """Read what `to_json` wrote."""
        return _WRITTEN.validate_json(data)


_WRITTEN = TypeAdapter(Written)


class Work(Protocol):
    """What to do with a shard; a frozen value, since it travels to other processes."""

    def write(self, source: ShardSet, target: str) -> Written:
        """Write the tar `target`, and its `.idx`, from the one shard of `source`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardTask:
    """One shard of a new set.

    Attributes:
        set_name: Name of the new set.
        number: Position among its tasks, from 0.
        folder: Path or URL where the tar and the result go.
        source: The set that is read, with the one shard that the task needs.
        work: What to do with that.
    """

    set_name: str
    number: int
    folder: str
    source: ShardSet
    work: Work

    @property
    def name(self) -> str:
        """What to call the task in an error."""
        return f"{self.set_name}, shard task {self.number}"

    @property
    def tar(self) -> str:
        """Where the tar is made; it gets its final name when the set is published."""
        return join(self.folder, f"task-{self.number:06d}.tar")

    @property
    def result(self) -> str:
        """The file whose existence says that the task is done."""
        return join(self.folder, f"task-{self.number:06d}.result.json")


def run_task(task: ShardTask) -> Written:
    """Write the tar of a task and then its result.

    Raises:
        ShardError: The shard that it reads is damaged, or the disk takes no more.
        VsdaError: The server of a URL does not give or take the files.
    """
    try:
        written = task.work.write(task.source, task.tar)
        write_atomic(task.result, written.to_json())
    except OSError as error:
        raise ShardError(
            f"{task.folder}: {task.name}: {error}; finished shards are kept, so mend that and run "
            "the command again"
        ) from error
    return written


def finished(task: ShardTask) -> Written | None:
    """Return the result of a task that an earlier run finished, None if it must be run."""
    if not exists(task.result):
        return None
    written = Written.from_json(read_bytes(task.result))
    if written.shard is None:
        return written
    is_whole = file_size(task.tar) == written.shard.filesize and exists(idx_place(task.tar))
    return written if is_whole else None
