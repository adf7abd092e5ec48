"""The errors a user can cause, and the exit codes of the command line.

    VsdaError                 printed as one line, exit code 1
    ├── UsageError            options that contradict each other, exit code 2
    ├── UnknownNameError      a dataset, recipe, class... that does not exist
    ├── ManifestError         a table under manifests/ is wrong
    ├── RecipeError           a file under pipelines/ or a --set is wrong
    ├── DatasetError          a dataset's folder is missing or laid out otherwise
    ├── ShardError            shards or their index are missing, damaged or contradict each other
    ├── RunError              a run folder is missing, damaged or belongs to another recipe
    ├── WeightsError          a file of network weights is missing, damaged or of another network
    ├── FetchError            a download failed, or what came is not what was asked for
    ├── StoppedError          a bulk run was stopped and goes on where it was; has its own exit code
    └── ItemError             one item of a bulk run failed; counted by its outcome, never fatal

Messages say where, what was found, what was expected and what to do.
"""

import difflib
import errno
from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Any

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The `errno` of an OSError that says that the disk is full, or the quota used up."""


class ExitCode(IntEnum):
    """What a command's exit status means.

    The last three are signals, as in a shell: Ctrl-C, SIGUSR1 (a batch system's warning), SIGTERM.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    THROTTLED = 75
    STOPPED = 130
    PREEMPTED = 138
    TERMINATED = 143


class Outcome(StrEnum):
    """What became of one item of a bulk run. Closed: every failure has exactly one name."""

    OK = "ok"
    LEFT_OUT = "left-out"

    # files of a dataset
    MISSING = "missing"
    UNREADABLE = "unreadable"
    SIZE_MISMATCH = "size-mismatch"
    UNKNOWN_ID = "unknown-id"
    BINARY_MASK = "binary-mask"
    SAME_KEY = "same-key"

    # videos that cannot be had
    GONE = "gone"
    PRIVATE = "private"
    UNAVAILABLE = "unavailable"
    AGE_RESTRICTED = "age-restricted"
    GEO_BLOCKED = "geo-blocked"
    NO_FORMAT = "no-format"
    WITHDRAWN = "withdrawn"

    # the way to them
    NETWORK = "network"
    THROTTLED = "throttled"
    BOT_CHECK = "bot-check"
    UNKNOWN_REPLY = "unknown-reply"

    # what came, and what decoding it did
    NOT_A_VIDEO = "not-a-video"
    TOO_SHORT = "too-short"
    UNDECODABLE = "undecodable"
    HUNG = "hung"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out-of-memory"

    # this machine
    DISK_FULL = "disk-full"
    NO_JS_RUNTIME = "no-js-runtime"


class VsdaError(Exception):
    """A mistake that the user can mend; shown without a traceback."""

    exit_code = ExitCode.FAILED

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without the constructor, whatever it asks for: errors cross process borders."""
        return (_rebuilt, (type(self), self.args, self.__dict__))


def _rebuilt(kind: type[VsdaError], args: tuple[Any, ...], facts: dict[str, Any]) -> VsdaError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class UsageError(VsdaError):
    """Options that cannot be used together or values that no option takes."""

    exit_code = ExitCode.USAGE


class ManifestError(VsdaError):
    """A table under manifests/ is missing or wrong."""


class RecipeError(VsdaError):
    """A recipe under pipelines/, or a setting laid over it, is wrong."""

    exit_code = ExitCode.USAGE


class DatasetError(VsdaError):
    """A dataset's folder is missing or does not have the dataset's layout."""


class ShardError(VsdaError):
    """Shards or their index are missing, damaged or contradict each other."""


class RunError(VsdaError):
    """A run folder is missing, damaged or belongs to another recipe."""


class WeightsError(VsdaError):
    """A file of network weights is missing, damaged or belongs to another network."""


class FetchError(VsdaError):
    """A download failed, or what came is not what was asked for."""


class StoppedError(VsdaError):
    """A bulk run was stopped before its end; the same command goes on where it was."""

    def __init__(self, exit_code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ItemError(VsdaError):
    """One item of a bulk run failed; the run goes on and counts it under `outcome`."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome

    def __reduce__(self) -> tuple[type["ItemError"], tuple[Outcome, str]]:
        """Pickle with both arguments, so that the error crosses process borders."""
        return (ItemError, (self.outcome, str(self)))


class UnknownNameError(VsdaError):
    """A name that no table holds; the message proposes the nearest one."""

    exit_code = ExitCode.USAGE

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f"unknown {kind} {name!r}.{suggest(name, self.known)}")


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ' Did you mean ...? Known: ...' for an error about `name`."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Known: {', '.join(names)}."
