"""A video's file becomes a piece: a tar of its samples, decoded in a process that may be killed."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from vsda.acquire.frames import (
    BOXES_WITHOUT_FRAME,
    END_TOLERANCE_MS,
    Clip,
    clip_samples,
    count_boxes_without_frame,
    wanted_spans,
)
from vsda.acquire.options import Content, DecodeLimits
from vsda.datasets.youtube_bb.annotations import Video
from vsda.errors import ItemError, Outcome
from vsda.shards.index import ShardInfo
from vsda.shards.write import write_shard
from vsda.video.backends import choose_backend
from vsda.video.probe import VideoFacts, probe
from vsda.video.sandbox import run_limited

LENGTH_TOLERANCE = 0.02
"""A download may be shorter than announced by this fraction, and at least by a second."""

_OTHER_DECODER = "pyav"
_OTHER_DECODER_HELPS = {Outcome.HUNG, Outcome.CRASHED, Outcome.UNDECODABLE, Outcome.OUT_OF_MEMORY}


@dataclass(frozen=True, kw_only=True, slots=True)
class PieceJob:
    """One file to decode.

    Attributes:
        path: The video, on this machine.
        video: Its annotations.
        split: Name of the split.
        content: What to make of it.
        target: Path or URL of the piece.
        announced_ms: How long the video should be; None if nobody said.
        backend: Decoder; None for the one that suits the file.
    """

    path: Path
    video: Video
    split: str
    content: Content
    target: str
    announced_ms: float | None = None
    backend: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A piece that was written, and what its video is like."""

    shard: ShardInfo
    facts: dict[str, Any]


def make_piece(job: PieceJob, limits: DecodeLimits) -> Piece:
    """Decode a video in a process of its own and write its piece.

    Where decord fails on a file, PyAV tries it in another process.

    Raises:
        ItemError: The file is no video, too short, or cannot be decoded within the limits.
    """
    timeout_s = limits.base_s + limits.per_span_s * _wanted_ms(job, limits) / 1000
    limited = partial(
        run_limited, write_piece, timeout_s=timeout_s, memory_bytes=limits.memory_bytes
    )
    try:
        piece: Piece = limited(job)
    except ItemError as error:
        if error.outcome not in _OTHER_DECODER_HELPS or job.backend == _OTHER_DECODER:
            raise
        piece = limited(replace(job, backend=_OTHER_DECODER))
    return piece


def _wanted_ms(job: PieceJob, limits: DecodeLimits) -> float:
    if job.content.span == "annotated":
        return sum(span.end_ms - span.start_ms for span in job.video.spans)
    return run_limited(
        read_duration_ms, job.path, timeout_s=limits.base_s, memory_bytes=limits.memory_bytes
    )


def read_duration_ms(path: Path) -> float:
    """Return the length of a video, from its packets.

    Raises:
        ItemError: It is no video.
    """
    return probe(path).duration_ms


def write_piece(job: PieceJob) -> Piece:
    """Probe and decode a video and write its samples, in this process.

    Raises:
        ItemError: See `make_piece`.
    """
    facts = probe(job.path)
    _check_length(facts, job.announced_ms)
    wanted_spans(job.video, facts, job.content.span)
    clip = Clip(
        path=job.path,
        video=job.video,
        split=job.split,
        content=job.content,
        facts=facts,
        backend=job.backend or _backend(facts, job),
    )
    samples = clip_samples(clip)
    first = next(samples, None)
    if first is None:
        raise ItemError(Outcome.TOO_SHORT, "the video shows no frame in the time that is annotated")
    shard = write_shard(job.target, chain([first], samples))
    return Piece(shard=shard, facts=_told(clip))


def _backend(facts: VideoFacts, job: PieceJob) -> str:
    return _OTHER_DECODER if job.content.decoder == "pyav" else choose_backend(facts, job.path)


def _check_length(facts: VideoFacts, announced_ms: float | None) -> None:
    if announced_ms is None:
        return
    missing_ms = announced_ms - facts.duration_ms
    if missing_ms > max(END_TOLERANCE_MS, LENGTH_TOLERANCE * announced_ms):
        raise ItemError(
            Outcome.NETWORK,
            f"{facts.duration_ms / 1000:.1f} s of {announced_ms / 1000:.1f} s came",
        )


def _told(clip: Clip) -> dict[str, Any]:
    num_lost = count_boxes_without_frame(clip)
    lost = {BOXES_WITHOUT_FRAME: num_lost} if num_lost else {}
    return lost | {
        "codec": clip.facts.codec,
        "width_px": clip.facts.width_px,
        "height_px": clip.facts.height_px,
        "duration_ms": round(clip.facts.duration_ms),
        "decoder": clip.backend,
    }
