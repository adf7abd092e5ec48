"""Frames of a video that comes through a pipe: read once, from front to back, one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vsda.errors import ItemError, Outcome
from vsda.video.container import Readable, open_stream, video_stream
from vsda.video.probe import VideoFacts, facts_of_first
from vsda.video.pyav import Rgb, as_shown, time_s


@dataclass(frozen=True, slots=True)
class PipedFrame:
    """A frame as shown.

    Attributes:
        facts: What its video's first frame told; `pts` has that one alone.
        pts: When it is shown, in units of `facts.time_base`.
        duration: How long; 0 where nobody knows.
        rgb: (H, W, 3).
    """

    facts: VideoFacts
    pts: int
    duration: int
    rgb: Rgb


def read_pipe(file: Readable, name: str) -> Iterator[PipedFrame]:
    """Yield the frames of the video in `file` as they come.

    Args:
        file: The bytes of the video's container.
        name: What to call it in messages.

    Raises:
        ItemError: NOT_A_VIDEO where it is none, UNDECODABLE where a frame is damaged, has another
            size than the first, or comes without a time or with an earlier one than that before.
    """
    facts: VideoFacts | None = None
    last = 0
    with open_stream(file, name) as container:
        stream = video_stream(Path(name), container)
        for frame in _decoded(container, stream, name):
            if frame.pts is None or (facts and frame.pts <= last):
                raise ItemError(
                    Outcome.UNDECODABLE,
                    f"{name}: a frame has no time, or one that is not after that of the frame "
                    "before; give the file itself",
                )
            if facts is None:
                facts = facts_of_first(frame, stream, container.format.name)
            if frame.is_corrupt:
                where = time_s(facts, frame.pts)
                raise ItemError(Outcome.UNDECODABLE, f"{name}: the frame at {where} is damaged")
            last = frame.pts
            yield PipedFrame(facts, last, frame.duration, as_shown(Path(name), frame, facts))
    if facts is None:
        raise ItemError(Outcome.UNDECODABLE, f"{name}: none of its frames can be decoded")


def _decoded(container: InputContainer, stream: VideoStream, name: str) -> Iterator[VideoFrame]:
    try:
        yield from container.decode(stream)
    except av.error.FFmpegError as error:
        raise ItemError(Outcome.UNDECODABLE, f"{name}: decoding stopped: {error}") from error
