"""Takes videos or sequences out of sets of shards, with all that is kept of them."""

import difflib
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext

from vsda.acquire.layout import Layout
from vsda.acquire.locks import hold
from vsda.acquire.withdraw_sequences import SequenceSet
from vsda.acquire.withdraw_videos import VideoSet, Withdrawal, is_video_set
from vsda.errors import ShardError, UsageError
from vsda.shards.change import finish_change, interrupted_changes
from vsda.shards.index import find_indexes, index_path
from vsda.shards.names import INDEX_SUFFIX, folder_of, set_name
from vsda.storage import PART_SUFFIX, exclusive, exists, join, list_names

_MAX_NEAR = 3


def withdraw(
    place: str, *, videos: Sequence[str], sequences: Sequence[str], dry_run: bool = False
) -> list[Withdrawal]:
    """Take videos and sequences out of the sets that `place` names; return what was done to each.

    A run that is killed leaves the old set, or one without an index; the same command goes on then.

    Args:
        place: As for `find_indexes`, or a folder in which a fetch left an unfinished set.
        videos: YouTube ids.
        sequences: Names of sequences of datasets that are not made from videos.
        dry_run: Only say what would be done.

    Raises:
        UsageError: Nothing is asked for, or a sequence of a set made from videos.
        ShardError: No set, none that knows what is asked for, or a damaged one.
        VsdaError: Another process writes one of the sets.
    """
    if not videos and not sequences:
        raise UsageError("nothing to remove; give --video ID or --sequence NAME")
    folder, names = _named_sets(place)
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(nullcontext() if dry_run else _lock(folder, name))
            if not dry_run:
                finish_change(folder, name)
        sets = [_open(folder, name) for name in names]
        asked = [(one, one.asked(videos, sequences)) for one in sets]
        found = {name for _, names in asked for name in names}
        _check_found(place, {*videos, *sequences} - found, {n for one in sets for n in one.known})
        return [one.take_out(chosen, dry_run=dry_run) for one, chosen in asked if chosen]


def _named_sets(place: str) -> tuple[str, list[str]]:
    """Return the folder that `place` names and the sets in it, unfinished ones too."""
    place = place.rstrip("/")
    is_one = place.endswith(INDEX_SUFFIX) or not list_names(place)
    folder = folder_of(place) if is_one else place
    found = {set_name(name) for name in list_names(folder, INDEX_SUFFIX)}
    found |= set(interrupted_changes(folder)) | _unfinished(folder)
    if is_one:
        found &= {set_name(place)}
    if not found:
        find_indexes(place)  # which says why there is none
    return folder, sorted(found)


def _unfinished(folder: str) -> set[str]:
    """Return the sets in the making whose fetch has written something."""
    staging = [name for name in list_names(folder, PART_SUFFIX) if name.startswith(".")]
    names = [name.removeprefix(".").removesuffix(PART_SUFFIX) for name in staging]
    return {name for name in names if is_video_set(name)}


def _lock(folder: str, name: str) -> ExitStack:
    stack = ExitStack()
    if is_video_set(name):
        stack.enter_context(hold(Layout(folder, name.partition("-")[2]), None))
    else:
        stack.enter_context(exclusive(join(folder, f".{name}.lock")))
    return stack


def _open(folder: str, name: str) -> VideoSet | SequenceSet:
    if is_video_set(name):
        return VideoSet(Layout(folder, name.partition("-")[2]))
    if not exists(index_path(folder, name)):
        raise ShardError(
            f"{index_path(folder, name)}: not there: the removal was interrupted; run it without "
            "--dry-run to finish it"
        )
    return SequenceSet(folder, name)


def _check_found(place: str, missing: set[str], known: set[str]) -> None:
    """Raise if a name is in none of the sets."""
    for name in sorted(missing):
        near = difflib.get_close_matches(name, known - {name}, n=_MAX_NEAR)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ShardError(f"{place}: no set holds {name!r}; nothing is removed.{hint}")
