"""H.264 in MP4 as browsers play it, with frames at any times and the sound of the source."""

import os
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.packet import Packet
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from vsda.errors import FULL_DISK, ItemError, Outcome, VsdaError
from vsda.predict.frame import Video
from vsda.predict.sound import Sound
from vsda.video.pyav import Rgb

_X264 = {"preset": "veryfast", "crf": "20", "g": "60", "bf": "0"}
"""Without B frames, packets come in the order of their times and need no edit list."""
_BT709 = 1
"""The number of BT.709 in H.264's tables of matrices, primaries and transfer functions."""


class Movie:
    """A video file that is written frame by frame.

    Sides that are odd get one row or column more, a copy of the last one, as H.264 halves colours.

    Args:
        path: The file, which is complete after `close`.
        video: Its time base, rate, shape of pixels and sound.
        size_px: Height and width of all frames.
    """

    def __init__(self, path: Path, video: Video, size_px: tuple[int, int]) -> None:
        self._path, self._video, self._size_px = path, video, size_px
        self._durations: dict[int, int] = {}
        self._last, self._step = -1, max(round(1 / (video.rate_fps * video.time_base)), 1)
        options = {"movflags": "+faststart"}
        self._container = av.open(os.fspath(path), "w", format="mp4", options=options)
        try:
            self._stream = self._opened()
            self._sound = Sound(video.sound, self._container) if video.sound else None
        except BaseException:
            self._container.close()
            raise

    @property
    def silence(self) -> str | None:
        """Why the source's sound is not in the file; None where it is, or there is none."""
        return self._sound.absence if self._sound else None

    def add(self, picture: Rgb, start: int, duration: int) -> None:
        """Encode the next frame.

        Args:
            picture: (H, W, 3).
            start: In units of the video's time base, after that of the frame before.
            duration: The same; 0 where nobody knows, which only matters for the last frame.

        Raises:
            ItemError: It has another size than the first one, or comes no later than the one
                before.
        """
        if picture.shape[:2] != self._size_px or start <= self._last:
            raise ItemError(Outcome.SIZE_MISMATCH, self._misfit(picture, start))
        if self._last >= 0:
            self._step = start - self._last
        self._last = start
        even = np.pad(picture, [(0, side % 2) for side in self._size_px] + [(0, 0)], mode="edge")
        frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base = start, self._video.time_base
        self._durations[start] = duration
        self._mux(self._stream.encode(frame))

    def close(self, *, is_whole: bool = True) -> None:
        """Write what is left, and the index to the front of the file.

        Args:
            is_whole: The last frame was the source's last one; else the sound ends with it.
        """
        self._mux(self._stream.encode(None))
        if self._sound:
            end_s = (self._last + self._step) * self._video.time_base
            self._sound.copy_until(None if is_whole else end_s)
        try:
            self._container.close()
        except av.error.FFmpegError as error:
            raise _unwritten(error, self._path) from error

    def abort(self) -> None:
        """Give the file up."""
        if self._sound:
            self._sound.close()
        self._container.close()

    def _opened(self) -> VideoStream:
        height_px, width_px = self._size_px
        try:
            stream = self._container.add_stream("libx264", self._video.rate_fps, _X264)
        except (av.codec.codec.UnknownCodecError, ValueError) as error:
            raise VsdaError(
                "this build of PyAV has no libx264; install PyAV's wheel, or choose other --as"
            ) from error
        stream.width, stream.height = width_px + width_px % 2, height_px + height_px % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._video.time_base
        context = stream.codec_context
        context.sample_aspect_ratio = self._video.pixel_aspect
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = int(ColorRange.MPEG)
        return stream

    def _mux(self, packets: "list[Packet[VideoStream]]") -> None:
        for packet in packets:
            if packet.pts is None:
                continue
            packet.duration = self._durations.pop(packet.pts, 0) or self._step
            if self._sound:
                self._sound.copy_until(Fraction(packet.pts * self._video.time_base))
            try:
                self._container.mux(packet)
            except av.error.FFmpegError as error:
                raise _unwritten(error, self._path) from error

    def _misfit(self, picture: Rgb, start: int) -> str:
        if start <= self._last:
            return f"{self._video.source}: two frames are shown at the same time"
        (height_px, width_px), (high, wide) = self._size_px, picture.shape[:2]
        return (
            f"{self._video.source}: a frame of {wide}x{high} pixels among others of "
            f"{width_px}x{height_px}, which no overlay video can hold; if the pictures have "
            "nothing to do with each other, give --still, else choose --as masks"
        )


def _unwritten(error: av.error.FFmpegError, path: Path) -> Exception:
    """Return the error of the system where that is one, such as a full disk."""
    if error.errno in FULL_DISK:
        return OSError(error.errno, error.strerror, os.fspath(path))
    return VsdaError(f"{path}: cannot be written: {error}")
