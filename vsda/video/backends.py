"""Frames of a video by their index, through decord where it is right and PyAV everywhere else."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av.error

from vsda.errors import ItemError, Outcome, UnknownNameError
from vsda.video.decord import misfit, read_with_decord
from vsda.video.probe import VideoFacts
from vsda.video.pyav import Rgb, read_with_pyav

logger = logging.getLogger(__name__)

BACKENDS: dict[str, Callable[[Path, VideoFacts, Sequence[int]], Iterator[tuple[int, Rgb]]]] = {
    "decord": read_with_decord,
    "pyav": read_with_pyav,
}

_LONG_GAP_FRAMES = 250
"""Decoding that many unwanted frames takes longer than a seek, which costs half a group of pictures
(YouTube's have about 150 frames) and a comparison."""


def choose_backend(facts: VideoFacts, path: Path) -> str:
    """Return "decord" for a video that it can be trusted with, else "pyav"; says why in the log."""
    reason = misfit(facts)
    if reason is None:
        return "decord"
    logger.debug("%s is read by PyAV: %s", path, reason)
    return "pyav"


def read_frames(
    path: Path, facts: VideoFacts, indices: Sequence[int], backend: str
) -> Iterator[tuple[int, Rgb]]:
    """Yield (index, frame) for each of `indices` into `facts.pts`, decoding one frame at a time.

    Frames are (H, W, 3) uint8 RGB as shown, i.e. rotated.

    Args:
        path: The video.
        facts: What `probe` said about it.
        indices: Ascending, each at most once.
        backend: A name of `BACKENDS`; both give the same frames.

    Raises:
        ItemError: UNDECODABLE where a frame does not come out, is damaged or is another than that
            of its time. With "decord", "pyav" may still succeed.
    """
    if backend not in BACKENDS:
        raise UnknownNameError("backend", backend, BACKENDS)
    for run in _runs(indices, len(facts.pts)):
        try:
            yield from BACKENDS[backend](path, facts, run)
        except av.error.FFmpegError as error:
            raise ItemError(Outcome.UNDECODABLE, f"{path}: reading stopped: {error}") from error


def _runs(indices: Sequence[int], num_frames: int) -> Iterator[Sequence[int]]:
    """Yield the parts of `indices` that are near enough to be read without a seek."""
    if len(indices) and not 0 <= indices[0] <= indices[-1] < num_frames:
        raise ValueError(f"indices {indices[0]} to {indices[-1]} of a video of {num_frames} frames")
    start = 0
    for place in range(1, len(indices) + 1):
        gap = indices[place] - indices[place - 1] if place < len(indices) else _LONG_GAP_FRAMES
        if gap <= 0:
            raise ValueError(f"index {indices[place]} comes after {indices[place - 1]}")
        if gap >= _LONG_GAP_FRAMES:
            yield indices[start:place]
            start = place
