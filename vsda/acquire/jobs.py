"""What a worker does: fetch one video, or put one shard together. Both may be done again."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

from vsda.acquire.layout import Layout
from vsda.acquire.options import Content, DecodeLimits, Source
from vsda.acquire.piece import Piece, PieceJob, make_piece
from vsda.datasets.youtube_bb.annotations import DATASET, Video, youtube_id_of
from vsda.errors import ItemError, Outcome, ShardError, VsdaError
from vsda.fetch.mirror import from_mirror
from vsda.fetch.policy import POLICIES, Policy
from vsda.fetch.video_file import Download
from vsda.fetch.youtube import download_video
from vsda.sample import Sample
from vsda.shards.index import ShardIndex, ShardInfo, ShardSet
from vsda.shards.read import iterate_samples
from vsda.shards.write import write_shard
from vsda.storage import copy_there, exists, is_local, join, sha256_file

_NO_MORE: tuple[str, Iterator[Sample]] = ("", iter(()))


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoJob:
    """One video to fetch and decode."""

    video: Video
    shard: int
    layout: Layout
    content: Content
    source: Source
    limits: DecodeLimits
    scratch: Path

    @property
    def name(self) -> str:
        """What to call the job."""
        return self.video.youtube_id


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoResult:
    """What came of a `VideoJob`; `piece` is None unless the outcome is OK."""

    outcome: Outcome
    message: str = ""
    tool: str = ""
    session: str = ""
    piece: Piece | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardJob:
    """One shard to put together.

    Attributes:
        number: Of the shard.
        layout: Where things lie.
        youtube_ids: The videos that belong to it, in order; some may be nowhere.
        pieces: The pieces among them.
        standing: The shard as it is now, with the videos that it holds already.
        standing_folder: Where that lies.
        replaces: Whether an index lists it, so that the new tar must wait.
    """

    number: int
    layout: Layout
    youtube_ids: tuple[str, ...]
    pieces: Mapping[str, ShardInfo]
    standing: ShardInfo | None
    standing_folder: str
    replaces: bool

    @property
    def name(self) -> str:
        """What to call the job."""
        return self.layout.shard_file(self.number)


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What came of a `ShardJob`.

    Attributes:
        shard: The shard, None where there was nothing to put into it.
        damaged: Names of tars whose bytes are not those that were written; no shard is made then.
    """

    shard: ShardInfo | None
    damaged: tuple[str, ...] = ()


def run_job(job: VideoJob | ShardJob) -> VideoResult | ShardResult:
    """Do one job.

    Raises:
        VsdaError: This machine or the storage is at fault, not the video.
    """
    try:
        return _fetch(job) if isinstance(job, VideoJob) else _assemble(job)
    except OSError as error:  # what is wrong with a video is an ItemError by now
        where = f"{error.filename}: " if error.filename else ""
        raise VsdaError(
            f"{job.name}: {where}{error.strerror or error}; what is done so far is kept, so mend "
            "that and run the command again"
        ) from error


def _fetch(job: VideoJob) -> VideoResult:
    folder = job.scratch / job.video.youtube_id
    try:
        found, is_new = _obtain(job, folder)
        piece = _decode(job, found)
        if is_new:
            _keep(job, found)
    except ItemError as error:
        if POLICIES[error.outcome] in {Policy.DONE, Policy.NEVER}:
            shutil.rmtree(folder, ignore_errors=True)
        return VideoResult(
            outcome=error.outcome,
            message=str(error),
            tool=job.source.tool,
            session=job.source.session,
        )
    shutil.rmtree(folder, ignore_errors=True)
    return VideoResult(outcome=Outcome.OK, tool=found.tool, session=found.session, piece=piece)


def _obtain(job: VideoJob, folder: Path) -> tuple[Download, bool]:
    """Return the video's file: one that was kept, else from the mirror or YouTube.

    Also whether it was brought here for this job, and may be kept.
    """
    youtube_id, source = job.video.youtube_id, job.source
    if source.kept is not None:
        try:
            return from_mirror(source.kept, youtube_id, folder), False
        except ItemError as error:
            if error.outcome is not Outcome.GONE:
                raise
    if source.mirror is not None:
        return from_mirror(source.mirror, youtube_id, folder), not is_local(source.mirror)
    return download_video(youtube_id, folder, source.youtube), True


def _decode(job: VideoJob, found: Download) -> Piece:
    return make_piece(
        PieceJob(
            path=found.path,
            video=job.video,
            split=job.layout.split,
            content=job.content,
            target=job.layout.piece(job.video.youtube_id),
            announced_ms=found.duration_ms,
        ),
        job.limits,
    )


def _keep(job: VideoJob, found: Download) -> None:
    if job.source.kept is not None:
        name = f"{job.video.youtube_id}{found.path.suffix}"
        copy_there(found.path, join(job.source.kept, name))


def _assemble(job: ShardJob) -> ShardResult:
    if not job.pieces:
        return ShardResult(job.standing)
    folder = job.layout.replacements if job.replaces else job.layout.out
    target = join(folder, job.layout.shard_file(job.number))
    try:
        return ShardResult(write_shard(target, _merged(job)))
    except ShardError:
        damaged = tuple(info.url for info, folder in _inputs(job) if _is_damaged(info, folder))
        if not damaged:
            raise
        return ShardResult(None, damaged)


def _inputs(job: ShardJob) -> list[tuple[ShardInfo, str]]:
    pieces = [(info, job.layout.pieces) for info in job.pieces.values()]
    return pieces if job.standing is None else [*pieces, (job.standing, job.standing_folder)]


def _is_damaged(info: ShardInfo, folder: str) -> bool:
    place = join(folder, info.url)
    return not exists(place) or sha256_file(place) != info.sha256


def _merged(job: ShardJob) -> Iterator[Sample]:
    """Yield the samples of a shard, video by video in its order.

    The shard that stands has its videos in the same order, so one pass over it is enough.
    """
    standing = _by_video(job.standing, job.standing_folder, job.layout)
    next_id, samples = next(standing, _NO_MORE)
    for youtube_id in job.youtube_ids:
        if youtube_id in job.pieces:
            piece = _by_video(job.pieces[youtube_id], job.layout.pieces, job.layout)
            yield from chain.from_iterable(found for _, found in piece)
        if youtube_id == next_id:
            if youtube_id not in job.pieces:
                yield from samples
            next_id, samples = next(standing, _NO_MORE)


def _by_video(
    info: ShardInfo | None, folder: str, layout: Layout
) -> Iterator[tuple[str, Iterator[Sample]]]:
    """Return the videos of one tar with their samples, in order."""
    shards = () if info is None else (info,)
    index = ShardIndex(name=layout.name, dataset=DATASET, split=layout.split, shards=shards)
    samples = iterate_samples(ShardSet(index, folder))
    return groupby(samples, key=lambda sample: youtube_id_of(sample.facts.sequence or ""))
