"""The one moment in which a set appears: its shards, then what belongs to it, the index last."""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from vsda.shards.card import write_card
from vsda.shards.index import ShardIndex, ShardInfo, index_path
from vsda.shards.names import idx_place, part_pattern
from vsda.shards.versions import package_versions
from vsda.storage import (
    Place,
    copy,
    is_local,
    join,
    list_names,
    local_path,
    move,
    remove,
    remove_tree,
    sync_dir,
    write_atomic,
)

_NUM_COPIES = 8
"""Copies that a server makes at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedShard:
    """A finished shard that waits for its name.

    Attributes:
        tar: Path or URL where it was made, in the file system of the set; its `.idx` lies beside
            it.
        info: What it holds; its `url` is replaced by the final name.
    """

    tar: str
    info: ShardInfo


def publish_set(
    out: Place,
    index: ShardIndex,
    staged: Sequence[StagedShard],
    files: Mapping[str, bytes],
    staging: Place,
) -> ShardIndex:
    """Give finished shards their final names and write the index; return it.

    While this goes on there is no index, so nobody takes the set for whole; a run that is killed
    here is mended by the next one. On this machine that makes again what was renamed already; on a
    URL, where a name is given by a copy on the server, nothing is lost.

    Args:
        out: Folder or URL of the set.
        index: The index of the set but for its shards; without versions it gets those of this
            process.
        staged: The shards in order.
        files: Name in `out` to content of what else belongs to the set.
        staging: Folder of the finished shards, which is deleted at the end.

    Raises:
        VsdaError: The disk is full, or the server of a URL refuses.
    """
    place = index_path(str(out), index.name)
    remove(place)
    _sync(out)
    shards = _give_names(out, index.name, staged)
    _delete_others(out, index.name, shards)
    versions = index.versions or package_versions()
    whole = replace(index, shards=tuple(shards), versions=versions)
    for name, data in files.items():
        write_atomic(join(out, name), data)
    write_atomic(place, whole.to_json())
    remove_tree(staging)
    write_card(out)
    return whole


def _give_names(out: Place, name: str, staged: Sequence[StagedShard]) -> list[ShardInfo]:
    """Give finished shards their final names and return them; on a URL several at a time."""
    give, num_threads = (move, 1) if is_local(out) else (copy, _NUM_COPIES)

    def give_names(number: int, shard: StagedShard) -> ShardInfo:
        info = replace(shard.info, url=f"{name}-{number:06d}.tar")
        give(idx_place(shard.tar), join(out, info.idx_url))
        give(shard.tar, join(out, info.url))
        return info

    with ThreadPoolExecutor(num_threads) as pool:
        return list(pool.map(give_names, range(len(staged)), staged))


def _delete_others(out: Place, name: str, shards: Iterable[ShardInfo]) -> None:
    """Delete shards that an earlier set of this name has left, and half files of killed runs."""
    keep = {kept for shard in shards for kept in (shard.url, shard.idx_url)}
    ours = re.compile(rf"{re.escape(name)}-\d{{6,}}\.(tar|idx)|{part_pattern(name)}")
    for found in list_names(out):
        if ours.fullmatch(found) and found not in keep:
            remove(join(out, found))
    _sync(out)


def _sync(folder: Place) -> None:
    path = local_path(folder)
    if path is not None:
        sync_dir(path)
