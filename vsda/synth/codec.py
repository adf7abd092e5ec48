"""Frames through a real H.264 encoder and decoder, in memory."""

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from vsda.errors import VsdaError
from vsda.synth.colour import Display

FRAME_RATE_FPS = 30


def through_h264(frames: Display, crf: int) -> Display:
    """Return frames (T, H, W, 3) as a player shows them after encoding; H and W even.

    The stream is 8-bit 4:2:0 with one key frame. Preset veryfast without look-ahead, on one
    thread: x264's look-ahead over frames this small gives other bytes from run to run.

    `crf` is x264's constant rate factor, 0 (nearly lossless) to 51 (worst).

    Raises:
        VsdaError: This build of PyAV has no H.264 encoder.
    """
    encoder = _encoder(frames.shape[1], frames.shape[2], crf)
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = [shown for packet in [*packets, None] for shown in decoder.decode(packet)]
    to_rgb = VideoReformatter()  # one for all frames, as setting it up takes longer than a frame
    return np.stack(
        [to_rgb.reformat(shown, format="rgb24", threads=1).to_ndarray() for shown in decoded]
    )


def _encoder(height_px: int, width_px: int, crf: int) -> av.VideoCodecContext:
    try:
        encoder = av.CodecContext.create("libx264", "w")
    except av.codec.codec.UnknownCodecError as error:
        raise VsdaError(
            "this build of PyAV has no libx264; install PyAV's wheel, or choose a style "
            "without h264_crf"
        ) from error
    encoder.width, encoder.height = width_px, height_px
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, FRAME_RATE_FPS)
    encoder.framerate = Fraction(FRAME_RATE_FPS)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency"}
    return encoder
