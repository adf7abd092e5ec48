"""One video of somebody's folder as samples: what a player shows at each tick, all of it or none.

Decoders run in a process of their own with limits (`vsda.video.sandbox`). It writes the JPEGs one
after the other into a file that has no name, so that neither process keeps a video in memory, a
video that turns out to be broken leaves nothing behind, and neither does a kill.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO

from vsda.datasets.folder.options import NATIVE, encoding_of, rate_of
from vsda.datasets.listing import Item, Source, Unit
from vsda.errors import ItemError, Outcome
from vsda.sample import FrameFacts, Sample
from vsda.video.backends import choose_backend
from vsda.video.probe import VideoFacts, probe
from vsda.video.sandbox import run_limited
from vsda.video.shown import (
    Encoding,
    OpenedVideo,
    ShownFrame,
    every_frame,
    frames_at,
    shown_indices,
    shown_ticks,
)
from vsda.video.timeline import ticks_between

VIDEO_ENDINGS = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpe"}
    | {".mpeg", ".mpg", ".mts", ".ogg", ".ogv", ".ts", ".vob", ".webm", ".wmv"}
)
"""By the name, since a listing opens no file; what such a file holds shows when it is decoded."""
MAX_FRAMES = 1 << 22
"""Most frames from one video: 38 hours at 30 a second."""

_MEMORY_BYTES = 4_000_000_000
_BASE_S = 120.0
_READ_BYTES_PER_S = 5e6
_S_PER_MEGAPIXEL = 0.5
"""Limits, not guesses: a tenth of it is usual."""
_OTHER_BACKEND = "pyav"
_OTHER_BACKEND_HELPS = frozenset(
    {Outcome.HUNG, Outcome.CRASHED, Outcome.UNDECODABLE, Outcome.OUT_OF_MEMORY}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpoolJob:
    """One video to decode.

    Attributes:
        path: The video.
        spool: The file that gets the JPEGs.
        rate: Ticks per second, None for every frame.
        encoding: How frames become JPEGs.
        backend: Decoder; None for the one that suits the file.
    """

    path: Path
    spool: Path
    rate: Fraction | None
    encoding: Encoding
    backend: str | None = None


@dataclass(frozen=True, slots=True)
class Spooled:
    """A frame whose JPEG lies in the spool."""

    frame: ShownFrame
    offset: int
    size_bytes: int


def video_samples(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Yield the samples of a video, once all of it is decoded.

    Raises:
        ItemError: It is no video, is damaged, or goes beyond the limits; nothing was yielded then.
    """
    with _nameless_file() as (file, place):
        job = SpoolJob(
            path=source.root / item.image,
            spool=place,
            rate=rate_of(source.options),
            encoding=encoding_of(source.options),
        )
        try:
            frames = _decode(job, item.image_bytes)
        except ItemError as error:
            message = str(error).replace(f"{job.path}", item.image)
            raise ItemError(error.outcome, message) from error
        for frame_index, spooled in enumerate(frames):
            jpg = os.pread(file.fileno(), spooled.size_bytes, spooled.offset)
            yield _sample(source, unit, item, _Numbered(frame_index, spooled.frame, jpg))


def video_work_megapixels(path: Path) -> float:
    """Return how many millions of pixels all frames of a video have, from its packets.

    Raises:
        ItemError: It is no video.
    """
    facts = probe(path)
    return len(facts.pts) * facts.width_px * facts.height_px / 1e6


def write_frames(job: SpoolJob) -> list[Spooled]:
    """Decode a video in this process, and write its JPEGs one after the other.

    Raises:
        ItemError: It is no video, is damaged, or would become absurdly many frames.
    """
    facts = probe(job.path)
    backend = job.backend or choose_backend(facts, job.path)
    video = OpenedVideo(path=job.path, facts=facts, backend=backend)
    num_wanted, frames = _wanted(job, video)
    spooled: list[Spooled] = []
    num_whole, end = 0, 0
    with job.spool.open("wb") as file:
        try:
            for frame in frames:
                if not frame.held or not spooled:
                    end = file.tell()
                    file.write(frame.jpg)
                    num_whole += 1
                spooled.append(Spooled(replace(frame, jpg=b""), end, len(frame.jpg)))
        except ItemError as error:
            raise ItemError(
                error.outcome,
                f"{error}; {num_whole} of its {num_wanted} frames come out before that, but of a "
                "damaged video nothing is written: cut it there, or encode it anew",
            ) from error
    return spooled


