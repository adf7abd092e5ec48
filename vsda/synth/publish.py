"""A folder that gets its name only when it is complete."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from vsda.errors import UsageError
from vsda.storage import PART_SUFFIX, exclusive, sync_dir

LOCK_SUFFIX = ".lock"
OLD_SUFFIX = ".old"


@contextmanager
def published_folder(
    out: Path, marker: str, others: Collection[str] = (), overwrite: bool = False
) -> Iterator[Path]:
    """Yield an empty folder that gets the name `out` only if the block ends without an error.

    With `overwrite` it takes the place of a folder that holds a file called `marker`, the sign
    that the same program made it, and nothing besides but `others`; nothing else is ever replaced.

    Raises:
        UsageError: `out` holds something that may not be replaced, or has no name of its own.
        VsdaError: Another process makes the same folder.
    """
    if out.name in {"", ".."}:
        raise UsageError(f"{str(out)!r} is no name for a new folder; give another --out")
    with exclusive(_beside(out, LOCK_SUFFIX)):
        _check_free(out, marker, others, overwrite)
        yield from _filled(out)
    sync_dir(out.parent)


def _filled(out: Path) -> Iterator[Path]:
    part = _beside(out, PART_SUFFIX)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        _swap(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _swap(part: Path, out: Path) -> None:
    """Give `part` the name `out`; what was there stays until its successor is in place."""
    old = _beside(out, OLD_SUFFIX)
    if out.exists():
        shutil.rmtree(old, ignore_errors=True)
        out.replace(old)
    part.replace(out)
    shutil.rmtree(old, ignore_errors=True)


def _check_free(out: Path, marker: str, others: Collection[str], overwrite: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite:
        raise UsageError(f"{out} is not empty; give another --out, or --overwrite to replace it")
    if not (out / marker).is_file():
        raise UsageError(
            f"{out} holds no {marker}, so --overwrite leaves it alone; give another --out"
        )
    strange = sorted({path.name for path in out.iterdir()} - {marker, *others})
    if strange:
        raise UsageError(
            f"{out} also holds {', '.join(strange)}, which --overwrite would delete; move that "
            "away, or give another --out"
        )


def _beside(out: Path, suffix: str) -> Path:
    return out.with_name(out.name + suffix)
