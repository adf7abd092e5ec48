"""Videos whose frames carry their number as bars, which survive compression, and their reader."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

WIDTH_PX, HEIGHT_PX = 128, 96
NUM_BITS = 8
_CELL_PX = WIDTH_PX // NUM_BITS
_X264 = {"preset": "veryfast", "crf": "20"}


def paint(number):
    """Return a frame with the bits of `number` as bars above, and their opposites below."""
    bits = np.array([number >> place & 1 for place in range(NUM_BITS)], np.uint8)
    above = np.kron(bits * 255, np.ones((HEIGHT_PX // 2, _CELL_PX), np.uint8))
    return np.repeat(np.vstack([above, 255 - above])[..., None], 3, axis=2)


def read(frame):
    """Return the number that a frame carries, or fail where its bars are not clear."""
    assert frame.shape == (HEIGHT_PX, WIDTH_PX, 3), frame.shape
    cells = frame.mean(axis=2).reshape(2, HEIGHT_PX // 2, NUM_BITS, _CELL_PX).mean(axis=(1, 3))
    above, below = cells > 128
    assert (above != below).all(), cells
    assert (np.abs(cells - 128) > 70).all(), cells
    return sum(int(bit) << place for place, bit in enumerate(above))


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How a video is coded."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: tuple = (("tune", "zerolatency"), ("g", "30"))
    turn: int = 0  # clockwise, as a player shall turn the frames
    mirror: bool = False
    container: tuple = ()


B_FRAMES = Coding(options=(("bf", "3"), ("g", "24"), ("b_strategy", "0"), ("sc_threshold", "0")))


def write(path, times, time_base, coding=Coding()):
    """Write a video with frame i at `times[i]` units of `time_base`."""
    with av.open(str(path), "w", options=dict(coding.container)) as container:
        options = (_X264 if coding.codec == "libx264" else {}) | dict(coding.options)
        stream = container.add_stream(coding.codec, rate=30, options=options)
        stream.width, stream.height = WIDTH_PX, HEIGHT_PX
        stream.pix_fmt = coding.pixel_format
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        if coding.turn or coding.mirror:
            stream.set_display_rotation(-coding.turn, hflip=coding.mirror)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(paint(number), format="rgb24")
            frame.pts, frame.time_base = time, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut_by_copy(source, target, start_s, end_s):
    """Copy packets as a cut without re-encoding does: from the key frame before `start_s` on.

    The frames before `start_s` get negative times, which the MP4 writer hides by an edit list.
    """
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        start = int(start_s / stream.time_base)
        old.seek(start, stream=stream, backward=True)
        for packet in old.demux(stream):
            if packet.size and packet.pts * stream.time_base < end_s:
                packet.pts, packet.dts, packet.stream = packet.pts - start, packet.dts - start, copy
                new.mux(packet)
    return target


def shown_at(times_s, moment_s):
    """Return the number of the frame that is shown, by going through all of them; -1 if none."""
    number = -1
    for candidate, time_s in enumerate(times_s):
        if time_s <= moment_s:
            number = candidate
    return number


def seconds(times, time_base):
    """Return exact times in seconds."""
    return [Fraction(time) * time_base for time in times]
