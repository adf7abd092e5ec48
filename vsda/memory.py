"""How much memory a process has used."""

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """Return the peak memory of this process.

    Linux keeps in `ru_maxrss` what the process that started this one had, but not in its own
    status file.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes
