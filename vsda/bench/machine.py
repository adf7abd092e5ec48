"""The machine that stands beside a benchmark's figures."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from vsda.bench.cluster_results import Machine


def this_machine(device: torch.device) -> Machine:
    """Return what is known of this machine and of `device`, on which it computes."""
    on_gpu = device.type == "cuda"
    return Machine(
        device=torch.cuda.get_device_name(device) if on_gpu else "cpu",
        processor=platform.processor() or platform.machine(),
        num_threads=torch.get_num_threads(),
        num_cores=_num_cores(),
        torch_version=torch.__version__,
        sklearn_version=_version("scikit-learn"),
    )


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
