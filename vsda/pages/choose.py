"""Which samples of a set a page shows: evenly spread, each sequence and each class among them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vsda.errors import ShardError
from vsda.pages.facts import facts_at, shown_classes
from vsda.sample import FrameFacts
from vsda.shards.index import ShardIndex
from vsda.shards.read import RandomAccessShards
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX

_MAX_LOOKS = 2000
"""Facts that are read, at most, to find the samples that show a class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Which samples are wanted.

    Attributes:
        num_samples: At most so many of a set.
        sequences: Only frames of these, from their first one on; empty for all.
        classes: Only samples that show one of these COCO ids; empty for all.
    """

    num_samples: int = 200
    sequences: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    """Positions [start, stop) that belong together; `classes` may be seen there."""

    name: str | None
    start: int
    stop: int
    classes: frozenset[int]

    @property
    def size(self) -> int:
        return self.stop - self.start


def choose(index: ShardIndex, shards: RandomAccessShards, wish: Wish) -> list[int]:
    """Return the positions of the wanted samples, ascending.

    Without a wish for sequences or classes they are evenly spread, and each sequence and each class
    is among them as far as the number allows. Which images show a class is not in the index, so
    for classes at most 2,000 samples are looked at, spread over where they may be.
    """
    spans = _spans(index)
    if wish.sequences:
        spans = [span for span in spans if span.name in wish.sequences]
    if wish.classes:
        return _with_classes(shards, spans, wish)
    shares = allot([span.size for span in spans], wish.num_samples)
    if wish.sequences:
        pairs = zip(spans, shares, strict=True)
        return [place for span, n in pairs for place in range(span.start, span.start + n)]
    chosen = [
        span.start + offset
        for span, share in zip(spans, shares, strict=True)
        for offset in evenly(span.size, share)
    ]
    return _Cover(shards, chosen).completed(index, spans, wish.num_samples)


def evenly(size: int, number: int) -> list[int]:
    """Return `number` of the positions below `size`, evenly spread."""
    return [(2 * step + 1) * size // (2 * number) for step in range(number)]


def allot(sizes: Sequence[int], number: int) -> list[int]:
    """Return how many of `number` each part gets: by size, one at least while there are enough."""
    number = min(number, sum(sizes))
    if number <= len(sizes):
        taken = set(evenly(len(sizes), number))
        return [int(position in taken) for position in range(len(sizes))]
    left, total = number - len(sizes), max(sum(sizes) - len(sizes), 1)
    shares, before = [], 0
    for size in sizes:
        after = before + size - 1
        shares.append(1 + left * after // total - left * before // total)
        before = after
    return shares


def spread_order(size: int) -> Iterator[int]:
    """Yield the positions below `size` so that the first of them are evenly spread: halves first.

    It is the sequence of van der Corput: the bits of a counter in reverse.
    """
    bits = max(size - 1, 0).bit_length()
    for counter in range(1 << bits):
        position = int(format(counter, f"0{bits}b")[::-1], 2) if bits else 0
        if position < size:
            yield position


def _spans(index: ShardIndex) -> list[_Span]:
    """Return the sequences of a set, or the shards where it has none, with their positions."""
    spans, start = [], 0
    for shard in index.shards:
        rows = shard.sequences
        if rows and sum(row.num_frames for row in rows) == shard.nsamples:
            for row in rows:
                stop = start + row.num_frames
                spans.append(_Span(row.name, start, stop, frozenset(row.classes)))
                start = stop
        elif shard.nsamples:
            stop = start + shard.nsamples
            spans.append(_Span(None, start, stop, frozenset(shard.class_frames)))
            start = stop
    return spans


def _with_classes(shards: RandomAccessShards, spans: list[_Span], wish: Wish) -> list[int]:
    wanted = set(wish.classes)
    places = _places([span for span in spans if wanted & span.classes])
    order = places if wish.sequences else (places[i] for i in spread_order(len(places)))
    found: list[int] = []
    for looks, position in enumerate(order):
        if len(found) >= wish.num_samples or looks >= _MAX_LOOKS + wish.num_samples:
            break
        if wanted & _classes_at(shards, position):
            found.append(position)
    return sorted(found)


def _places(spans: Iterable[_Span]) -> list[int]:
    return [position for span in spans for position in range(span.start, span.stop)]


def _look(shards: RandomAccessShards, position: int) -> FrameFacts | None:
    """Return the facts of a sample, None for one that is damaged; its page says so later."""
    try:
        return facts_at(shards, position)
    except ShardError:
        return None


def _classes_at(shards: RandomAccessShards, position: int) -> set[int]:
    facts = _look(shards, position)
    return set() if facts is None else shown_classes(facts)


class _Cover:
    """Chosen samples and how often each class and sequence is among them."""

    def __init__(self, shards: RandomAccessShards, chosen: Iterable[int]) -> None:
        self._shards = shards
        self._shown: dict[int, frozenset[object]] = {}
        self._counts: Counter[object] = Counter()
        self._looks = 0
        for position in chosen:
            self._add(position, _look(shards, position))

    def completed(self, index: ShardIndex, spans: list[_Span], number: int) -> list[int]:
        """Return the positions with samples of the classes that were missing, rarest first."""
        frames = index.class_frames
        for coco_id in sorted(frames, key=lambda coco_id: frames[coco_id]):
            if coco_id not in {BACKGROUND_ID, IGNORE_INDEX} and not self._counts[coco_id]:
                self._bring(coco_id, [span for span in spans if coco_id in span.classes], number)
        return sorted(self._shown)

    def _bring(self, coco_id: int, spans: list[_Span], number: int) -> None:
        places = _places(spans)
        for place in spread_order(len(places)):
            if self._looks >= _MAX_LOOKS:
                return
            self._looks += 1
            facts = _look(self._shards, places[place])
            if facts is not None and coco_id in shown_classes(facts):
                self._add(places[place], facts)
                self._drop_one(places[place], number)
                return

    def _add(self, position: int, facts: FrameFacts | None) -> None:
        shown: set[object] = set() if facts is None else {*shown_classes(facts)}
        if facts is not None and facts.sequence is not None:
            shown.add(facts.sequence)
        self._shown[position] = frozenset(shown)
        self._counts.update(shown)

    def _drop_one(self, new: int, number: int) -> None:
        """Take out a sample that shows nothing that others do not show; the new one if need be."""
        if len(self._shown) <= number:
            return
        spare = [
            position
            for position, shown in self._shown.items()
            if position != new and all(self._counts[what] > 1 for what in shown)
        ]
        position = min(spare, key=lambda place: (abs(place - new), place), default=new)
        self._counts.subtract(self._shown.pop(position))
