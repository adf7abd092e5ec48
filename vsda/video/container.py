"""Opening a video file with FFmpeg, and saying what a file is that is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vsda.errors import ItemError, Outcome

_CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"
"""Formats that FFmpeg may recognise. Not among them: pictures, which it would show as videos of one
frame, and play lists, which make it open other files and addresses."""

_BEGINNINGS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"#EXTM3U", "a play list"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
)


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""


@contextmanager
def open_stream(file: Readable, name: str) -> Iterator[InputContainer]:
    """Open what comes out of `file`, from front to back, and close it when the block ends.

    Args:
        file: The bytes of the container.
        name: What to call it in messages.

    Raises:
        ItemError: NOT_A_VIDEO where it is no video that can be read without going back.
    """
    try:
        options = {"format_whitelist": _CONTAINERS}
        container = av.open(_OneWay(file), "r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise ItemError(
            Outcome.NOT_A_VIDEO,
            f"{name}: expected a video that can be read from front to back, such as Matroska, "
            f"MPEG-TS or an MP4 file with its index in front; got none ({error}); give the file "
            "itself",
        ) from error
    with container:
        yield container


class _OneWay:
    """A file of which FFmpeg sees nothing but `read`, so that it does not try to go back."""

    def __init__(self, file: Readable) -> None:
        self.read = file.read


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Open the file at `path`, and close it when the block ends.

    Raises:
        ItemError: NOT_A_VIDEO where it is no file of a video format; the message says what it is.
    """
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    if not path.is_file():
        raise ItemError(Outcome.NOT_A_VIDEO, f"{path}: expected a video, found no such file")
    try:
        # "file:" keeps a colon in the name from being read as a protocol
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise ItemError(
            Outcome.NOT_A_VIDEO, f"{path}: expected a video, found {_what_it_is(path)}"
        ) from error
    with container:
        yield container


def video_stream(path: Path, container: InputContainer) -> VideoStream:
    """Return the stream that a player shows; cover art is none.

    Raises:
        ItemError: NOT_A_VIDEO where there is none.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no streams"
        raise ItemError(
            Outcome.NOT_A_VIDEO, f"{path}: expected a video stream, found {kinds} without pictures"
        )
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    stream.thread_count = 1
    return stream


def _what_it_is(path: Path) -> str:
    """Return in words what a file looks like that FFmpeg cannot open."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        return "an empty file"
    if start[4:8] == b"ftyp":
        return "an MP4 file whose index (moov) is missing or damaged, as after a cut download"
    for beginning, name in _BEGINNINGS:
        if start.startswith(beginning):
            return name
    if start.lstrip()[:1] == b"<":
        return "a web page or other markup"
    if b"\0" not in start and _is_text(start):
        return "a text"
    return f"a file of no known format that starts with {start[:8].hex(' ')}"


def _is_text(start: bytes) -> bool:
    try:
        start[:-3].decode()  # the cut may go through a character
    except UnicodeDecodeError:
        return False
    return True
