"""Frames as they come, cut into what a network sees together, as `evaluate` cuts a whole set.

How long a video is shows at its end, so it is cut while it comes: the frames of the stretch before
the last one are kept, as the last clips reach back to be whole.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vsda.predict.frame import Ending, Frame
from vsda.stream.clips import ClipShape, cut_sequence


@dataclass(frozen=True, slots=True)
class Cut:
    """A picture or a clip, and the places in it of the frames whose prediction is taken here."""

    frames: tuple[Frame, ...]
    kept: tuple[int, ...]


def cut_stream(events: Iterable[Frame | Ending], shape: ClipShape | None) -> Iterator[Cut | Ending]:
    """Yield pictures or clips that hold every frame, each kept once, and endings as they come.

    Args:
        events: The frames of a video in order, its ending, the next video's.
        shape: Of the network's clips; None for a network of single pictures.
    """
    cutter = _Cutter(shape)
    for event in events:
        if isinstance(event, Ending):
            yield from cutter.last()
            cutter = _Cutter(shape)
            yield event
        elif shape is None or event.video.is_still:
            yield Cut((event,), (0,))
        else:
            yield from cutter.add(event)


@dataclass(slots=True)
class _Cutter:
    """One video: its frames from place `first` on; those before `begin` are in clips already."""

    shape: ClipShape | None
    first: int = 0
    begin: int = 0
    frames: deque[Frame] = field(default_factory=deque)

    def add(self, frame: Frame) -> Iterator[Cut]:
        """Yield the clips of the stretch that `frame` completes, if it does."""
        self.frames.append(frame)
        if self._end - self.begin == self._length:
            yield from self._cut()
            while self.first < self._end - self._length:
                self.frames.popleft()
                self.first += 1
            self.begin = self._end

    def last(self) -> Iterator[Cut]:
        """Yield the clips of what is left."""
        if self.begin < self._end:
            yield from self._cut()

    @property
    def _end(self) -> int:
        return self.first + len(self.frames)

    @property
    def _length(self) -> int:
        return self.shape.frames * self.shape.stride if self.shape else 1

    def _cut(self) -> Iterator[Cut]:
        """Yield the clips that keep a frame from `begin` on."""
        if self.shape is None:
            return
        for clip, own in cut_sequence(range(self.first, self._end), self.shape):
            kept = tuple(clip.index(place) for place in own if place >= self.begin)
            if kept:
                yield Cut(tuple(self.frames[place - self.first] for place in clip), kept)
