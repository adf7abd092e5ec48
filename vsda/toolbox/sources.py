"""The sets that a tool reads, and the places that it must not write to."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from vsda.errors import UsageError
from vsda.shards.index import ShardSet, find_indexes, index_path, load_index
from vsda.shards.names import folder_of
from vsda.storage import Place, local_path, read_bytes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Source:
    """A set that is read, and the hash of its index file, which holds the hashes of its files."""

    shard_set: ShardSet
    sha256: str

    @property
    def name(self) -> str:
        """The name of the set."""
        return self.shard_set.index.name

    @property
    def place(self) -> str:
        """The set as a user names it: folder or URL, and name."""
        return f"{self.shard_set.folder.rstrip('/')}/{self.name}"

    @property
    def num_bytes(self) -> int:
        """The size of its tars."""
        return sum(info.filesize for info in self.shard_set.index.shards)

    def settings(self) -> dict[str, Any]:
        """Return what the index of a new set records of this one."""
        index = self.shard_set.index
        return {
            "name": index.name,
            "index_sha256": self.sha256,
            "command": index.command,
            "num_samples": index.num_samples,
        }

    def shards(self) -> Iterator[ShardSet]:
        """Yield the set once for each of its shards, with that shard alone."""
        for info in self.shard_set.index.shards:
            alone = replace(self.shard_set.index, shards=(info,), settings={}, notes=())
            yield ShardSet(alone, self.shard_set.folder)


def open_sources(places: Iterable[str], besides: Place | None = None) -> list[Source]:
    """Return the sets that `places` name, in order.

    Args:
        places: Sets, or folders of sets.
        besides: An index file that is passed over where a folder holds it, such as that of the set
            which an earlier run has made there.

    Raises:
        ShardError: A place names none, or an index is damaged.
    """
    return [
        _source(found)
        for place in places
        for found in find_indexes(place)
        if besides is None or not (_is_folder_of(place, found) and _same_place(found, besides))
    ]


def open_source(place: str) -> Source:
    """Return the one set that `place` names.

    Raises:
        UsageError: It names several.
        ShardError: It names none, or the index is damaged.
    """
    sources = open_sources([place])
    if len(sources) > 1:
        names = ", ".join(source.name for source in sources)
        raise UsageError(f"{place}: holds {len(sources)} sets ({names}); name one of them")
    return sources[0]


def refuse_own_place(source: Source, out: Place, name: str) -> None:
    """Raise `UsageError` where the new set `name` in `out` would take the place of its source."""
    if _same_place(index_path(str(out), name), index_path(source.shard_set.folder, source.name)):
        raise UsageError(
            f"{source.place}: the new set would take its place; give --out another folder"
        )


def check_name(name: str, option: str) -> None:
    """Raise `UsageError` where `name`, given with `option`, cannot be the name of a set."""
    if not _NAME.fullmatch(name) or re.fullmatch(r".*-\d+", name):
        raise UsageError(
            f"{option} {name!r}: a set is called by letters, digits, '-', '_' and '.', begins with "
            "a letter or digit, and does not end in '-' and a number, as its tars do"
        )


def _source(index_file: str) -> Source:
    index = load_index(index_file)
    folder = folder_of(index_file)
    data = read_bytes(index_path(folder, index.name))
    return Source(ShardSet(index, folder), hashlib.sha256(data).hexdigest())


def _is_folder_of(place: str, index_file: str) -> bool:
    return place.rstrip("/") == folder_of(index_file).rstrip("/")


def _same_place(first: Place, second: Place) -> bool:
    paths = local_path(first), local_path(second)
    if paths[0] is None or paths[1] is None:
        return str(first) == str(second)
    return paths[0].resolve() == paths[1].resolve()
