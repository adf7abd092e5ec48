"""How evenly the classes of sets occur, and how they differ between sets."""

from collections.abc import Sequence
from dataclasses import dataclass

from vsda.errors import ShardError
from vsda.shards.index import ShardIndex, ShardSet
from vsda.shards.stats import ClassStats, class_stats
from vsda.shards.tars import load_idx
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX

_MASK_FIELD = "seg.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetBalance:
    """How uneven a set is.

    Attributes:
        largest: Name of the class with the most pixels (frames, where there are no masks), without
            background and void; None if the set has no class.
        smallest: That with the fewest.
        largest_share: Its share in the labelled pixels (in the frames, where there are no masks).
        smallest_share: The same of the smallest.
        by: What the shares are of: `pixels` or `frames`.
        background_share: Share of the background in the labelled pixels; None without masks.
        void_share: Share of void in all pixels of the masks; None without masks.
        num_unlabelled: Frames without a mask; None if the `.idx` files, which say it, cannot be
            read.
    """

    largest: str | None
    smallest: str | None
    largest_share: float | None
    smallest_share: float | None
    by: str
    background_share: float | None
    void_share: float | None
    num_unlabelled: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassBalance:
    """One class in several sets.

    Attributes:
        id: COCO id.
        name: Its name.
        stats: Of each set; None where a set does not have it.
        pixel_ratios: The pixel share in each set over that in the first; None where one of the two
            is 0 or not known.
        frame_ratios: The same of the share of the frames.
    """

    id: int
    name: str
    stats: tuple[ClassStats | None, ...]
    pixel_ratios: tuple[float | None, ...]
    frame_ratios: tuple[float | None, ...]


def set_balance(shard_set: ShardSet) -> SetBalance:
    """Return how uneven a set is; index and `.idx` files say it, no tar is read."""
    index = shard_set.index
    rows = class_stats(index)
    by, shares = _class_shares(rows)
    pixels = index.class_pixels
    total, void = sum(pixels.values()), pixels.get(IGNORE_INDEX, 0)
    labelled = total - void
    return SetBalance(
        largest=max(shares, key=lambda name: shares[name]) if shares else None,
        smallest=min(shares, key=lambda name: shares[name]) if shares else None,
        largest_share=max(shares.values(), default=None),
        smallest_share=min(shares.values(), default=None),
        by=by,
        background_share=pixels.get(BACKGROUND_ID, 0) / labelled if labelled else None,
        void_share=void / total if total else None,
        num_unlabelled=_num_unlabelled(shard_set),
    )


def compare_classes(indexes: Sequence[ShardIndex]) -> list[ClassBalance]:
    """Return one row for each class that occurs in a set, by ascending COCO id."""
    by_set = [{row.id: row for row in class_stats(index)} for index in indexes]
    rows = []
    for coco_id in sorted({coco_id for of_set in by_set for coco_id in of_set}):
        stats = tuple(of_set.get(coco_id) for of_set in by_set)
        rows.append(
            ClassBalance(
                id=coco_id,
                name=next(one.name for one in stats if one is not None),
                stats=stats,
                pixel_ratios=_ratios([None if one is None else one.share for one in stats]),
                frame_ratios=_ratios([None if one is None else one.frame_share for one in stats]),
            )
        )
    return rows


def is_class(coco_id: int) -> bool:
    """Return whether an id is a class, and neither background nor void."""
    return coco_id not in {BACKGROUND_ID, IGNORE_INDEX}


def _class_shares(rows: Sequence[ClassStats]) -> tuple[str, dict[str, float]]:
    classes = [row for row in rows if is_class(row.id)]
    pixels = {row.name: row.share for row in classes if row.share}
    if pixels:
        return "pixels", pixels
    return "frames", {row.name: row.frame_share for row in classes}


def _num_unlabelled(shard_set: ShardSet) -> int | None:
    count = 0
    for info in shard_set.index.shards:
        try:
            table = load_idx(shard_set, info)
        except ShardError:
            return None
        has_mask = _MASK_FIELD in table.fields
        masked = table.spans[:, table.fields.index(_MASK_FIELD), 0] >= 0 if has_mask else None
        count += info.nsamples - (0 if masked is None else int(masked.sum()))
    return count


def _ratios(shares: Sequence[float | None]) -> tuple[float | None, ...]:
    first = shares[0]
    return tuple(share / first if share and first else None for share in shares)
