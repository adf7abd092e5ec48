"""One shard task: items in, one tar and one result out, a pure function of what it is given.

So a task may be run again, on any machine and beside any others, and gives the same bytes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from pydantic import TypeAdapter

from vsda.datasets import get_dataset
from vsda.datasets.listing import Failure, Item, Listing, Source, Unit
from vsda.errors import ItemError, Outcome, ShardError
from vsda.sample import Sample
from vsda.shards.index import ShardInfo
from vsda.shards.names import idx_place
from vsda.shards.write import write_shard
from vsda.storage import join, write_atomic


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardTask:
    """The items of one shard.

    Attributes:
        set_name: Such as `davis-train`.
        number: Position among the tasks of the set, from 0.
        reader: Name of the dataset in `DATASETS` that reads the items.
        source: What it needs besides them.
        folder: Path or URL where the tar and the result go.
        units: What to write.
    """

    set_name: str
    number: int
    reader: str
    source: Source
    folder: str
    units: tuple[Unit, ...]

    @property
    def name(self) -> str:
        """What to call the task in an error."""
        return f"{self.set_name}, shard task {self.number}"

    @property
    def tar(self) -> str:
        """Where the tar is made; it gets its final name when the set is published."""
        return join(self.folder, f"task-{self.number:06d}.tar")

    @property
    def idx(self) -> str:
        """Where the `.idx` of the tar is made."""
        return idx_place(self.tar)

    @property
    def changed_ns(self) -> int:
        """When a file that the task reads was last changed."""
        return max((unit.changed_ns for unit in self.units), default=0)

    @property
    def result(self) -> str:
        """The file whose existence says that the task is done."""
        return join(self.folder, f"task-{self.number:06d}.result.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
    """What came of a task; `shard` is None where no item was left to write."""

    shard: ShardInfo | None
    outcomes: Mapping[Outcome, int]
    failures: tuple[Failure, ...]

    def to_json(self) -> bytes:
        """Return the result as JSON."""
        return _RESULT.dump_json(self)

    @classmethod
    def from_json(cls, data: bytes) -> "TaskResult":
        """Read what `to_json` wrote."""
        return _RESULT.validate_json(data)


_RESULT = TypeAdapter(TaskResult)


@dataclass(slots=True)
class Tally:
    """What became of the items so far."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def fail(self, item: Item, error: ItemError) -> None:
        """Count an item that failed."""
        self.outcomes[error.outcome] += 1
        self.failures.append(Failure(key=item.key, outcome=error.outcome, message=str(error)))


def assign(
    listing: Listing, reader: str, source: Source, folder: str, shard_bytes: int
) -> list[ShardTask]:
    """Return the shard tasks of a listing: its units in order, cut where `shard_bytes` is full.

    Args:
        listing: What to write.
        reader: Name in `DATASETS` of what reads the items.
        source: What it needs besides them.
        folder: Where tasks put what they make.
        shard_bytes: Size of the files that go into one shard; a larger unit has its own.
    """
    groups: list[list[Unit]] = []
    room = 0
    for unit in listing.units:
        if not groups or unit.num_bytes > room:
            groups.append([])
            room = shard_bytes
        groups[-1].append(unit)
        room -= unit.num_bytes
    return [
        ShardTask(
            set_name=f"{listing.dataset}-{listing.split}",
            number=number,
            reader=reader,
            source=source,
            folder=folder,
            units=tuple(units),
        )
        for number, units in enumerate(groups)
    ]


def run_task(task: ShardTask) -> TaskResult:
    """Write the tar of a task and then its result; broken items are counted and passed over.

    Raises:
        ShardError: The disk takes no more, or the samples make no sound shard.
        VsdaError: The server of a URL does not take the files.
    """
    try:
        result = _write(task)
        write_atomic(task.result, result.to_json())
    except OSError as error:  # items that cannot be read are no OSError any more
        raise ShardError(
            f"{task.folder}: cannot write {task.name}: {error.strerror}; finished shards are kept, "
            "so mend that and run the command again"
        ) from error
    return result


def _write(task: ShardTask) -> TaskResult:
    tally = Tally()
    samples = _samples(task, tally)
    first = next(samples, None)
    shard = None if first is None else write_shard(task.tar, chain([first], samples))
    return TaskResult(
        shard=shard,
        outcomes=dict(sorted(tally.outcomes.items())),
        failures=tuple(tally.failures),
    )


def _samples(task: ShardTask, tally: Tally) -> Iterator[Sample]:
    read = get_dataset(task.reader).read
    for item, samples in (
        (item, read(task.source, unit, item)) for unit in task.units for item in unit.items
    ):
        num_samples = 0
        try:
            for sample in samples:
                yield sample
                num_samples += 1
        except ItemError as error:
            tally.fail(item, error)
            continue
        tally.outcomes[Outcome.OK if num_samples else Outcome.LEFT_OUT] += max(num_samples, 1)
