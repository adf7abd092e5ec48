"""Several sets as one; every tar of the new set is a tar of one of them under another name."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsda.engine.run import Workers
from vsda.errors import ShardError, UsageError
from vsda.progress import progress
from vsda.shards.index import ShardIndex, ShardSet, index_path
from vsda.shards.names import idx_place
from vsda.shards.tars import check_size, load_idx
from vsda.storage import Place, atomic_file, exists, open_binary, read_bytes, write_atomic
from vsda.toolbox.run import MadeSet, check_standing, make_sets, new_set
from vsda.toolbox.sources import Source, check_name, open_sources, refuse_own_place
from vsda.toolbox.task import Written

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Copy:
    """Every sample of a shard, byte for byte."""

    def write(self, source: ShardSet, target: str) -> Written:
        """Copy a tar and its `.idx`; what was copied is hashed, not only what was there.

        Raises:
            ShardError: One of the two is missing, or not the one that the index lists.
        """
        (info,) = source.index.shards
        check_size(source, info)
        load_idx(source, info)
        place = source.place(info.url)
        digest = hashlib.sha256()
        with open_binary(place) as tar, atomic_file(target) as file:
            while block := tar.read(_BLOCK_BYTES):
                digest.update(block)
                file.write(block)
            if digest.hexdigest() != info.sha256:
                raise ShardError(
                    f"{place}: its hash is not the one in the index; prepare the set again or "
                    "fetch the file again"
                )
        write_atomic(idx_place(target), read_bytes(source.place(info.idx_url)))
        return Written(shard=info)


def merge_sets(
    places: Sequence[str], out: Place, name: str, *, workers: Workers, overwrite: bool = False
) -> MadeSet:
    """Write one set that holds the samples of several, in the order given.

    Outcomes and rows of failures are those of all parts together. The dataset and the split of the
    new set are those of its parts, joined by `+` where they differ. A setting of the parts is kept
    where they agree on it; `classes` are those that all of them have as labels.

    Args:
        places: Sets, or folders of sets; two sets at least.
        out: Folder or URL of the new set.
        name: Its name.
        workers: Where the work is done.
        overwrite: Replace a set that was made otherwise.

    Raises:
        UsageError: Fewer than two sets, no name for a set, or the place of one of the parts.
        ShardError: A key or a sequence is in two sets, a set is damaged, or another set is there.
        VsdaError: The disk is full, another process writes the same set, or a worker died.
    """
    check_name(name, "--name")
    sources = open_sources(places, besides=index_path(str(out), name))
    if len(sources) < 2:
        raise UsageError(f"{', '.join(places)}: one set alone; give two sets or more to merge")
    for source in sources:
        refuse_own_place(source, out, name)
    _refuse_same_sequences(sources)
    new = new_set(
        out,
        _index(name, sources),
        [(shard, Copy()) for source in sources for shard in source.shards()],
    )
    check_standing([new], overwrite=overwrite)
    _refuse_same_keys(sources)
    rows = b"".join(map(_report_rows, sources))

    def finish(index: ShardIndex, _: Sequence[Written]) -> tuple[ShardIndex, Mapping[str, bytes]]:
        return index, {f"{name}.report.jsonl": rows}

    (made,) = make_sets([new], finish, workers=workers, overwrite=overwrite)
    return made


def _index(name: str, sources: Sequence[Source]) -> ShardIndex:
    indexes = [source.shard_set.index for source in sources]
    outcomes: Counter[str] = Counter()
    for index in indexes:
        outcomes.update(index.outcomes)
    parts = {"parts": [source.settings() for source in sources]}
    return ShardIndex(
        name=name,
        dataset=_joined(index.dataset for index in indexes),
        split=_joined(index.split for index in indexes),
        shards=(),
        settings={**_common([index.settings for index in indexes]), "merge": parts},
        outcomes=dict(sorted(outcomes.items())),
        notes=(*_class_notes(indexes), *_carried_notes(indexes)),
        command=" ".join(
            ["vsda shards merge", *(index.name for index in indexes), f"--name {name}"]
        ),
        versions=_versions(indexes),
    )


def _versions(indexes: Sequence[ShardIndex]) -> dict[str, str]:
    """Return the versions that encoded the parts, several of one package joined."""
    names = sorted({name for index in indexes for name in index.versions})
    return {
        name: _joined(index.versions[name] for index in indexes if name in index.versions)
        for name in names
    }


def _joined(words: Iterable[str]) -> str:
    return "+".join(dict.fromkeys(words))


def _common(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings on which all agree, and the classes that all of them have."""
    first, *others = settings
    common = {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }
    limits = [one["classes"] for one in settings if one.get("classes") is not None]
    if limits:
        common["classes"] = [word for word in limits[0] if all(word in limit for limit in limits)]
    return common


def _class_notes(indexes: Sequence[ShardIndex]) -> list[str]:
    limits = [index.settings.get("classes") for index in indexes]
    if all(limit == limits[0] for limit in limits):
        return []
    return [
        "the parts were made with different --classes: what one of them has as a class may be "
        "background in another; the setting 'classes' names those that are labels in all"
    ]


def _carried_notes(indexes: Sequence[ShardIndex]) -> list[str]:
    return [f"{index.name}: {note}" for index in indexes for note in index.notes]


def _refuse_same_sequences(sources: Sequence[Source]) -> None:
    owners: dict[str, Source] = {}
    for source in sources:
        for name in dict.fromkeys(row.name for row in source.shard_set.index.sequences):
            owner = owners.setdefault(name, source)
            if owner is not source:
                raise ShardError(_clash("sequence", name, owner, source))


def _refuse_same_keys(sources: Sequence[Source]) -> None:
    owners: dict[str, Source] = {}
    shards = [(source, info) for source in sources for info in source.shard_set.index.shards]
    for source, info in progress(shards, "keys of the parts"):
        for key in load_idx(source.shard_set, info).keys:
            owner = owners.setdefault(key, source)
            if owner is not source:
                raise ShardError(_clash("key", key, owner, source))


def _clash(what: str, name: str, first: Source, second: Source) -> str:
    return (
        f"the {what} {name} is in {first.place} and in {second.place}; in one set every {what} is "
        "unique, so leave one of the two out, or take it out with 'vsda shards remove'"
    )


def _report_rows(source: Source) -> bytes:
    """Return the rows of a set's report, as they are; none where it has no report."""
    place = source.shard_set.place(f"{source.name}.report.jsonl")
    rows = read_bytes(place) if exists(place) else b""
    return rows if rows.endswith(b"\n") or not rows else rows + b"\n"
