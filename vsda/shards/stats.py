"""What a set holds, in numbers; all of it stands in the index, no tar is read."""

from collections import Counter
from dataclasses import dataclass

from vsda.shards.index import ShardIndex
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, class_names


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSummary:
    """The size of a set; `num_classes` leaves background and void out."""

    name: str
    dataset: str
    split: str
    num_shards: int
    num_samples: int
    num_sequences: int
    num_classes: int
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassStats:
    """How often one class occurs in a set.

    Attributes:
        id: COCO id, 0 for background, 255 for void.
        name: Its name.
        num_pixels: Pixels over all masks; 0 where only boxes show the class.
        share: Share in the labelled pixels, in [0, 1]; None for void and where there are no masks.
        num_frames: Frames that hold it.
        frame_share: Share in all frames of the set, in [0, 1].
        num_sequences: Sequences that hold it; None for background and void, of which the index does
            not say it, and 0 in a set of still images.
    """

    id: int
    name: str
    num_pixels: int
    share: float | None
    num_frames: int
    frame_share: float
    num_sequences: int | None


def summarise(index: ShardIndex) -> SetSummary:
    """Return the size of a set."""
    return SetSummary(
        name=index.name,
        dataset=index.dataset,
        split=index.split,
        num_shards=len(index.shards),
        num_samples=index.num_samples,
        num_sequences=len(index.sequences),
        num_classes=len(index.class_frames.keys() - {BACKGROUND_ID, IGNORE_INDEX}),
        num_bytes=sum(shard.filesize for shard in index.shards),
    )


def class_stats(index: ShardIndex) -> list[ClassStats]:
    """Return one row for each class that occurs in a set, by ascending COCO id."""
    names, pixels = class_names(), index.class_pixels
    labelled = sum(count for coco_id, count in pixels.items() if coco_id != IGNORE_INDEX)
    sequences = Counter(coco_id for row in index.sequences for coco_id in row.classes)
    return [
        ClassStats(
            id=coco_id,
            name=names.get(coco_id, f"id {coco_id}"),
            num_pixels=pixels.get(coco_id, 0),
            share=pixels.get(coco_id, 0) / labelled
            if labelled and coco_id != IGNORE_INDEX
            else None,
            num_frames=num_frames,
            frame_share=num_frames / index.num_samples,
            num_sequences=None if coco_id in {BACKGROUND_ID, IGNORE_INDEX} else sequences[coco_id],
        )
        for coco_id, num_frames in index.class_frames.items()
    ]
