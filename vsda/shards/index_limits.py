"""What no index may say, whoever wrote it: names that lead elsewhere, numbers that cannot be."""

import re
from collections.abc import Iterator
from tarfile import BLOCKSIZE
from typing import TYPE_CHECKING

from vsda.errors import ShardError
from vsda.shards.pictures import MAX_PIXELS
from vsda.taxonomy import NUM_VALUES

if TYPE_CHECKING:
    from vsda.shards.index import ShardIndex, ShardInfo

MAX_INDEX_BYTES = 1 << 28
_MAX_TAR_BYTES = 1 << 50
_MAX_SAMPLES = 1 << 30
"""Of a set; an order of so many still fits into a machine's memory."""
_PLAIN_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")
_WORD = re.compile(r"[\w.+-]{1,500}")
"""Of a dataset or a split; those of merged sets are joined by a plus sign."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_limits(index: "ShardIndex") -> None:
    """Raise `ShardError` for an index that is none that could have been written.

    The message names the field as JSON has it, such as `shards.3.url`.
    """
    if not _is_plain(index.name):
        raise ShardError(f"not a shard index: name: {index.name!r:.80} is no name for a file")
    for field, word in (("dataset", index.dataset), ("split", index.split)):
        if not _WORD.fullmatch(word):
            raise ShardError(f"not a shard index: {field}: {word!r:.80} is no such name")
    seen: set[str] = set()
    for number, info in enumerate(index.shards):
        for name, found in _faults(info, seen):
            raise ShardError(f"not a shard index: shards.{number}.{name}: {found}")
        seen.add(info.url)
    if index.num_samples > _MAX_SAMPLES:
        raise ShardError(
            f"not a shard index: shards: {index.num_samples} samples, more than {_MAX_SAMPLES}"
        )


def _faults(info: "ShardInfo", seen: set[str]) -> Iterator[tuple[str, str]]:
    if not _is_plain(info.url) or not info.url.endswith(".tar") or info.url in seen:
        yield "url", f"{info.url!r:.80} is not the name of a tar of its own beside the index"
    if not 0 < info.filesize <= _MAX_TAR_BYTES:
        yield "filesize", f"{info.filesize} bytes is no size of a tar"
    if not 0 < info.nsamples <= info.filesize // BLOCKSIZE:
        yield "nsamples", f"{info.nsamples} samples do not fit into {info.filesize} bytes"
    for name in ("sha256", "idx_sha256"):
        if not _SHA256.fullmatch(getattr(info, name)):
            yield name, f"{getattr(info, name)!r:.80} is no SHA-256"
    for name, coco_id, count in _class_counts(info):
        if not 0 <= coco_id < NUM_VALUES or not 0 <= count <= info.nsamples * MAX_PIXELS:
            yield f"{name}.{coco_id}", f"{count} of the class {coco_id}"
    for number, row in enumerate(info.sequences):
        if not 0 < row.num_frames <= info.nsamples:
            yield f"sequences.{number}.num_frames", f"{row.num_frames} of {info.nsamples} samples"


def _class_counts(info: "ShardInfo") -> Iterator[tuple[str, int, int]]:
    for coco_id, count in info.class_pixels.items():
        yield "class_pixels", coco_id, count
    for coco_id, count in info.class_frames.items():
        yield "class_frames", coco_id, count


def _is_plain(name: str) -> bool:
    return _PLAIN_NAME.fullmatch(name) is not None and not name.startswith(".")
