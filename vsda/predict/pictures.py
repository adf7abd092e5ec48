"""What folders of pictures and shards have in common: many files, of which some may be broken."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from torch import Tensor

from vsda.errors import ItemError, Outcome, ShardError
from vsda.predict.frame import Ending, Frame, Video
from vsda.predict.options import Seen
from vsda.shards.pictures import PictureError, opened_picture
from vsda.stream.transforms import decode_resized

Item = TypeVar("Item")
Made = TypeVar("Made")

NO_CLOCK_FPS = Fraction(24)
"""Of frames that nobody gave a time; DAVIS has it."""

_CLOCK = Fraction(1, 90_000)
_CLOCK_FPS = Fraction(30)
_THREADS = 4
_AHEAD = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A JPEG that was decoded for the network.

    Attributes:
        name: Of its files, without an ending.
        jpg: The bytes.
        size_px: Height and width.
        squeezed: (3, S, S) uint8.
        when_ms: When it is shown; None without a clock.
        image_id: COCO's number of it; None for the one that follows from its place.
    """

    name: str
    jpg: bytes
    size_px: tuple[int, int]
    squeezed: Tensor
    when_ms: float | None = None
    image_id: int | None = None


def decoded(jpg: bytes, name: str, where: str, size_px: int) -> Picture:
    """Return the picture `jpg`, called `where` in messages.

    Raises:
        ItemError: It cannot be decoded.
    """
    try:
        squeezed = decode_resized(jpg, size_px)
        with opened_picture(jpg, "JPEG") as image:
            width_px, height_px = image.size
    except (ShardError, PictureError) as error:
        raise ItemError(Outcome.UNREADABLE, f"{where}: {error}") from error
    return Picture(name=name, jpg=jpg, size_px=(height_px, width_px), squeezed=squeezed)


class Album:
    """The pictures of one video, as frames; those that cannot be read are left out, and told.

    Args:
        name: Of the video.
        source: Where it comes from.
        seen: Says how many pictures a second has where they have no clock of their own.
        is_still: They have nothing to do with each other.
    """

    def __init__(self, name: str, source: str, seen: Seen, *, is_still: bool) -> None:
        self._name, self._source, self._is_still = name, source, is_still
        self._rate = seen.rate
        self._video: Video | None = None
        self._first_ms: float | None = None
        self._place = 0
        self._left_out: list[str] = []
        self._num_left_out = 0

    @property
    def is_used(self) -> bool:
        """Whether there was a picture, whole or broken."""
        return bool(self._place or self._num_left_out)

    def frame(self, picture: Picture, number: int) -> Frame:
        """Return the next frame.

        Args:
            picture: Its picture.
            number: Which of the video's pictures it is, counted from 0, broken ones included.
        """
        if self._video is None:
            self._first_ms = None if self._rate else picture.when_ms
            self._video = self._made()
        self._place += 1
        return Frame(
            video=self._video,
            place=self._place - 1,
            name=picture.name,
            image_id=number + 1 if picture.image_id is None else picture.image_id,
            picture=picture.jpg,
            size_px=picture.size_px,
            squeezed=picture.squeezed,
            start=self._start(picture, number),
            duration=0,
        )

    def leave_out(self, error: Exception) -> None:
        """Count a picture that cannot be read."""
        if not self._left_out:
            self._left_out.append(str(error))
        self._num_left_out += 1

    def ending(self) -> Ending:
        """Return the ending, which tells what was left out."""
        video = self._video or self._made()
        if not self._left_out:
            return Ending(video)
        others = f", and {self._num_left_out - 1} more" if self._num_left_out > 1 else ""
        return Ending(video, f"left out: {self._left_out[0]}{others}")

    def _made(self) -> Video:
        has_clock = self._first_ms is not None
        rate = self._rate or (_CLOCK_FPS if has_clock else NO_CLOCK_FPS)
        return Video(
            name=self._name,
            source=self._source,
            time_base=_CLOCK if has_clock else 1 / rate,
            rate_fps=rate,
            is_still=self._is_still,
        )

    def _start(self, picture: Picture, number: int) -> int:
        if self._first_ms is None or picture.when_ms is None:
            return number
        return round((picture.when_ms - self._first_ms) / 1000 / _CLOCK)


def map_ahead(
    function: Callable[[Item], Made], items: Iterable[Item]
) -> Iterator[tuple[Item, Future[Made]]]:
    """Yield each item and the future of `function(item)`; the next ones are made meanwhile."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pictures")
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > _AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)
