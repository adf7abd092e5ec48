"""The index of a set of shards: what each tar holds and the hashes that prove it whole.

The file is a shard index of the wids library (`url`, `nsamples`, `filesize`) with more facts in it,
so other tools read it too. It carries a hash of itself and no date: same shards, same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vsda import __version__
from vsda.errors import ShardError
from vsda.shards.index_limits import MAX_INDEX_BYTES, check_limits
from vsda.shards.names import INDEX_SUFFIX, explain_absence, folder_of, set_name
from vsda.storage import exists, join, list_files, read_bytes

_KIND = "wids-shard-index-v1"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceInfo:
    """One annotated run of frames inside a shard.

    `classes` are the COCO ids in its `seg.png`, without background and void, and those of the
    boxes that are present.
    """

    name: str
    num_frames: int
    classes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardInfo:
    """What one tar holds.

    Attributes:
        url: File name of the tar, beside the index.
        nsamples: Number of samples.
        filesize: Size of the tar in bytes.
        sha256: Hash of the tar.
        idx_sha256: Hash of the `.idx` beside it.
        class_pixels: COCO id to number of pixels over all `seg.png`, 0 and 255 included.
        class_frames: COCO id to number of frames that hold it, in their mask or in a box that is
            present, 0 and 255 included.
        sequences: The sequences in the order of the tar; empty for still images.
    """

    url: str
    nsamples: int
    filesize: int
    sha256: str
    idx_sha256: str
    class_pixels: Mapping[int, int]
    class_frames: Mapping[int, int]
    sequences: tuple[SequenceInfo, ...] = ()

    @property
    def idx_url(self) -> str:
        """The file name of the `.idx` of this tar."""
        return f"{self.url.removesuffix('.tar')}.idx"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardIndex:
    """All shards of a set and how they were made.

    Attributes:
        name: Name of the set, such as `davis-train`; its files start with it.
        dataset: Name of the dataset.
        split: Name of the split.
        shards: The tars, in order.
        settings: The options that made the set, as JSON values.
        outcomes: Number of items of the dataset by what became of them.
        notes: What a user of the set should know.
        command: The command that makes the set, without places and workers.
        version: Version of vsda that made the set.
        versions: Those of the packages that encoded it.
    """

    name: str
    dataset: str
    split: str
    shards: tuple[ShardInfo, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    command: str = ""
    version: str = __version__
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def num_samples(self) -> int:
        """The number of samples of all shards."""
        return sum(shard.nsamples for shard in self.shards)

    @property
    def class_pixels(self) -> dict[int, int]:
        """Pixels by COCO id over all shards, 0 and 255 included."""
        return _sum([shard.class_pixels for shard in self.shards])

    @property
    def class_frames(self) -> dict[int, int]:
        """Frames by COCO id over all shards, 0 and 255 included."""
        return _sum([shard.class_frames for shard in self.shards])

    @property
    def sequences(self) -> tuple[SequenceInfo, ...]:
        """The sequences of all shards, in order."""
        return tuple(sequence for shard in self.shards for sequence in shard.sequences)

    def to_json(self) -> bytes:
        """Return the index file's content, which depends on nothing but the index."""
        document = json.loads(json.dumps(_document(self), allow_nan=False))
        document["vsda"]["sha256"] = _digest(document)
        return json.dumps(document, sort_keys=True, indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> "ShardIndex":
        """Read an index that `to_json` wrote.

        Raises:
            ShardError: Not such an index, one of another format, changed after it was written, or
                with a value that no index has; see `check_limits`.
        """
        try:
            document = _parse(data)
        except RecursionError as error:
            raise ShardError("not a shard index: nested too deep") from error
        facts = document["vsda"]
        fields = {"name": document.get("name"), "shards": document.get("shardlist")}
        try:
            index = _adapter().validate_json(json.dumps(facts | fields), strict=True)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ShardError(f"not a shard index: {where}: {first['msg']}") from error
        check_limits(index)
        return index


@dataclass(frozen=True, slots=True)
class ShardSet:
    """An index and the folder or URL that it lies in."""

    index: ShardIndex
    folder: str

    def place(self, file_name: str) -> str:
        """Return the path or URL of a file beside the index."""
        return join(self.folder, file_name)


def index_path(folder: str, name: str) -> str:
    """Return where the index of the set `name` lies in a folder or URL."""
    return join(folder, f"{name}{INDEX_SUFFIX}")


def find_indexes(place: str) -> list[str]:
    """Return the index files that `place` names.

    Args:
        place: An index file, `<folder>/<set>`, or a folder or URL with any number of sets.

    Raises:
        ShardError: There is none.
    """
    place = str(place)
    exact = place if place.endswith(INDEX_SUFFIX) else f"{place}{INDEX_SUFFIX}"
    if exists(exact):
        return [exact]
    found = [] if exact == place else list_files(place, INDEX_SUFFIX)
    if not found:
        raise ShardError(explain_absence(place))
    return found


def load_index(place: str) -> ShardIndex:
    """Return the index in the file `place`.

    Raises:
        ShardError: No such file, or not a sound index.
    """
    if not exists(place):
        raise ShardError(explain_absence(place))
    try:
        index = ShardIndex.from_json(read_bytes(place, most=MAX_INDEX_BYTES))
    except ShardError as error:
        raise ShardError(f"{place}: {error}") from error
    if set_name(place) != index.name:
        raise ShardError(
            f"{place}: is the index of the set {index.name!r}, so it must be called "
            f"{index.name}{INDEX_SUFFIX}"
        )
    return index


def open_sets(place: str) -> list[ShardSet]:
    """Return the sets that `place` names; see `find_indexes`."""
    return [ShardSet(load_index(found), folder_of(found)) for found in find_indexes(place)]


def open_set(place: str) -> ShardSet:
    """Return the one set that `place` names.

    Raises:
        ShardError: There is none, or there are several.
    """
    sets = open_sets(place)
    if len(sets) > 1:
        names = [shard_set.index.name for shard_set in sets]
        raise ShardError(
            f"{place}: holds {len(names)} sets ({', '.join(names)}) where one is expected; "
            f"name one, such as {join(place, names[0])}"
        )
    return sets[0]


def _sum(counts: list[Mapping[int, int]]) -> dict[int, int]:
    total: Counter[int] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))


