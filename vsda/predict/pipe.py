"""A video on standard input: it may be of any length, and its end need not be there yet."""

import os
import select
import threading
from collections.abc import Iterator
from fractions import Fraction

from vsda.errors import ItemError, UsageError
from vsda.predict.frame import Ending, Frame, Video
from vsda.predict.options import Seen
from vsda.predict.video import FEWEST_DIGITS
from vsda.stream.transforms import resized
from vsda.video.pipe import PipedFrame, read_pipe

NAME = "stdin"
_STDIN = 0
_WHERE = "standard input"
_USUAL_FPS = Fraction(30)
_LOOK_EVERY_S = 0.1


class PipeSource:
    """The bytes of a video's container on standard input, which are kept nowhere.

    Its frames are looked at one by one, each at its own time: an even clock would have to know what
    comes next.
    """

    def __init__(self) -> None:
        self._input = _Input()

    @property
    def names(self) -> tuple[str, ...]:
        """The name of what has none."""
        return (NAME,)

    def count(self, seen: Seen) -> int | None:
        """Return None: nobody knows.

        Raises:
            UsageError: Frames are asked for by the clock, or a person is at the other end.
        """
        if seen.rate is not None:
            raise UsageError("--fps: for files; the frames of a pipe come as they are (native)")
        if os.isatty(_STDIN):
            raise UsageError("-: standard input is a terminal; send a video through a pipe")
        return None

    def frames(self, seen: Seen) -> Iterator[Frame | Ending]:
        """Yield the frames as they come, and the ending."""
        video: Video | None = None
        damage = None
        try:
            for place, (number, piped) in enumerate(_wanted(self._input, seen)):
                video = video or _video(piped)
                yield _frame(video, place, number, piped, seen)
        except ItemError as error:
            if video is None:
                raise
            damage = str(error)
        if video is not None:
            yield Ending(video, damage)

    def close(self) -> None:
        """End the input here, for the thread that waits for more of it."""
        self._input.is_closed.set()


class _Input:
    """Standard input, whose reader can be told to wait no longer."""

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def read(self, size: int) -> bytes:
        """Return what is there of `size` bytes, when something is; none at the end."""
        while not self.is_closed.is_set():
            ready, _, _ = select.select([_STDIN], [], [], _LOOK_EVERY_S)
            if ready:
                return os.read(_STDIN, size)
        return b""


def _wanted(file: _Input, seen: Seen) -> Iterator[tuple[int, PipedFrame]]:
    """Yield number and frame of what starts between `--start` and `--stop`."""
    for number, piped in enumerate(read_pipe(file, _WHERE)):
        start_s = piped.pts * piped.facts.time_base
        if seen.stop_s is not None and start_s >= seen.stop_s:
            return
        if start_s >= seen.start_s:
            yield number, piped


def _video(first: PipedFrame) -> Video:
    facts = first.facts
    rate_fps = 1 / (first.duration * facts.time_base) if first.duration else _USUAL_FPS
    return Video(name=NAME, source=_WHERE, time_base=facts.time_base, rate_fps=rate_fps)


def _frame(video: Video, place: int, number: int, piped: PipedFrame, seen: Seen) -> Frame:
    origin = seen.start_s // piped.facts.time_base
    return Frame(
        video=video,
        place=place,
        name=f"{number:0{FEWEST_DIGITS}d}",
        image_id=number + 1,
        picture=piped.rgb,
        size_px=piped.rgb.shape[:2],
        squeezed=resized(piped.rgb, seen.size_px),
        start=max(piped.pts - origin, 0),
        duration=piped.duration,
    )
