"""What a video file holds: its picture and the times of all frames, before they are decoded.

The container's own numbers (frame count, average rate, duration) are not used: they are often
absent or wrong. All packets are read instead, which takes milliseconds.
"""

import math
import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av.error
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vsda.errors import ItemError, Outcome
from vsda.video.container import open_video, video_stream
from vsda.video.packets import CodedFrames, has_open_gops, longest_gop, read_coded_frames

_DISPLAY_MATRIX = struct.Struct("=9i")
_WITHOUT_PTS = frozenset({"avi"})
"""Containers that only say when a frame is decoded; FFmpeg's guess of when it is shown is wrong
where frames are coded in another order than shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFacts:
    """What is known of a video file.

    Attributes:
        codec: FFmpeg's name of the coding, such as `h264`.
        pixel_format: FFmpeg's name, such as `yuv420p`.
        width_px: Of the frames as shown, after rotation.
        height_px: The same.
        rotation: Clockwise turn from the stored to the shown picture: 0, 90, 180 or 270 degrees.
        time_base: Seconds per unit of `pts`.
        pts: (N,) int64, strictly ascending: when a player starts to show each frame. The file's own
            start is kept: a file that starts at 2 s has its first frame at 2 s.
        duration_ms: Where the last frame ends on the player's timeline.
        container: FFmpeg's name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
        is_edited: An edit list hides coded frames, or frames lie before the timeline's start.
        is_mirrored: The stored picture is flipped left to right before it is turned.
        has_open_gops: Some frame is coded after a key frame and shown before it, so that a file cut
            there lacks what it needs.
        longest_gop: Most frames from one key frame to the next; 0 where unknown.
        is_counted: The container has no presentation times, so the k-th frame that a decoder gives
            is frame k, whatever time it carries.
    """

    codec: str
    pixel_format: str
    width_px: int
    height_px: int
    rotation: int
    time_base: Fraction
    pts: NDArray[np.int64]
    duration_ms: float
    container: str
    is_edited: bool
    is_mirrored: bool = False
    has_open_gops: bool = False
    longest_gop: int = 0
    is_counted: bool = False


def probe(path: Path) -> VideoFacts:
    """Return the facts of the video at `path`.

    Raises:
        ItemError: NOT_A_VIDEO for anything that is no video file, such as a web page, a picture, an
            audio file or a file without its index; UNDECODABLE where no frame can be decoded or
            no time can be given to some frame.
    """
    try:
        with open_video(path) as container:
            first = _first_frame(path, container)
        with open_video(path) as container:
            name = container.format.name
            stream = video_stream(path, container)
            codec = stream.codec_context.codec.canonical_name
            frames = read_coded_frames(container, stream)
        if name in _WITHOUT_PTS:
            frames = _counted(path, frames)
    except (av.error.FFmpegError, OSError) as error:
        raise ItemError(Outcome.UNDECODABLE, f"{path}: reading stopped: {error}") from error
    _check_times(path, frames)
    facts = _facts(first, frames, codec, name)
    return replace(facts, is_counted=name in _WITHOUT_PTS)


def facts_of_first(first: VideoFrame, stream: VideoStream, container: str) -> VideoFacts:
    """Return what a first frame tells of a video that can be read only once.

    Args:
        first: With the time when it is shown.
        stream: Whose frame it is.
        container: FFmpeg's name of the container.
    """
    alone = CodedFrames(
        pts=np.array([first.pts], np.int64),
        dts=np.array([first.pts], np.int64),
        is_key=np.array([True]),
        time_base=stream.time_base or Fraction(1),
        last_duration=first.duration,
        num_timeless=0,
        num_hidden=0,
    )
    return _facts(first, alone, stream.codec_context.codec.canonical_name, container)


def _first_frame(path: Path, container: InputContainer) -> VideoFrame:
    """Return the first frame that can be decoded; its turn is known to no packet."""
    stream = video_stream(path, container)
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue  # damage in one place; a later frame may serve
        if frames:
            return frames[0]
    raise ItemError(Outcome.UNDECODABLE, f"{path}: none of its frames can be decoded")


def _counted(path: Path, frames: CodedFrames) -> CodedFrames:
    """Return the frames with their decoding times, in order, as the times to be shown.

    In such a container every frame fills one slot of the frame rate; which slot a frame that is
    coded out of order is shown in is known only by decoding.
    """
    with open_video(path) as container:
        num_decoded = sum(1 for _ in container.decode(video_stream(path, container)))
    if num_decoded != len(frames.dts):
        raise ItemError(
            Outcome.UNDECODABLE,
            f"{path}: its container has no presentation times, and {num_decoded} frames come out "
            f"of {len(frames.dts)} coded ones, so that no frame's time is sure",
        )
    return replace(frames, pts=np.sort(frames.dts), num_timeless=0)


def _check_times(path: Path, frames: CodedFrames) -> None:
    if frames.num_timeless:
        raise ItemError(
            Outcome.UNDECODABLE,
            f"{path}: {frames.num_timeless} frames have no presentation time; expected one each",
        )
    if not len(frames.pts):
        raise ItemError(Outcome.NOT_A_VIDEO, f"{path}: its video stream has no frames")
    times = np.sort(frames.pts)
    same = np.flatnonzero(np.diff(times) == 0)
    if len(same):
        raise ItemError(
            Outcome.UNDECODABLE,
            f"{path}: {len(same) + 1} frames share presentation times, the first at "
            f"{float(int(times[same[0]]) * frames.time_base):.3f} s; expected one frame at a time",
        )


def _facts(first: VideoFrame, frames: CodedFrames, codec: str, container: str) -> VideoFacts:
    rotation, is_mirrored = _display(first)
    width_px, height_px = first.width, first.height
    if rotation in {90, 270}:
        width_px, height_px = height_px, width_px
    pts = np.sort(frames.pts)
    return VideoFacts(
        codec=codec,
        pixel_format=first.format.name,
        width_px=width_px,
        height_px=height_px,
        rotation=rotation,
        time_base=frames.time_base,
        pts=pts,
        duration_ms=float((int(pts[-1]) + _last_duration(frames)) * frames.time_base * 1000),
        container=container,
        is_edited=frames.num_hidden > 0 or int(pts[0]) < 0,
        is_mirrored=is_mirrored,
        has_open_gops=has_open_gops(frames),
        longest_gop=longest_gop(frames),
    )


def _last_duration(frames: CodedFrames) -> int:
    """Return how long the last frame lasts; as long as the one before it where nothing says."""
    if frames.last_duration > 0 or len(frames.pts) < 2:
        return frames.last_duration
    before_last, last = np.sort(frames.pts)[-2:].tolist()
    return int(last - before_last)


def _display(frame: VideoFrame) -> tuple[int, bool]:
    """Return the clockwise turn in degrees, and whether the picture is mirrored before it.

    The matrix takes a stored point (x, y) to (a x + c y, b x + d y); for a turn by an angle t,
    c = -sin t and d = cos t, mirrored or not.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(data, SideData):
        return 0, False
    a, b, _, c, d, *_ = _DISPLAY_MATRIX.unpack_from(data)
    quarters = round(math.degrees(math.atan2(-c, d)) / 90)
    return quarters * 90 % 360, a * d - b * c < 0