@cache
def _adapter() -> TypeAdapter[ShardIndex]:
    return TypeAdapter(ShardIndex)


def _document(index: ShardIndex) -> dict[str, Any]:
    return {
        "__kind__": _KIND,
        "wids_version": 1,
        "name": index.name,
        "shardlist": [_shard_document(shard) for shard in index.shards],
        "vsda": {
            "format": _FORMAT,
            "version": index.version,
            "versions": dict(index.versions),
            "command": index.command,
            "dataset": index.dataset,
            "split": index.split,
            "settings": dict(index.settings),
            "outcomes": dict(index.outcomes),
            "notes": index.notes,
        },
    }


def _shard_document(shard: ShardInfo) -> dict[str, Any]:
    return {
        "url": shard.url,
        "nsamples": shard.nsamples,
        "filesize": shard.filesize,
        "sha256": shard.sha256,
        "idx_sha256": shard.idx_sha256,
        "class_pixels": dict(shard.class_pixels),
        "class_frames": dict(shard.class_frames),
        "sequences": [
            {"name": row.name, "num_frames": row.num_frames, "classes": row.classes}
            for row in shard.sequences
        ],
    }


def _parse(data: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(data)
    except ValueError as error:
        raise ShardError(f"not a shard index: {error}") from error
    facts = document.get("vsda") if isinstance(document, dict) else None
    if not isinstance(facts, dict):
        raise ShardError("not an index that vsda wrote: it has no part named 'vsda'")
    if facts.get("format") != _FORMAT:
        raise ShardError(
            f"format {facts.get('format')!r} of the index is not {_FORMAT}; use the vsda that "
            f"made it ({facts.get('version')}) or prepare the set again"
        )
    if facts.pop("sha256", None) != _digest(document):
        raise ShardError(
            "the index does not match its own hash: it was damaged or edited; prepare the set again"
        )
    return document


def _digest(document: dict[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
