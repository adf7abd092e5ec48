"""Frames by decord, which is fast but has four habits that make it dangerous by itself.

It counts frames instead of looking at their times, so that edit lists and containers that announce
too many frames shift them; its seeks miss where a container's index is sparse or a group of
pictures open; it decodes ahead without bound; and it replaces frames that do not come by
neighbours. So it is given clips of whole groups of pictures in memory (`vsda.video.clips`), which
it reads from the first frame on without a seek, and its table of frames is compared with the clip's
before one is used.
"""

import importlib
import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np

from vsda.errors import ItemError, Outcome
from vsda.video.clips import MIN_FRAMES, RATE_FPS, Clip, cut_clips
from vsda.video.probe import VideoFacts
from vsda.video.pyav import Rgb, as_shown, time_s

_CODECS = frozenset({"h264", "hevc", "mpeg4", "vp9"})
"""Of those that decord's FFmpeg can decode, the ones that a clip's container takes."""
_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})
"""From 10 bits a colour, decord makes wrong ones."""
_MAX_AHEAD_BYTES = 1 << 29
_ROUNDING = 4
"""Two conversions from YUV to RGB may differ by this much in a colour of a pixel."""
_STRICT = 1e-6
"""decord's `fault_tol` as a share of the frames: so small that one frame replaced by its neighbour
is an error. The number 1 would let one pass."""


def misfit(facts: VideoFacts) -> str | None:
    """Return why decord cannot be trusted with the video, or None if it can."""
    gop = max(facts.longest_gop, MIN_FRAMES)
    ahead_bytes = gop * facts.width_px * facts.height_px * 3
    reasons = {
        f"its codec is {facts.codec}": facts.codec not in _CODECS,
        f"its pixel format is {facts.pixel_format}": facts.pixel_format not in _PIXEL_FORMATS,
        "it has an edit list": facts.is_edited,
        "its groups of pictures are open": facts.has_open_gops,
        f"a group of {gop} pictures may take {ahead_bytes >> 20} MiB": ahead_bytes
        > _MAX_AHEAD_BYTES,
        "its container has no presentation times": facts.is_counted,
        "its picture is mirrored": facts.is_mirrored,
        "decord is not installed": _decord() is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def read_with_decord(
    path: Path, facts: VideoFacts, indices: Sequence[int]
) -> Iterator[tuple[int, Rgb]]:
    """Yield (index, frame) for ascending `indices` into `facts.pts`, in one go from a key frame.

    Raises:
        ItemError: UNDECODABLE where decord fails, counts other frames than there are, or gives
            another first frame than PyAV. As decord decodes ahead, the named time may be earlier
            than the damage.
    """
    wanted = {int(facts.pts[index]): index for index in indices}
    for clip in cut_clips(path, facts, indices):
        last = max((pts for pts in clip.pts if pts in wanted), default=None)
        if last is None:
            continue
        for pts, frame in _frames(path, facts, clip):
            if pts in wanted:
                rgb: Rgb = frame.asnumpy()
                yield wanted[pts], rgb
            if pts == last:
                break


def _frames(path: Path, facts: VideoFacts, clip: Clip) -> Iterator[tuple[int, Any]]:
    """Yield time and frame of the whole clip, as decord's own arrays."""
    decord = _decord()
    if decord is None:
        raise ItemError(Outcome.UNDECODABLE, f"{path}: decord is not installed; PyAV can read it")
    pts = clip.pts[0]
    try:
        reader = decord.VideoReader(
            io.BytesIO(clip.data), ctx=decord.cpu(0), num_threads=1, fault_tol=_STRICT
        )
        _check_table(path, facts, clip, reader)
        for pts in clip.pts:
            frame = reader.next()
            if pts == clip.pts[0]:
                _check_first(path, facts, clip, frame.asnumpy())
            yield pts, frame
    except (decord.DECORDError, StopIteration, RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or ["no more frames come"])[0]
        raise _failure(path, facts, pts, reason) from error


def _check_table(path: Path, facts: VideoFacts, clip: Clip, reader: Any) -> None:
    times_s = reader.get_frame_timestamp(range(len(reader)))[:, 0]
    if not np.array_equal(np.rint(times_s * RATE_FPS), np.arange(len(clip.pts))):
        reason = f"it counts {len(times_s)} frames of {len(clip.pts)} or gives them other times"
        raise _failure(path, facts, clip.pts[0], reason)


def _check_first(path: Path, facts: VideoFacts, clip: Clip, rgb: Rgb) -> None:
    """Compare the key frame with PyAV's; a codec or a size that decord gets wrong shows there."""
    with av.open(io.BytesIO(clip.data), "r") as container:
        container.streams.video[0].thread_count = 1  # more would decode more frames ahead
        expected = as_shown(path, next(container.decode(video=0)), facts)
    if rgb.shape != expected.shape:
        raise _failure(path, facts, clip.pts[0], f"it gives the frame the shape {rgb.shape}")
    difference = int(np.abs(rgb.astype(np.int16) - expected).max())
    if difference > _ROUNDING:
        reason = f"its colours differ from PyAV's by up to {difference}"
        raise _failure(path, facts, clip.pts[0], reason)


def _failure(path: Path, facts: VideoFacts, pts: int, reason: str) -> ItemError:
    return ItemError(
        Outcome.UNDECODABLE,
        f"{path}: decord cannot decode the frame at {time_s(facts, pts)} or those after: {reason}",
    )


@cache
def _decord() -> ModuleType | None:
    """Return decord with its console output off, or None on machines that it has no wheel for."""
    try:
        decord = importlib.import_module("decord")
    except ImportError:
        return None
    decord.logging.set_level(decord.logging.QUIET)
    return decord
