"""Changing files of a published set so that a kill at any point leaves nothing half.

New files are made in a folder of the staging folder. Then a journal is written that lists each step
from there to the new set; from then on the change is certain: whoever finds the journal goes on
with it. While steps are taken there is no index, so nobody takes the set for whole.
"""

import hashlib
import json
import re
from collections.abc import Collection
from typing import Any

from vsda.errors import ShardError
from vsda.shards.card import write_card
from vsda.shards.cut import cut_sequences
from vsda.shards.index import ShardIndex, ShardInfo, ShardSet
from vsda.shards.names import INDEX_SUFFIX, file_name, part_pattern
from vsda.storage import (
    PART_SUFFIX,
    exists,
    join,
    list_names,
    move,
    read_bytes,
    remove,
    remove_tree,
    write_atomic,
)

_JOURNAL = "journal.json"
_MOVE, _REMOVE, _HIDE = "move", "remove", "hide"


class SetChange:
    """A change of the set `name` in `folder`; nothing changes before `commit`.

    Places are given and kept relative to `folder`, so that a folder may be moved in between.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder, self._name = folder, name
        self._steps: list[list[str]] = []
        remove_tree(join(folder, _room(name)))

    def write(self, final: str, data: bytes) -> None:
        """Give the file `final` a new content."""
        write_atomic(join(self._folder, self._new_file(final)), data)

    def cut(
        self, shard_set: ShardSet, info: ShardInfo, names: Collection[str], inside: str = ""
    ) -> ShardInfo | None:
        """Take the sequences `names` out of a shard; return what is left, None for nothing.

        Args:
            shard_set: The set of the shard, with the folder that its tar lies in.
            info: The shard.
            names: Sequences.
            inside: That folder, relative to the folder of the change, with a slash at its end.
        """
        made = f"{_room(self._name)}/{len(self._steps):06d}-{info.url}"
        left = cut_sequences(shard_set, info, names, join(self._folder, made))
        for old in (info.idx_url, info.url):
            if left is None:
                self.remove(f"{inside}{old}")
            else:
                new = f"{made.removesuffix(info.url)}{old}"
                self._steps.append([_MOVE, new, f"{inside}{old}"])
        return left

    def remove(self, final: str) -> None:
        """Delete a file."""
        self._steps.append([_REMOVE, final])

    def commit(self, index: ShardIndex | None) -> None:
        """Make the change; `index` becomes the index of the set, None where it has none."""
        place = join(self._folder, _index(self._name))
        old = read_bytes(place) if exists(place) else None
        new = None if index is None else index.to_json()
        steps = list(self._steps)
        if new is not None:
            made = self._new_file(_index(self._name))
            write_atomic(join(self._folder, made), new)
            steps = [[_HIDE, made, _index(self._name)], *steps, self._steps[-1]]
        if old is not None:  # where a run that goes on with the set looks for it
            write_atomic(join(self._folder, _old_index(self._name)), old)
        journal = {"indexes": [_sha256(old), _sha256(new)], "steps": steps}
        write_atomic(_journal(self._folder, self._name), json.dumps(journal).encode())
        _take(self._folder, self._name, steps)

    def _new_file(self, final: str) -> str:
        made = f"{_room(self._name)}/{len(self._steps):06d}-{file_name(final)}"
        self._steps.append([_MOVE, made, final])
        return made


def finish_change(folder: str, name: str) -> bool:
    """Finish a change that was interrupted, if there is one; return whether there was.

    One that did not come as far as its journal is dropped, and so is one whose set was written by
    another command since.

    Raises:
        ShardError: Its journal is damaged.
    """
    place = _journal(folder, name)
    if not exists(place):
        return False
    try:
        journal: dict[str, Any] = json.loads(read_bytes(place))
        steps, indexes = journal["steps"], journal["indexes"]
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(
            f"{place}: damaged ({error}); remove {join(folder, _room(name))}"
        ) from error
    if _present_index(folder, name) not in indexes:
        remove_tree(join(folder, _room(name)))
        return False
    _take(folder, name, steps)
    return True


def interrupted_changes(folder: str) -> list[str]:
    """Return the names of the sets in `folder` that wait for the end of a change."""
    staging = [name for name in list_names(folder, PART_SUFFIX) if name.startswith(".")]
    names = [name.removeprefix(".").removesuffix(PART_SUFFIX) for name in staging]
    return [name for name in names if exists(_journal(folder, name))]


def _take(folder: str, name: str, steps: list[list[str]]) -> None:
    """Take each step; one that was taken before changes nothing."""
    for kind, first, *rest in steps:
        source = join(folder, first)
        if kind == _REMOVE:
            remove(source, missing_ok=True)
        elif exists(source):
            target = join(folder, rest[0])
            if kind == _HIDE:
                remove(target, missing_ok=True)
            else:
                move(source, target)
    write_card(folder)
    remove(join(folder, _old_index(name)), missing_ok=True)
    remove(_journal(folder, name), missing_ok=True)
    remove_tree(join(folder, _room(name)))
    _tidy(join(folder, _staging(name)), name)


def _tidy(staging: str, name: str) -> None:
    """Delete halves of the old index that killed changes left, and the folder if it is empty."""
    names = list_names(staging)
    halves = [left for left in names if re.fullmatch(part_pattern(name), left)]
    for left in halves:
        remove(join(staging, left), missing_ok=True)
    if len(halves) == len(names):
        remove_tree(staging)


def _present_index(folder: str, name: str) -> str | None:
    """Return the hash of the index of a set, or of the one that waits while there is none."""
    for place in (join(folder, _index(name)), join(folder, _old_index(name))):
        if exists(place):
            return _sha256(read_bytes(place))
    return None


def _staging(name: str) -> str:
    return f".{name}{PART_SUFFIX}"


def _room(name: str) -> str:
    return f"{_staging(name)}/change"


def _index(name: str) -> str:
    return f"{name}{INDEX_SUFFIX}"


def _old_index(name: str) -> str:
    return f"{_staging(name)}/{_index(name)}"


def _journal(folder: str, name: str) -> str:
    return join(folder, f"{_room(name)}/{_JOURNAL}")


def _sha256(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()
