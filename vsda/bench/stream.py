"""How fast pictures become batches: vsda beside others that read the same ones, and the limit.

In one process the ways take turns and time is that of the processor, so that other work on the
machine disturbs all alike. With workers each way starts anew, and fills its queues before the clock
starts.
"""

import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import features

from vsda.bench.stream_pictures import KINDS, Stored, from_set, made_up, store
from vsda.bench.stream_results import StreamBench, StreamResult, StreamRow
from vsda.bench.stream_ways import LIMIT, WAYS, YARDSTICKS, Batches, Job, Way
from vsda.bench.timing import Rounds, take_turns
from vsda.progress import progress
from vsda.shards.index import open_set

_QUEUES = 2
"""Batches that each worker has ready, by PyTorch's default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        pictures: Of each kind; a round goes through about so many.
        size_px: Side of the squares that all ways make.
        batch: Pictures of a batch.
        rounds: In one process.
        workers: Processes of a second measurement; 0 leaves it out.
        shards: A set whose first pictures are taken, instead of made-up ones.
    """

    pictures: int = 64
    size_px: int = 256
    batch: int = 16
    rounds: int = 7
    workers: int = 0
    shards: str | None = None


def measure(plan: Plan | None = None) -> StreamBench:
    """Return how fast each way is, with and without masks.

    Raises:
        ShardError: There is no such set, or it is damaged.
        UsageError: The set has too few pictures.
    """
    plan = plan or Plan()
    with tempfile.TemporaryDirectory(prefix="vsda-bench-") as folder, _one_thread():
        results = [
            _result(stored, plan, labelled=labelled)
            for stored in _stored(plan, Path(folder))
            for labelled in ((True, False) if stored.masks else (False,))
        ]
    return StreamBench(
        results=tuple(results),
        size_px=plan.size_px,
        batch=plan.batch,
        rounds=plan.rounds,
        workers=plan.workers,
        num_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        processor=platform.processor() or platform.machine(),
        versions=_versions(),
    )


def _stored(plan: Plan, folder: Path) -> Iterator[Stored]:
    if plan.shards is not None:
        yield store(from_set(open_set(plan.shards), plan.pictures), plan.shards, folder / "set")
        return
    for kind in progress(KINDS, "made-up pictures"):
        yield store(made_up(kind, plan.pictures), kind.name, folder / kind.name)


def _result(stored: Stored, plan: Plan, *, labelled: bool) -> StreamResult:
    job = Job(stored=stored, labelled=labelled, size_px=plan.size_px, batch=plan.batch)
    num_batches = max(1, round(plan.pictures / plan.batch))
    what = f"{stored.facts.name}, {'with' if labelled else 'without'} masks"
    running = {way.name: way.batches(job, 0) for way in (*WAYS, *YARDSTICKS)}
    works = {
        name: lambda batches=batches: _take(batches, num_batches)
        for name, batches in running.items()
    }
    took_ms = take_turns(works, plan.rounds, what, clock=time.process_time)
    rows = [_row(way, took_ms, num_batches * plan.batch) for way in (*WAYS, *YARDSTICKS)]
    if plan.workers:
        rates = _with_workers(job, plan, num_batches, what)
        rows = [replace(row, with_workers=rates.get(row.name)) for row in rows]
    return StreamResult(pictures=stored.facts, labelled=labelled, rows=tuple(rows))


def _row(way: Way, took_ms: Rounds, num_pictures: int) -> StreamRow:
    rates = [num_pictures / each * 1e3 for each in took_ms[way.name]]
    low, median, high = np.percentile(rates, [25, 50, 75]).tolist()
    limits = zip(took_ms[LIMIT.name], took_ms[way.name], strict=True)
    of_limit = float(np.median([limit / each for limit, each in limits]))
    return StreamRow(
        name=way.name, work=way.work, per_core=median, low=low, high=high, of_limit=of_limit
    )


def _with_workers(job: Job, plan: Plan, num_batches: int, what: str) -> Mapping[str, float]:
    """Return pictures per second of each way with workers, when their queues are running."""
    # Twice as many as may wait in the queues, so that most of them are made while the clock runs.
    num_timed = num_batches + 4 * _QUEUES * plan.workers
    rates = {}
    for way in progress(WAYS, f"{what}, {plan.workers} workers"):
        batches = way.batches(job, plan.workers)
        _take(batches, 2 * _QUEUES * plan.workers)
        start = time.perf_counter()
        _take(batches, num_timed)
        rates[way.name] = num_timed * plan.batch / (time.perf_counter() - start)
        del batches
    return rates


def _take(batches: Batches, number: int) -> None:
    for _ in islice(batches, number):
        pass


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("torch", "torchvision", "pillow", "webdataset")}
    return packages | {"libjpeg-turbo": str(features.version("libjpeg_turbo"))}
