"""Where the time of a step goes: torch's profiler over a few steps, kept in the run folder."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import profiler

from vsda.storage import write_atomic

logger = logging.getLogger(__name__)

PROFILE_DIR = "profile"
_WARM_STEPS = 3
_ROWS = 40


@contextmanager
def profiled(run_dir: Path, num_steps: int) -> Iterator[Callable[[], None]]:
    """Yield what to call after each step; writes `profile/` once `num_steps` were seen.

    The first steps, which set things up, are left out. There are a trace, to be opened with
    Perfetto or chrome://tracing, and a table of the operations that take longest.

    Args:
        run_dir: The run folder.
        num_steps: Steps to see; 0 profiles nothing and costs nothing.
    """
    if not num_steps:
        yield _nothing
        return
    activities = [profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(profiler.ProfilerActivity.CUDA)
    with profiler.profile(
        activities=activities,
        schedule=profiler.schedule(wait=_WARM_STEPS - 1, warmup=1, active=num_steps, repeat=1),
        on_trace_ready=lambda seen: _write(run_dir / PROFILE_DIR, seen, num_steps),
        profile_memory=True,
    ) as running:
        yield running.step


def _write(folder: Path, seen: profiler.profile, num_steps: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    trace = folder / "trace.json.gz"
    seen.export_chrome_trace(str(trace))
    order = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    table = seen.key_averages().table(sort_by=order, row_limit=_ROWS)
    write_atomic(folder / "operations.txt", f"{num_steps} steps\n{table}\n".encode())
    logger.info("profile of %d steps: %s and operations.txt beside it", num_steps, trace)


def _nothing() -> None:
    """Stand in for the profiler's step where nothing is profiled."""
