"""Sets of shards: each sequence is a video, and the still images of a set are one together."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from vsda.errors import ItemError, Outcome, ShardError, UsageError
from vsda.predict.frame import Ending, Frame
from vsda.predict.options import Seen
from vsda.predict.pictures import Album, Picture, decoded, map_ahead
from vsda.sample import FrameFacts
from vsda.shards.index import ShardSet
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import Sequences
from vsda.toolbox.export_coco import original_number
from vsda.toolbox.export_names import check_name, check_sequence


class _Read(NamedTuple):
    """A sample: its sequence, None for a still image, and its picture."""

    sequence: str | None
    picture: Picture


class _Place(NamedTuple):
    """Where a sample lies: its position in the set, and that of its sequence's first frame."""

    position: int
    first: int


class ShardSource:
    """Sets of shards, on this machine or on a URL; masks in them are not looked at."""

    def __init__(self, sets: tuple[ShardSet, ...]) -> None:
        self._sets = sets

    @property
    def names(self) -> tuple[str, ...]:
        """The sequences of all sets, and the name of each set that has still images."""
        return tuple(name for one in self._sets for name in _names(one))

    def count(self, seen: Seen) -> int | None:
        """Return the number of samples.

        Raises:
            UsageError: A part of a timeline is asked for.
        """
        if seen.is_part:
            raise UsageError("--start, --stop: for videos; shards hold pictures")
        return sum(one.index.num_samples for one in self._sets)

    def frames(self, seen: Seen) -> Iterator[Frame | Ending]:
        """Yield the frames in the order of the sets."""
        for shard_set in self._sets:
            yield from _set_frames(shard_set, seen)

    def close(self) -> None:
        """Do nothing: files do not keep anybody waiting."""


def _names(shard_set: ShardSet) -> list[str]:
    index = shard_set.index
    num_in_sequences = sum(row.num_frames for row in index.sequences)
    stills = [index.name] if index.num_samples > num_in_sequences else []
    return [*(row.name for row in index.sequences), *stills]


def _set_frames(shard_set: ShardSet, seen: Seen) -> Iterator[Frame | Ending]:
    shards = RandomAccessShards(shard_set)
    where = shard_set.place(shard_set.index.name)
    stills = Album(shard_set.index.name, where, seen, is_still=True)
    read = partial(_read, shards, where, seen.size_px, threading.Lock())
    album, first = stills, -1
    for place, future in map_ahead(read, _places(shards)):
        if place.first != first:
            if album is not stills:
                yield album.ending()
            album, first = stills, place.first
        try:
            found = future.result()
        except ItemError as error:
            album.leave_out(error)
            continue
        if found.sequence is not None and album is stills:
            album = Album(found.sequence, where, seen, is_still=False)
        number = place.position if album is stills else place.position - first
        yield album.frame(found.picture, number)
    if album is not stills:
        yield album.ending()
    if stills.is_used:
        yield stills.ending()


def _places(shards: RandomAccessShards) -> Iterator[_Place]:
    first = 0
    for length in Sequences(shards).lengths().tolist():
        for position in range(first, first + length):
            yield _Place(position, first)
        first += length


def _read(
    shards: RandomAccessShards, where: str, size_px: int, one_reader: threading.Lock, place: _Place
) -> _Read:
    """Return the sample at a place.

    Raises:
        ItemError: It cannot be read, or has a name that is no plain path.
    """
    try:
        with one_reader:  # which tars are open is no business of two threads
            key = shards.entry(place.position).key
            fields = shards.read(place.position, ("jpg", "json"))
        named = f"{where}: {key}"
        facts = FrameFacts.from_json(fields["json"])
        check_name(facts.frame, "frame", named)
        if facts.sequence is not None:
            check_sequence(facts.sequence, named)
    except ShardError as error:
        raise ItemError(Outcome.UNREADABLE, str(error)) from error
    picture = decoded(fields["jpg"], facts.frame, named, size_px)
    return _Read(
        facts.sequence,
        replace(picture, when_ms=facts.timestamp_ms, image_id=original_number(key)),
    )
