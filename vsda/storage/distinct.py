"""Folders that are told apart by their names."""

from collections.abc import Sequence
from pathlib import Path

from vsda.errors import UsageError


def refuse_twins(run_dirs: Sequence[Path]) -> None:
    """Refuse run folders of which one is another by a second path.

    Raises:
        UsageError: The same folder twice.
    """
    whole = [run_dir.resolve() for run_dir in run_dirs]
    for run_dir, path in zip(run_dirs, whole, strict=True):
        if whole.count(path) > 1:
            raise UsageError(f"{run_dir}: given twice; name each run folder once")


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return the name of each path with as many parents as keep it apart from the others.

    Args:
        paths: Absolute, each another one.
    """
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]
