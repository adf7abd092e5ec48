"""Names of folders that keep them apart."""

from collections.abc import Sequence
from pathlib import Path


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return the name of each path with as many parents as keep it apart from the others.

    Args:
        paths: Absolute, each another one.
    """
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]
