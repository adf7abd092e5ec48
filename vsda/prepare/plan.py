"""`plan`: what `prepare` would write, without writing anything."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vsda.datasets import get_dataset
from vsda.datasets.labels import chosen_classes
from vsda.datasets.listing import Failure, Unit
from vsda.engine.run import Workers, run_tasks
from vsda.errors import ItemError, Outcome
from vsda.prepare.job import SetJob, make_jobs
from vsda.prepare.options import PrepareOptions, worker_count
from vsda.prepare.report import count_failed, sort_failures, total_outcomes
from vsda.prepare.task import ShardTask, Tally
from vsda.progress import progress
from vsda.shards.index import SequenceInfo
from vsda.taxonomy import class_names


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSet:
    """What one set would hold.

    Where a table says what a sequence shows, as for DAVIS, images and masks are not opened:
    `class_frames` then counts all frames of the sequences that have an object of the class, and
    damaged files show only when the set is written. Label maps, as of COCO, are read.

    Attributes:
        name: Such as `davis-train`.
        num_samples: Frames to be written.
        num_shards: Tars to be written, at most.
        sequences: Empty for still images.
        class_frames: Class name to number of frames.
        outcomes: Number of items by what would become of them.
        failures: Sorted by key.
        settings: What the index would record.
        notes: What a user should know.
    """

    name: str
    num_samples: int
    num_shards: int
    sequences: tuple[SequenceInfo, ...]
    class_frames: Mapping[str, int]
    outcomes: Mapping[str, int]
    failures: tuple[Failure, ...]
    settings: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def num_failed(self) -> int:
        """The number of items that would fail."""
        return count_failed(self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values; its failures are counted, not listed."""
        names = class_names()
        return {
            "name": self.name,
            "samples": self.num_samples,
            "shards": self.num_shards,
            "sequences": [
                {
                    "name": sequence.name,
                    "frames": sequence.num_frames,
                    "classes": [names[class_id] for class_id in sequence.classes],
                }
                for sequence in self.sequences
            ],
            "class_frames": dict(self.class_frames),
            "outcomes": dict(self.outcomes),
            "settings": dict(self.settings),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a shard task would write; made by `survey_task`."""

    outcomes: Mapping[Outcome, int]
    failures: tuple[Failure, ...]
    class_frames: Mapping[int, int]


def plan(dataset: str, options: PrepareOptions) -> list[PlannedSet]:
    """Return what `prepare` would write with the same arguments; nothing is written.

    Raises:
        UsageError: Options that contradict each other.
        UnknownNameError: An unknown dataset, class, split, ...
        DatasetError: The dataset is not where it should be.
    """
    return [_plan_set(job, options) for job in make_jobs(dataset, options)]


def survey_task(task: ShardTask) -> Survey:
    """Return what a task would write, from the tables of its units or from its masks."""
    tally = Tally()
    class_frames: Counter[int] = Counter()
    for unit in task.units:
        for classes in _classes(task, unit, tally):
            class_frames.update(classes)
    return Survey(
        outcomes=dict(tally.outcomes),
        failures=tuple(tally.failures),
        class_frames=dict(class_frames),
    )


def _classes(task: ShardTask, unit: Unit, tally: Tally) -> list[tuple[int, ...]]:
    """Return the classes of every item of a unit that would be written."""
    classes_of = get_dataset(task.reader).classes_of
    if classes_of is None or unit.table is None:
        tally.outcomes[Outcome.OK] += len(unit.items)
        return [chosen_classes(unit.table or {})] * len(unit.items)
    found = []
    for item in unit.items:
        try:
            classes = classes_of(task.source, unit, item)
        except ItemError as error:
            tally.fail(item, error)
            continue
        is_left_out = not classes and unit.sequence is None  # sequences are kept whole
        tally.outcomes[Outcome.LEFT_OUT if is_left_out else Outcome.OK] += 1
        found.append(classes)
    return found


def _plan_set(job: SetJob, options: PrepareOptions) -> PlannedSet:
    surveys = _survey(job, options)
    failures = [*job.listing.failures, *(row for survey in surveys for row in survey.failures)]
    outcomes = total_outcomes(job.listing, [survey.outcomes for survey in surveys])
    return PlannedSet(
        name=job.name,
        num_samples=outcomes.get(Outcome.OK, 0),
        num_shards=sum(Outcome.OK in survey.outcomes for survey in surveys),
        sequences=tuple(_sequence(unit) for unit in job.listing.units if unit.sequence),
        class_frames=_sum_named(surveys),
        outcomes=outcomes,
        failures=tuple(sort_failures(failures)),
        settings=job.settings,
        notes=job.listing.notes,
    )


def _survey(job: SetJob, options: PrepareOptions) -> list[Survey]:
    reads_masks = get_dataset(job.dataset).classes_of is not None
    num_workers = worker_count(options) if reads_masks else 1
    running = run_tasks(
        survey_task,
        job.tasks,
        workers=Workers(num_workers=num_workers),
        name_of=lambda task: task.name,
        keeps_done=False,
    )
    return list(progress(running, f"{job.name}: label maps", len(job.tasks)))


def _sequence(unit: Unit) -> SequenceInfo:
    return SequenceInfo(
        name=unit.sequence or "",
        num_frames=len(unit.items),
        classes=chosen_classes(unit.table or {}),
    )


def _sum_named(surveys: list[Survey]) -> dict[str, int]:
    total: Counter[int] = Counter()
    for survey in surveys:
        total.update(survey.class_frames)
    names = class_names()
    return {names[class_id]: count for class_id, count in sorted(total.items())}
