"""Writes down what a run achieves, each step whole, so that a kill loses only what is under way."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from vsda.acquire.jobs import ShardJob, VideoJob, VideoResult
from vsda.acquire.plan import AcquirePlan
from vsda.acquire.state import PieceRecord, ShardRecord, State
from vsda.datasets.youtube_bb.annotations import youtube_id_of
from vsda.fetch.rows import VideoRow
from vsda.shards.index import ShardInfo
from vsda.storage import remove, write_atomic


def utc_now() -> str:
    """Return the time as the report has it, such as `2026-01-31T12:00:00Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """Keeps `state` and the files of the staging folder in step.

    Args:
        plan: The set.
        state: What is done; changed in place.
        now: What time it is.
    """

    def __init__(self, plan: AcquirePlan, state: State, now: Callable[[], str] = utc_now) -> None:
        self._plan, self.state, self._now = plan, state, now
        self._layout = plan.layout

    def note(self, job: VideoJob, result: VideoResult) -> VideoRow:
        """Write down what became of a video, and return its row."""
        now, before = self._now(), self.state.rows.get(job.video.youtube_id)
        row = VideoRow(
            video=job.video.youtube_id,
            shard=job.shard,
            outcome=result.outcome,
            message=result.message,
            first_seen=now if before is None else before.first_seen,
            last_seen=now,
            attempts=1 if before is None else before.attempts + 1,
            tool=result.tool,
            session=result.session,
            num_frames=result.piece.shard.nsamples if result.piece else 0,
            facts=result.piece.facts if result.piece else None,
        )
        piece = result.piece.shard if result.piece else None
        record = PieceRecord(row=row, piece=piece)
        write_atomic(self._layout.piece_record(row.video), record.to_json())
        self.state.rows[row.video] = row
        self.state.loose.add(row.video)
        if piece is not None:
            self.state.pieces[row.video] = piece
        return row

    def shard_job(self, number: int) -> ShardJob:
        """Return what puts a shard together as things stand."""
        ids = self._plan.shard_ids(number)
        waits = self.state.waits(number)
        return ShardJob(
            number=number,
            layout=self._layout,
            youtube_ids=ids,
            pieces={name: self.state.pieces[name] for name in ids if name in self.state.pieces},
            standing=self.state.shard(number),
            standing_folder=self._layout.replacements if waits else self._layout.out,
            replaces=number in self.state.listed,
        )

    def finish_shard(self, job: ShardJob, shard: ShardInfo | None) -> None:
        """Write down a finished shard; what its pieces were is not needed any more."""
        rows = (self.state.rows.get(name) for name in job.youtube_ids)
        record = ShardRecord(
            number=job.number,
            shard=shard,
            rows=tuple(row for row in rows if row is not None),
            waits=job.replaces if job.pieces else self.state.waits(job.number),
        )
        write_atomic(self._layout.shard_record(job.number), record.to_json())
        self.state.records[job.number] = record
        self.state.inside |= job.pieces.keys()
        for name in job.youtube_ids:
            self._drop_piece(name)

    def forget(self, job: ShardJob, damaged: Collection[str]) -> list[str]:
        """Forget damaged tars of a shard; return the videos that must be asked for again."""
        lost = [name for name, info in job.pieces.items() if info.url in damaged]
        if job.standing is not None and job.standing.url in damaged:
            lost += sorted({youtube_id_of(row.name) for row in job.standing.sequences})
            self.state.listed.pop(job.number, None)
            self.state.records.pop(job.number, None)
        for name in lost:
            self.state.pieces.pop(name, None)
            self.state.inside.discard(name)
        return [name for name in job.youtube_ids if name in lost and name not in self.state.pieces]

    def _drop_piece(self, name: str) -> None:
        if name in self.state.loose:
            remove(self._layout.piece_record(name), missing_ok=True)
            self.state.loose.discard(name)
        if self.state.pieces.pop(name, None) is not None:
            piece = self._layout.piece(name)
            remove(piece, missing_ok=True)
            remove(f"{piece.removesuffix('.tar')}.idx", missing_ok=True)
