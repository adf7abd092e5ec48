"""What was found on one point, and how to mend it."""

import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum, auto

_TIMEOUT_S = 60.0


class State(StrEnum):
    """How bad it is: `fail` is what some command of vsda cannot work with."""

    OK = auto()
    WARN = auto()
    FAIL = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One point.

    Attributes:
        name: What was looked at, in a word or two.
        state: How bad it is.
        found: What is there.
        mend: What to do; empty where all is well.
    """

    name: str
    state: State
    found: str
    mend: str = ""


def try_in_process(code: str, *arguments: str) -> tuple[bool, str]:
    """Run Python code in a process of its own, as a broken package may take its process along.

    Returns:
        Whether it ended well, and its output, or the last line of its error.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {_TIMEOUT_S:.0f} s"
    if done.returncode == 0:
        return True, done.stdout.strip()
    lines = done.stderr.strip().splitlines()
    return False, lines[-1] if lines else f"it ended with status {done.returncode}"
