"""What of a set is there already: whether it is whole, and how it was made otherwise."""

from collections.abc import Iterator, Mapping
from typing import Any

from vsda.errors import ShardError
from vsda.shards.index import ShardIndex, ShardInfo, index_path, load_index
from vsda.storage import Place, exists, file_size, is_local, join, sha256_file

_MAX_SHOWN = 60
_ABSENT = "not there, but the index lists it"
_CHANGED = "its bytes are not those that the index lists"


def find_standing(out: Place, name: str) -> ShardIndex | str | None:
    """Return the index of a set, what is wrong with it, or None where there is none."""
    place = index_path(str(out), name)
    try:
        return load_index(place) if exists(place) else None
    except ShardError as error:
        return str(error)


def find_fault(index: ShardIndex, out: Place) -> str | None:
    """Return the first file of a set that is not what its index lists, None for a whole set.

    On this machine the files are read whole. On a URL, where that is slow and costs money, a tar is
    as good as its size; `vsda shards verify` reads every byte anywhere.
    """
    faults = (_tar_fault(out, shard) or _idx_fault(out, shard) for shard in index.shards)
    return next((fault for fault in faults if fault), None)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Return for the name of every setting that differs 'was x, is y'; parts are named `a.b`."""
    before, after = dict(_flat(old)), dict(_flat(new))
    return {
        name: f"was {_short(before.get(name))}, is {_short(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def _tar_fault(out: Place, shard: ShardInfo) -> str | None:
    place = join(out, shard.url)
    size_bytes = file_size(place)
    if size_bytes is None:
        return f"{place}: {_ABSENT}"
    is_same = size_bytes == shard.filesize
    if is_same and is_local(place):
        is_same = sha256_file(place) == shard.sha256
    return None if is_same else f"{place}: {_CHANGED}"


def _idx_fault(out: Place, shard: ShardInfo) -> str | None:
    place = join(out, shard.idx_url)
    if not exists(place):
        return f"{place}: {_ABSENT}"
    return None if sha256_file(place) == shard.idx_sha256 else f"{place}: {_CHANGED}"


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
            yield from _flat(
                {str(number): row for number, row in enumerate(value)}, f"{above}{name}."
            )
        else:
            yield f"{above}{name}", value


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
