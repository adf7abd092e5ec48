"""Frames by PyAV: each is found by its exact presentation time."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import av.error
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vsda.errors import ItemError, Outcome
from vsda.video.container import open_video, video_stream
from vsda.video.probe import VideoFacts

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8, as shown: rotated."""

_FIRST_STEP_BACK_S = 1


def read_with_pyav(
    path: Path, facts: VideoFacts, indices: Sequence[int]
) -> Generator[tuple[int, Rgb], None, None]:
    """Yield (index, frame) for ascending `indices` into `facts.pts`, in one go from a key frame.

    Raises:
        ItemError: UNDECODABLE where a frame does not come out, or damaged; it names the time.
    """
    with closing(_frames_from(path, facts, indices[0])) as frames:
        for index in indices:
            frame = _frame_at(path, facts, index, frames)
            yield index, as_shown(path, frame, facts)


def time_s(facts: VideoFacts, pts: int) -> str:
    """Return when the frame with time `pts` is shown, for messages."""
    return f"{float(pts * facts.time_base):.3f} s"


def _frame_at(
    path: Path, facts: VideoFacts, index: int, frames: Iterator[VideoFrame]
) -> VideoFrame:
    """Return the frame with exactly the time of `index`, never one beside it."""
    wanted = int(facts.pts[index])
    where = f"{path}: the frame at {time_s(facts, wanted)}"
    try:
        frame = next((f for f in frames if f.pts is not None and f.pts >= wanted), None)
    except av.error.FFmpegError as error:
        raise ItemError(Outcome.UNDECODABLE, f"{where} cannot be decoded: {error}") from error
    if frame is None or frame.pts != wanted:
        raise ItemError(Outcome.UNDECODABLE, f"{where} does not come out of the decoder")
    if frame.is_corrupt:
        raise ItemError(Outcome.UNDECODABLE, f"{where} is damaged")
    return frame


def as_shown(path: Path, frame: VideoFrame, facts: VideoFacts) -> Rgb:
    """Return the frame's colours, mirrored and turned as a player does.

    Raises:
        ItemError: UNDECODABLE where it has another size than the first frame.
    """
    rgb = frame.to_ndarray(format="rgb24", threads=1)
    if facts.is_mirrored:
        rgb = rgb[:, ::-1]
    shown: Rgb = np.ascontiguousarray(np.rot90(rgb, -facts.rotation // 90))
    if shown.shape != (facts.height_px, facts.width_px, 3):
        raise ItemError(
            Outcome.UNDECODABLE,
            f"{path}: the picture changes to {shown.shape[1]}x{shown.shape[0]} pixels; expected "
            f"{facts.width_px}x{facts.height_px} throughout",
        )
    return shown


def packets_from(
    path: Path, facts: VideoFacts, index: int
) -> "Generator[Packet[VideoStream], None, None]":
    """Yield the packets from a key frame at or before frame `index` on, to the file's end."""
    pts = int(facts.pts[index])
    for target in _seek_targets(facts, pts):
        with open_video(path) as container:
            stream = video_stream(path, container)
            packets = container.demux(stream)
            if target is None:
                yield from packets
                return
            container.seek(target, stream=stream, backward=True)
            key = next((packet for packet in packets if packet.is_keyframe), None)
            if key is not None and key.pts is not None and key.pts <= pts:
                yield key
                yield from packets
                return


def _seek_targets(facts: VideoFacts, pts: int) -> Iterator[int | None]:
    """Yield where to look for a key frame, further and further back; None is the file's start.

    A seek may land after its target: containers look for the time when a frame is decoded, or know
    only some of the key frames.
    """
    step = max(1, _FIRST_STEP_BACK_S // facts.time_base)
    target, first = pts, int(facts.pts[0])
    while target > first and not facts.is_counted:
        yield target
        target, step = target - step, 4 * step
    yield None


def _frames_from(path: Path, facts: VideoFacts, index: int) -> Generator[VideoFrame, None, None]:
    """Yield the frames from that key frame on, as they come out of the decoder.

    The first ones may be damaged: they are shown before the key frame and need what lies before it.
    """
    times: list[int] = facts.pts.tolist()
    with closing(packets_from(path, facts, index)) as packets:
        decoded = (frame for packet in packets for frame in packet.decode())
        for number, frame in enumerate(decoded):
            if facts.is_counted and number < len(times):
                frame.pts = times[number]
            yield frame
