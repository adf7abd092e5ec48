"""What a player shows, as JPEGs: the one way from a video's ticks to frames of a sample."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.video.backends import read_frames
from vsda.video.probe import VideoFacts
from vsda.video.timeline import TICKS_PER_S, Rate, frames_at_ticks, tick_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """How frames become JPEGs.

    Attributes:
        short_side_px: Frames are made smaller to this, never larger; None keeps their size.
        jpeg_quality: Of Pillow, 1 to 95.
    """

    short_side_px: int | None
    jpeg_quality: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedVideo:
    """A video's file, what `probe` says of it, and the backend that reads its frames."""

    path: Path
    facts: VideoFacts
    backend: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownFrame:
    """What a player shows at one moment.

    Attributes:
        tick: The moment as a tick; None where every frame of the file has its own moment.
        timestamp_ms: The moment on the player's timeline.
        index: Into `facts.pts`.
        held: The tick before shows the same frame.
        jpg: The frame as JPEG; the very same object where it is held.
        size_px: Width and height of the JPEG.
        source_pts: When the file starts to show the frame, in units of its time base.
        source_ms: The same in milliseconds.
    """

    tick: int | None
    timestamp_ms: float
    index: int
    held: bool
    jpg: bytes
    size_px: tuple[int, int]
    source_pts: int
    source_ms: float


def shown_ticks(
    facts: VideoFacts, ticks: range, rate: Rate = TICKS_PER_S
) -> tuple[range, NDArray[np.int64]]:
    """Return those of `ticks` at which a player shows a frame, and the index of that frame.

    Ticks before the first frame and after the end of the last one have none.
    """
    while ticks and tick_ms(ticks[-1], rate) >= facts.duration_ms:
        ticks = ticks[:-1]
    frames = frames_at_ticks(facts.pts, facts.time_base, ticks, rate)
    num_before = int((frames < 0).sum())
    return ticks[num_before:], frames[num_before:]


def frames_at(
    video: OpenedVideo,
    ticks: range,
    frames: NDArray[np.int64],
    encoding: Encoding,
    rate: Rate = TICKS_PER_S,
) -> Iterator[ShownFrame]:
    """Yield what is shown at ticks that `shown_ticks` gave, each frame of the file decoded once.

    Raises:
        ItemError: UNDECODABLE; see `read_frames`.
    """
    facts = video.facts
    before = frames_at_ticks(
        facts.pts, facts.time_base, range(ticks.start - 1, ticks.start), rate
    ).tolist()
    pictures = _jpegs(video, np.unique(frames).tolist(), encoding)
    index, jpg, size_px = before[0], b"", (0, 0)
    for tick, wanted in zip(ticks, frames.tolist(), strict=True):
        held = wanted == index
        if not held or not jpg:
            index, jpg, size_px = next(pictures)
        yield ShownFrame(
            tick=tick,
            timestamp_ms=tick_ms(tick, rate),
            index=index,
            held=held,
            jpg=jpg,
            size_px=size_px,
            source_pts=int(facts.pts[index]),
            source_ms=source_ms(facts, index),
        )


def every_frame(video: OpenedVideo, encoding: Encoding) -> Iterator[ShownFrame]:
    """Yield every frame that a player shows, each at its own time.

    A frame that is over when the player's timeline starts is never shown; the one that is on at its
    start is shown from 0 ms.

    Raises:
        ItemError: UNDECODABLE; see `read_frames`.
    """
    facts = video.facts
    for index, jpg, size_px in _jpegs(video, shown_indices(facts), encoding):
        start_ms = source_ms(facts, index)
        yield ShownFrame(
            tick=None,
            timestamp_ms=max(0.0, start_ms),
            index=index,
            held=False,
            jpg=jpg,
            size_px=size_px,
            source_pts=int(facts.pts[index]),
            source_ms=start_ms,
        )


def shown_indices(facts: VideoFacts) -> range:
    """Return the indices into `facts.pts` of the frames that are on at 0 ms or later."""
    on_at_start = int(np.searchsorted(facts.pts, 0, side="right")) - 1
    return range(max(0, on_at_start), len(facts.pts))


def source_ms(facts: VideoFacts, index: int) -> float:
    """Return when the file starts to show a frame, in milliseconds."""
    return float(int(facts.pts[index]) * facts.time_base * 1000)


def encode_frame(picture: NDArray[np.uint8], encoding: Encoding) -> tuple[bytes, tuple[int, int]]:
    """Return a picture (H, W, 3) as JPEG, made smaller if it must be, and its (width, height)."""
    image = Image.fromarray(picture)
    short_px = min(image.size)
    if encoding.short_side_px is not None and short_px > encoding.short_side_px:
        scale = encoding.short_side_px / short_px
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BICUBIC)
    data = io.BytesIO()
    image.save(data, format="JPEG", quality=encoding.jpeg_quality)
    return data.getvalue(), image.size


def _jpegs(
    video: OpenedVideo, indices: range | list[int], encoding: Encoding
) -> Iterator[tuple[int, bytes, tuple[int, int]]]:
    for index, picture in read_frames(video.path, video.facts, indices, video.backend):
        yield index, *encode_frame(picture, encoding)
