"""Frames made smaller: the picture filtered once, its masks sampled under it, facts that fit."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from vsda.datasets.frames import present_classes
from vsda.datasets.listing import Failure
from vsda.errors import ItemError, Outcome, UsageError
from vsda.sample import Mask, Sample
from vsda.shards.index import ShardSet
from vsda.shards.pictures import PictureError, opened_picture
from vsda.shards.read import iterate_samples
from vsda.shards.write import write_shard
from vsda.toolbox.task import Written

QUALITY = 90
_FILTER = Image.Resampling.BICUBIC  # as `vsda fetch ytbb` does: both domains have the same one

SMALLER, KEPT = "made smaller", "kept as it was"
LOST_CLASS, LOST_OBJECT = "lost a class", "lost an object"
LOST = "lost class "
"""What happened to frames, as `Written.counts` names it; `LOST` is followed by a COCO id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resize:
    """How small frames become; one of the first two is given.

    Attributes:
        short_side_px: The shorter side; the frame keeps its shape.
        size_px: Width and height, whatever the shape was. A side that is shorter already stays.
        quality: Of the JPEG, 1 to 95.
    """

    short_side_px: int | None = None
    size_px: tuple[int, int] | None = None
    quality: int = QUALITY

    def __post_init__(self) -> None:
        """Refuse what no frame can become.

        Raises:
            UsageError: Both sizes or none are given, or a number is out of its range.
        """
        if (self.short_side_px is None) == (self.size_px is None):
            raise UsageError("give either --short-side PIXELS or --size WIDTHxHEIGHT")
        for side_px in self.size_px or (self.short_side_px,):
            if side_px is None or side_px < 1:
                raise UsageError(f"a side of {side_px} pixels: expected 1 or more")
        if not 1 <= self.quality <= 95:
            raise UsageError(f"--quality {self.quality}: expected 1 to 95")

    def new_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return width and height of what a frame becomes; neither is ever larger."""
        if self.size_px is not None:
            return min(width_px, self.size_px[0]), min(height_px, self.size_px[1])
        short_px = min(width_px, height_px)
        if self.short_side_px is None or short_px <= self.short_side_px:
            return width_px, height_px
        scale = self.short_side_px / short_px
        return round(width_px * scale), round(height_px * scale)

    def words(self) -> str:
        """Return the options of the command line."""
        size = (
            f"--short-side {self.short_side_px}"
            if self.size_px is None
            else f"--size {self.size_px[0]}x{self.size_px[1]}"
        )
        return size if self.quality == QUALITY else f"{size} --quality {self.quality}"

    def settings(self) -> dict[str, Any]:
        """Return what the index records."""
        size = (
            {"short_side_px": self.short_side_px}
            if self.size_px is None
            else {"size_px": list(self.size_px)}
        )
        return {**size, "quality": self.quality, "filter": _FILTER.name.lower()}

    def write(self, source: ShardSet, target: str) -> Written:
        """Write the frames of a shard, smaller; one that cannot be decoded is left out.

        Raises:
            ShardError: The shard is damaged.
        """
        tally = _Tally()
        samples = self._samples(source, tally)
        first = next(samples, None)
        shard = None if first is None else write_shard(target, chain([first], samples))
        counts = dict(sorted(tally.counts.items()))
        return Written(shard=shard, counts=counts, failures=tuple(tally.failures))

    def _samples(self, source: ShardSet, tally: "_Tally") -> Iterator[Sample]:
        for sample in iterate_samples(source):
            try:
                smaller = resize_sample(sample, self)
            except ItemError as error:
                tally.fail(sample, error)
                continue
            tally.add(sample, smaller)
            yield smaller


def resize_sample(sample: Sample, resize: Resize) -> Sample:
    """Return a frame with its masks and facts made smaller, itself where it is small enough.

    Raises:
        ItemError: Its JPEG cannot be decoded, or has another size than its facts say.
    """
    facts = sample.facts
    size = resize.new_size(facts.width_px, facts.height_px)
    if size == (facts.width_px, facts.height_px):
        return sample
    seg = None if sample.seg is None else resize_mask(sample.seg, size)
    gone = _classes(sample.seg) - _classes(seg)
    return replace(
        sample,
        jpg=_resize_jpeg(sample, size, resize.quality),
        seg=seg,
        inst=None if sample.inst is None else resize_mask(sample.inst, size),
        facts=replace(
            facts,
            width_px=size[0],
            height_px=size[1],
            classes=tuple(coco_id for coco_id in facts.classes if coco_id not in gone),
        ),
    )


def resize_mask(mask: Mask, size_px: tuple[int, int]) -> Mask:
    """Return `mask` (H, W) with width and height `size_px`: the value under each new centre.

    The centre of pixel i of n lies at (i + 1/2) / n of the side, as for the filter of the picture.
    """
    rows, columns = (
        (2 * np.arange(new_px) + 1) * old_px // (2 * new_px)
        for new_px, old_px in zip(reversed(size_px), mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def _resize_jpeg(sample: Sample, size_px: tuple[int, int], quality: int) -> bytes:
    """Return the picture as JPEG of another size, without what else its file tells."""
    data = io.BytesIO()
    try:
        with opened_picture(sample.jpg, "JPEG") as picture:
            _check_size(sample, picture.size)
            pixels = picture if picture.mode in {"L", "RGB"} else picture.convert("RGB")
            smaller = pixels.resize(size_px, _FILTER)
    except PictureError as error:
        message = f"{sample.key}: not a whole JPEG: {error}"
        raise ItemError(Outcome.UNREADABLE, message) from error
    smaller.info.clear()
    smaller.save(data, format="JPEG", quality=quality)
    return data.getvalue()


def _check_size(sample: Sample, size_px: tuple[int, int]) -> None:
    facts = sample.facts
    if size_px != (facts.width_px, facts.height_px):
        raise ItemError(
            Outcome.SIZE_MISMATCH,
            f"{sample.key}: the JPEG is {size_px[0]}x{size_px[1]} pixels, its json says "
            f"{facts.width_px}x{facts.height_px}",
        )


@dataclass(slots=True)
class _Tally:
    """What happened to the frames so far."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, old: Sample, new: Sample) -> None:
        """Count a frame, and what is not to be seen in it any more."""
        self.counts[KEPT if new is old else SMALLER] += 1
        gone = _classes(old.seg) - _classes(new.seg)
        self.counts.update(f"{LOST}{coco_id}" for coco_id in gone)
        self.counts[LOST_CLASS] += bool(gone)
        self.counts[LOST_OBJECT] += bool(_classes(old.inst) - _classes(new.inst))

    def fail(self, sample: Sample, error: ItemError) -> None:
        """Count a frame that is left out."""
        row = Failure(key=sample.key, outcome=error.outcome, message=str(error))
        self.failures.append(row)


def _classes(mask: Mask | None) -> set[int]:
    return set() if mask is None else set(present_classes(mask))
