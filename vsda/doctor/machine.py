"""This machine: room on its disks, memory, cores, limits."""

import os
import resource
import shutil
import tempfile
from pathlib import Path

from vsda.doctor.check import Check, State

GB = 1_000_000_000
_DATA_GB = (1.0, 20.0)
_SCRATCH_GB = (0.5, 2.0)
_MEMORY_GB = (1.0, 4.0)
"""Below the first it is a failure, below the second a warning."""

_MIN_FILES = 1024
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def check_machine(data: Path) -> list[Check]:
    """Return what is found of the machine; `data` is the folder that is to be written to."""
    scratch = Path(tempfile.gettempdir())
    return [
        check_folder("data folder", data, _DATA_GB),
        check_folder("temporary folder", scratch, _SCRATCH_GB),
        check_memory(memory_bytes()),
        check_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        Check(name="cores", state=State.OK, found=str(_num_cores())),
    ]


def check_scratch() -> Check:
    """Return whether videos find room on their way."""
    return check_folder("temporary folder", Path(tempfile.gettempdir()), _SCRATCH_GB)


def check_data(data: Path) -> Check:
    """Return whether shards find room in `data`."""
    return check_folder("data folder", data, _DATA_GB)


def check_folder(name: str, folder: Path, few_gb: tuple[float, float]) -> Check:
    """Return whether `folder`, or the one where it will be made, can be written and has room."""
    there = _existing(folder)
    if not there.is_dir():
        found = f"{folder}: {there} is not a folder"
        return Check(name=name, state=State.FAIL, found=found, mend="give another place")
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"1")
    except OSError as error:
        found = f"{there}: cannot be written to: {error.strerror}"
        mend = "free some space, change its rights, or give another place"
        return Check(name=name, state=State.FAIL, found=found, mend=mend)
    free_gb = shutil.disk_usage(there).free / GB
    found = f"{folder}: {free_gb:.1f} GB free"
    return _graded(name, found, free_gb, few_gb, "free some space, or give another place")


def check_memory(num_bytes: int) -> Check:
    """Return whether so much memory is enough to decode videos."""
    found = f"{num_bytes / GB:.1f} GB for this machine or container"
    mend = "run fewer workers, or give the container more"
    return _graded("memory", found, num_bytes / GB, _MEMORY_GB, mend)


def check_files(num_files: int) -> Check:
    """Return whether a process may open so many files at once."""
    unlimited = num_files == resource.RLIM_INFINITY
    found = "no limit" if unlimited else f"{num_files} at once"
    if unlimited or num_files >= _MIN_FILES:
        return Check(name="open files", state=State.OK, found=found)
    mend = f"ulimit -n {_MIN_FILES}"
    return Check(name="open files", state=State.WARN, found=found, mend=mend)


def memory_bytes(limit: Path = _CGROUP_LIMIT) -> int:
    """Return the memory of this machine, or of the container if that has less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(total, int(text)) if text.isdigit() else total


def _num_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _graded(name: str, found: str, amount: float, few: tuple[float, float], mend: str) -> Check:
    if amount >= few[1]:
        return Check(name=name, state=State.OK, found=found)
    state = State.FAIL if amount < few[0] else State.WARN
    return Check(name=name, state=state, found=found, mend=mend)
