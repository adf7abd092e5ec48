"""One HTML file to leap through sets of shards: pictures, masks, boxes and facts."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vsda import __version__
from vsda.errors import ShardError, UnknownNameError
from vsda.pages.choose import Wish, choose
from vsda.pages.facts import (
    Failures,
    boxes_of,
    checked_facts,
    class_name,
    failures_of,
    settings_of,
    shown_classes,
)
from vsda.pages.pictures import (
    class_colours,
    css,
    jpeg_url,
    mask_url,
    object_colours,
)
from vsda.pages.template import write_page
from vsda.sample import Mask
from vsda.shards.index import ShardSet
from vsda.shards.masks import decode_mask
from vsda.shards.read import RandomAccessShards
from vsda.storage import Place

_FIELDS = ("jpg", "json", "seg.png", "inst.png")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownSet:
    """What a page shows of a set.

    Attributes:
        name: Of the set.
        place: Folder or URL that it lies in.
        num_samples: Of the set.
        num_shown: Of them on the page.
        unread: Why samples that were chosen are not on the page.
        unseen: Names of classes of the set that no shown sample has.
    """

    name: str
    place: str
    num_samples: int
    num_shown: int
    unread: tuple[str, ...]
    unseen: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BrowsePage:
    """A written page."""

    path: str
    size_bytes: int
    sets: tuple[ShownSet, ...]


@dataclass(slots=True)
class _Part:
    """A set while its samples are written."""

    shard_set: ShardSet
    shards: RandomAccessShards
    positions: list[int]
    failures: Failures
    unread: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def shown(self) -> ShownSet:
        index = self.shard_set.index
        unseen = sorted(set(index.class_frames) - self.seen - {0, 255})
        return ShownSet(
            name=index.name,
            place=self.shard_set.folder,
            num_samples=index.num_samples,
            num_shown=len(self.positions) - len(self.unread),
            unread=tuple(self.unread),
            unseen=tuple(class_name(coco_id) for coco_id in unseen),
        )


def write_browser(
    sets: Sequence[ShardSet], out: Place, wish: Wish | None = None, *, max_side_px: int = 640
) -> BrowsePage:
    """Write one page about `sets` to `out`; several sets stand on it with a chooser.

    Memory holds one sample at a time. A sample that cannot be read is named on the page.

    Args:
        sets: At least one.
        out: The HTML file, replaced if it exists.
        wish: Which samples; by default 200 of each set.
        max_side_px: Pictures and masks with a longer side are made smaller.

    Raises:
        ShardError: No sample can be read, or none is what was wished for.
        UnknownNameError: A sequence that no set has.
    """
    wish = wish or Wish()
    _check_sequences(sets, wish)
    parts = [part for part in (_part(one, wish) for one in sets) if part.positions]
    if not parts:
        names = ", ".join(one.index.name for one in sets)
        raise ShardError(f"{names}: no sample is what was asked for; ask for other classes")
    size_bytes = write_page(
        out,
        "browse.html.j2",
        ("browse.js",),
        title=", ".join(part.shard_set.index.name for part in parts),
        version=__version__,
        records=_records(parts, max_side_px),
        meta=lambda: _meta(parts),
        sets=[_about(part) for part in parts],
        shown=lambda: [part.shown() for part in parts],
    )
    return BrowsePage(
        path=str(out), size_bytes=size_bytes, sets=tuple(part.shown() for part in parts)
    )


def _check_sequences(sets: Sequence[ShardSet], wish: Wish) -> None:
    known = {row.name for one in sets for row in one.index.sequences}
    for name in wish.sequences:
        if name not in known:
            raise UnknownNameError("sequence", name, known)


def _part(shard_set: ShardSet, wish: Wish) -> _Part:
    shards = RandomAccessShards(shard_set)
    return _Part(shard_set, shards, choose(shard_set.index, shards, wish), failures_of(shard_set))


def _records(parts: Sequence[_Part], max_side_px: int) -> Iterator[dict[str, Any]]:
    """Yield what the page keeps of each sample.

    Raises:
        ShardError: At the end, if none could be read.
    """
    for number, part in enumerate(parts):
        for position in part.positions:
            try:
                record = _record(part.shards, position, max_side_px)
            except ShardError as error:
                part.unread.append(str(error))
                continue
            part.seen |= set(record["shown"])
            yield record | {"set": number}
    if not any(part.shown().num_shown for part in parts):
        raise ShardError(
            f"none of the samples can be read; the first one: {parts[0].unread[0]}; "
            "'vsda shards verify' names what is damaged"
        )


def _record(shards: RandomAccessShards, position: int, max_side_px: int) -> dict[str, Any]:
    entry = shards.entry(position)
    data = shards.read(position, tuple(name for name in _FIELDS if name in entry.fields))
    missing = {"jpg", "json"} - data.keys()
    if missing:
        raise ShardError(f"{entry.key}: has no {', '.join(sorted(missing))}")
    facts = checked_facts(entry.key, data["json"])
    record = asdict(facts) | {
        "key": entry.key,
        "shown": sorted(shown_classes(facts)),
        "boxes": [asdict(box) for box in boxes_of(facts)],
    }
    try:
        record["jpg"] = jpeg_url(data["jpg"], max_side_px)
        record |= _layer("seg", data.get("seg.png"), max_side_px, class_colours())
        record |= _layer("inst", data.get("inst.png"), max_side_px, object_colours())
    except ShardError as error:
        raise ShardError(f"{entry.key}: {error}") from error
    return record


def _layer(
    name: str, data: bytes | None, max_side_px: int, colours: tuple[tuple[int, int, int], ...]
) -> dict[str, Any]:
    """Return the picture of a mask, and the share of the frame that each of its values has."""
    if data is None:
        return {}
    mask = decode_mask(data)
    return {name: mask_url(mask, max_side_px, colours), f"{name}_shares": _shares(mask)}


def _shares(mask: Mask) -> list[tuple[int, float]]:
    counts = np.bincount(mask.ravel())
    return [(int(v), round(int(counts[v]) / mask.size, 6)) for v in np.flatnonzero(counts)]


def _meta(parts: Sequence[_Part]) -> dict[str, Any]:
    """Return what the script needs besides the samples: colours and names."""
    return {
        "classes": [[css(colour), class_name(v)] for v, colour in enumerate(class_colours())],
        "objects": [css(colour) for colour in object_colours()],
        "sets": [{"name": part.shard_set.index.name} | _lengths(part) for part in parts],
    }


def _lengths(part: _Part) -> dict[str, dict[str, int]]:
    lengths: dict[str, int] = {}
    for row in part.shard_set.index.sequences:
        lengths[row.name] = lengths.get(row.name, 0) + row.num_frames
    return {"sequences": lengths}


def _about(part: _Part) -> dict[str, Any]:
    index = part.shard_set.index
    return {
        "index": index,
        "place": part.shard_set.folder,
        "settings": settings_of(index),
        "failures": part.failures,
        "num_bytes": sum(shard.filesize for shard in index.shards),
    }
