"""`prepare`: list the files, run the shard tasks, publish the sets."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from vsda.datasets.listing import Failure
from vsda.engine.run import Workers, run_tasks
from vsda.prepare.job import SetJob, make_jobs
from vsda.prepare.options import PrepareOptions
from vsda.prepare.publish import check_settings, index_file, publish, standing
from vsda.prepare.report import (
    PrepareReport,
    report_of,
    report_rows,
    sort_failures,
    total_outcomes,
)
from vsda.prepare.staging import SETTINGS_FILE, finished, open_staging
from vsda.prepare.task import TaskResult, run_task
from vsda.progress import progress
from vsda.shards.card import write_card
from vsda.shards.change import finish_change
from vsda.shards.versions import package_versions
from vsda.storage import exclusive, exists, join, local_path, remove_tree, write_atomic


def prepare(dataset: str, options: PrepareOptions) -> list[PrepareReport]:
    """Write the shards of a dataset, one set per split; return what became of each.

    What is wrong with the options, the folder or an existing set is found before anything is
    written. The same files and settings give the same bytes, however many workers there are and
    however often the work was killed and started again.

    Args:
        dataset: A name in `DATASETS`.
        options: What to write and where.

    Raises:
        UsageError: Options that contradict each other.
        UnknownNameError: An unknown dataset, class, split, ...
        DatasetError: The dataset is not where it should be.
        ShardError: A set is there that was made otherwise, or the disk takes no more.
        VsdaError: Another process writes the same set, or a worker died.
    """
    jobs = make_jobs(dataset, options)
    for job in jobs:
        check_settings(job, options.overwrite)
    return [_prepare_set(job, options) for job in jobs]


def _prepare_set(job: SetJob, options: PrepareOptions) -> PrepareReport:
    with exclusive(job.lock) as check_lock:
        finish_change(str(job.out), job.name)  # of a 'vsda shards remove' that was killed
        found = standing(job, options.overwrite)
        if found.index is not None:
            remove_tree(job.staging)
            write_card(job.out)  # a run that was killed right after its index has none
            return report_of(found.index, index_file(job), found.failures, up_to_date=True)
        report = _make_set(job, options, check_lock)
    why_again = (f"{found.fault}; the set is made again",) if found.fault else ()
    return replace(report, notes=(*why_again, *report.notes))


def _make_set(
    job: SetJob, options: PrepareOptions, check_lock: Callable[[], None]
) -> PrepareReport:
    if options.overwrite:
        remove_tree(job.staging)
    results = _run_tasks(job, options)
    failures = _failures(job, results)
    check_lock()
    if all(result.shard is None for result in results):
        remove_tree(job.staging)
        return _nothing_written(job, results, failures)
    index = publish(job, results, failures)
    return report_of(index, index_file(job), failures, up_to_date=False)


def _run_tasks(job: SetJob, options: PrepareOptions) -> list[TaskResult]:
    open_staging(job.staging, job.settings | {"versions": package_versions()})
    done = {task.number: result for task in job.tasks if (result := finished(task)) is not None}
    todo = [task for task in job.tasks if task.number not in done]
    workers = Workers(
        kind=options.engine,
        num_workers=options.num_workers,
        address=options.address,
        needs=_shared_places(job),
    )
    running = run_tasks(run_task, todo, workers=workers, name_of=lambda task: task.name)
    for task, result in zip(todo, progress(running, f"{job.name}: shards", len(todo)), strict=True):
        done[task.number] = result
    return [done[task.number] for task in job.tasks]


def _shared_places(job: SetJob) -> tuple[Path, ...]:
    """Return what the tasks of other machines must see here."""
    staged = local_path(join(job.staging, SETTINGS_FILE))
    return (job.listing.root,) if staged is None else (job.listing.root, staged)


def _failures(job: SetJob, results: list[TaskResult]) -> list[Failure]:
    of_tasks = chain.from_iterable(result.failures for result in results)
    return sort_failures(chain(job.listing.failures, of_tasks))


def _nothing_written(
    job: SetJob, results: list[TaskResult], failures: list[Failure]
) -> PrepareReport:
    """Return the report of a set that was not published; the rows of an old set stay its own."""
    old_set_stays = exists(index_file(job))
    if failures and not old_set_stays:
        write_atomic(job.report, report_rows(failures))
    return PrepareReport(
        name=job.name,
        index=None,
        up_to_date=False,
        num_samples=0,
        num_sequences=0,
        num_shards=0,
        num_bytes=0,
        class_frames={},
        outcomes=total_outcomes(job.listing, [result.outcomes for result in results]),
        failures=tuple(failures),
        notes=job.listing.notes,
        old_set_stays=old_set_stays,
    )
