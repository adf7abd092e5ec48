"""The same frames, smaller: what is read of a set shrinks with the square of the side."""

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from vsda.datasets.frames import present_classes
from vsda.datasets.listing import Failure
from vsda.engine.run import Workers
from vsda.errors import ItemError, Outcome, UsageError
from vsda.prepare.report import report_rows, sort_failures
from vsda.sample import Mask, Sample
from vsda.shards.index import ShardIndex, ShardSet
from vsda.shards.pictures import PictureError, opened_picture
from vsda.shards.read import iterate_samples
from vsda.shards.write import write_shard
from vsda.storage import Place
from vsda.taxonomy import class_names
from vsda.toolbox.run import MadeSet, NewSet, check_standing, make_sets, new_set
from vsda.toolbox.sources import Source, open_sources, refuse_own_place
from vsda.toolbox.task import Written

QUALITY = 90
_FILTER = Image.Resampling.BICUBIC  # as `vsda fetch ytbb` does: both domains have the same one

_SMALLER, _KEPT = "made smaller", "kept as it was"
_LOST_CLASS, _LOST_OBJECT = "lost a class", "lost an object"
_LOST = "lost class "


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


def resize_sets(
    places: Sequence[str], out: Place, resize: Resize, *, workers: Workers, overwrite: bool = False
) -> list[MadeSet]:
    """Write sets again with smaller frames, each under its name in another folder.

    Keys, sequences, boxes and shards stay; masks are sampled where the centres of the new pixels
    lie, so no value appears that was not there. What is small enough already keeps its bytes.

    Args:
        places: Sets, or folders of sets.
        out: Folder or URL of the new sets.
        resize: How small the frames become.
        workers: Where the work is done.
        overwrite: Replace sets that were made otherwise.

    Raises:
        UsageError: Two sets have one name, or a new set would take the place of its source.
        ShardError: There is no set, one is damaged, or another set is there already.
        VsdaError: The disk is full, another process writes the same set, or a worker died.
    """
    sources = open_sources(places)
    _refuse_same_names(sources)
    for source in sources:
        refuse_own_place(source, out, source.name)
    sets = [_new_set(source, out, resize) for source in sources]
    check_standing(sets, overwrite=overwrite)
    return [
        made
        for new in sets
        for made in make_sets([new], _finish, workers=workers, overwrite=overwrite)
    ]


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
        self.counts[_KEPT if new is old else _SMALLER] += 1
        gone = _classes(old.seg) - _classes(new.seg)
        self.counts.update(f"{_LOST}{coco_id}" for coco_id in gone)
        self.counts[_LOST_CLASS] += bool(gone)
        self.counts[_LOST_OBJECT] += bool(_classes(old.inst) - _classes(new.inst))

    def fail(self, sample: Sample, error: ItemError) -> None:
        """Count a frame that is left out."""
        row = Failure(key=sample.key, outcome=error.outcome, message=str(error))
        self.failures.append(row)


def _classes(mask: Mask | None) -> set[int]:
    return set() if mask is None else set(present_classes(mask))


def _refuse_same_names(sources: Sequence[Source]) -> None:
    places: dict[str, str] = {}
    for source in sources:
        if source.name in places:
            raise UsageError(
                f"the sets {places[source.name]} and {source.place} have one name, so one would "
                "take the place of the other; resize them one by one, each with its own --out"
            )
        places[source.name] = source.place


def _new_set(source: Source, out: Place, resize: Resize) -> NewSet:
    index = source.shard_set.index
    done = {**resize.settings(), "source": source.settings(), "source_bytes": source.num_bytes}
    new_index = ShardIndex(
        name=index.name,
        dataset=index.dataset,
        split=index.split,
        shards=(),
        settings={**index.settings, "resize": done},
        notes=index.notes,
        command=f"vsda shards resize {index.name} {resize.words()}",
    )
    return new_set(out, new_index, [(shard, resize) for shard in source.shards()])


def _finish(
    index: ShardIndex, results: Sequence[Written]
) -> tuple[ShardIndex, Mapping[str, bytes]]:
    """Complete the index with what became of the frames; each that failed has a row."""
    failures = sort_failures(chain.from_iterable(result.failures for result in results))
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    outcomes = Counter({Outcome.OK: counts[_SMALLER] + counts[_KEPT]})
    outcomes.update(failure.outcome for failure in failures)
    whole = replace(
        index,
        outcomes={outcome.value: count for outcome, count in sorted(outcomes.items()) if count},
        notes=(*index.notes, *_notes(counts)),
    )
    return whole, {f"{index.name}.report.jsonl": report_rows(failures)}


def _notes(counts: Counter[str]) -> Iterator[str]:
    if counts[_KEPT]:
        yield f"{counts[_KEPT]} frames are small enough already and keep their bytes"
    if counts[_LOST_CLASS]:
        names = class_names()
        lost = ", ".join(
            f"{names.get(coco_id, f'id {coco_id}')} in {counts[f'{_LOST}{coco_id}']}"
            for coco_id in sorted(int(key.removeprefix(_LOST)) for key in _lost_keys(counts))
        )
        yield (
            f"{counts[_LOST_CLASS]} frames lost a class, all of whose pixels lay between the new "
            f"ones: {lost}"
        )
    if counts[_LOST_OBJECT]:
        yield f"{counts[_LOST_OBJECT]} frames lost an object of inst.png in the same way"


def _lost_keys(counts: Counter[str]) -> list[str]:
    return [key for key, count in counts.items() if count and key.startswith(_LOST)]