def _decode(job: SpoolJob, size_bytes: int) -> list[Spooled]:
    megapixels = run_limited(
        video_work_megapixels,
        job.path,
        timeout_s=_BASE_S + size_bytes / _READ_BYTES_PER_S,
        memory_bytes=_MEMORY_BYTES,
    )
    timeout_s = _BASE_S + megapixels * _S_PER_MEGAPIXEL
    try:
        return run_limited(write_frames, job, timeout_s=timeout_s, memory_bytes=_MEMORY_BYTES)
    except ItemError as error:
        if error.outcome not in _OTHER_BACKEND_HELPS:
            raise
    job = replace(job, backend=_OTHER_BACKEND)
    return run_limited(write_frames, job, timeout_s=timeout_s, memory_bytes=_MEMORY_BYTES)


def _wanted(job: SpoolJob, video: OpenedVideo) -> tuple[int, Iterator[ShownFrame]]:
    """Return how many frames of the file are wanted, and all that is to be shown."""
    facts = video.facts
    if job.rate is None:
        _check_number(job.path, len(facts.pts))
        return len(shown_indices(facts)), every_frame(video, job.encoding)
    ticks = _ticks(job.path, facts, job.rate)
    ticks, frames = shown_ticks(facts, ticks, job.rate)
    if not ticks:
        raise ItemError(
            Outcome.TOO_SHORT,
            f"{job.path}: none of {job.rate} moments a second falls into its "
            f"{facts.duration_ms:.0f} ms; use --fps {NATIVE}",
        )
    return len(set(frames.tolist())), frames_at(video, ticks, frames, job.encoding, job.rate)


def _ticks(path: Path, facts: VideoFacts, rate: Fraction) -> range:
    ticks = ticks_between(0, int(facts.duration_ms) + 1, rate)
    _check_number(path, ticks.stop - ticks.start)  # len() has a limit of its own
    return ticks


def _check_number(path: Path, num_frames: int) -> None:
    if num_frames > MAX_FRAMES:
        raise ItemError(
            Outcome.UNDECODABLE,
            f"{path}: by its times it would become {num_frames} frames, more than the {MAX_FRAMES} "
            "that are written; its times are damaged, or cut it, or use a smaller --fps",
        )


@contextmanager
def _nameless_file() -> Iterator[tuple[IO[bytes], Path]]:
    """Yield a new file, and a path by which a child process can open it while we have it open."""
    if sys.platform == "linux":
        with tempfile.TemporaryFile() as file:
            yield file, Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
    else:
        with tempfile.NamedTemporaryFile() as named:
            yield named, Path(named.name)


@dataclass(frozen=True, slots=True)
class _Numbered:
    index: int
    frame: ShownFrame
    jpg: bytes


def _sample(source: Source, unit: Unit, item: Item, numbered: _Numbered) -> Sample:
    shown = numbered.frame
    name = f"{shown.index if shown.tick is None else shown.tick:07d}"
    return Sample(
        key=f"{item.key}/{name}",
        jpg=numbered.jpg,
        seg=None,
        inst=None,
        facts=FrameFacts(
            dataset=source.dataset,
            split=source.split,
            sequence=unit.sequence,
            frame=name,
            frame_index=numbered.index,
            width_px=shown.size_px[0],
            height_px=shown.size_px[1],
            labelled=False,
            timestamp_ms=shown.timestamp_ms,
            source_pts=shown.source_pts,
            source_ms=shown.source_ms,
            tick=shown.tick,
            held=shown.held,
        ),
    )
