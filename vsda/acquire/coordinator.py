"""The one thread that decides what is asked for when; workers only do as they are told.

So pace, pauses, retries and giving up hold for the whole run, whatever runs the workers.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from vsda.acquire.jobs import ShardJob, ShardResult, VideoJob, VideoResult
from vsda.acquire.manners import Circuit, Gate, Pace
from vsda.acquire.monitor import Monitor, Status
from vsda.acquire.options import AcquireOptions
from vsda.acquire.plan import AcquirePlan
from vsda.acquire.queue import Asked, Queue
from vsda.acquire.store import Store
from vsda.engine.pool import Done, Engine
from vsda.errors import Outcome, VsdaError
from vsda.fetch.policy import POLICIES, Policy

Job = VideoJob | ShardJob
Result = VideoResult | ShardResult

_LOOK_EVERY_S = 1.0
_MAX_DEATHS = 2
_MAX_LOST_NODES = 5


class Coordinator:
    """Goes through the videos of a plan.

    Args:
        plan: The set.
        options: How to go about it.
        store: Where results are written down.
        engine: Runs `run_job`.
        monitor: Who watches.
    """

    def __init__(
        self,
        plan: AcquirePlan,
        options: AcquireOptions,
        store: Store,
        engine: Engine[Job, Result],
        monitor: Monitor,
    ) -> None:
        self._plan, self._options, self._store = plan, options, store
        self._engine, self._monitor = engine, monitor
        self._queue = Queue(plan, store.state, options.retry, options.skip)
        self._pace = Pace(options.manners.videos_per_hour)
        self.circuit = Circuit(options.manners)
        self._asking: dict[str, Asked] = {}
        self._losses: Counter[tuple[str, bool]] = Counter()
        num_videos = sum(1 for _ in plan.videos())
        self.progress = Status(num_videos=num_videos, num_before=num_videos - self._queue.num_left)

    @property
    def num_left(self) -> int:
        """How many videos are not settled."""
        return self._queue.num_left

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Work until all is settled, the circuit stops the run, or `is_stopped` says so.

        Raises:
            VsdaError: This machine or the storage is at fault.
        """
        while not is_stopped():
            now = time.monotonic()
            self._submit(now)
            self._tell(now)
            if self._is_over(now):
                return
            for done in self._engine.wait(self._wait_s(now)):
                self._receive(done, time.monotonic())

    def _is_over(self, now: float) -> bool:
        if self._engine.num_running:
            return False
        return self.circuit.gate(now) is Gate.STOPPED or self._queue.wait_s(now) is None

    def _submit(self, now: float) -> None:
        while self._engine.num_free:
            job = self._next_job(now)
            if job is None:
                return
            self._engine.submit(job)

    def _next_job(self, now: float) -> Job | None:
        if self._queue.ready_shards:
            return self._store.shard_job(self._queue.ready_shards.popleft())
        if self._holds_back(now) > 0:
            return None
        asked = self._queue.next_video(now)
        if asked is None:
            return None
        self._pace.asked(now)
        self._asking[asked.youtube_id] = replace(asked, at=now)
        return VideoJob(
            video=self._plan.annotations.video(asked.youtube_id),
            shard=asked.shard,
            layout=self._plan.layout,
            content=self._options.content,
            source=self._options.source,
            limits=self._options.limits,
            scratch=self._plan.layout.scratch(self._options.scratch),
        )

    def _holds_back(self, now: float) -> float:
        """Return for how long no video may be asked for, 0 if one may."""
        gate = self.circuit.gate(now)
        if gate is Gate.STOPPED or (gate is Gate.ONE and self._asking):
            return _LOOK_EVERY_S
        return max(self._pace.wait_s(now), self.circuit.wait_s(now))

    def _wait_s(self, now: float) -> float:
        if not self._engine.num_free:
            return _LOOK_EVERY_S
        in_queue = self._queue.wait_s(now)
        waits = [_LOOK_EVERY_S if in_queue is None else in_queue, self._holds_back(now)]
        return min(_LOOK_EVERY_S, max(waits))

    def _receive(self, done: Done[Job, Result], now: float) -> None:
        if done.error is not None:
            raise done.error
        if isinstance(done.task, ShardJob):
            self._receive_shard(done.task, done)
            return
        asked = self._asking.pop(done.task.video.youtube_id)
        if isinstance(done.result, VideoResult):
            self._receive_video(done.task, asked, done.result, now)
        elif self._may_try_again(done):
            self._queue.put_back(asked)
        else:
            result = VideoResult(
                outcome=Outcome.CRASHED,
                message=done.lost or "",
                session=self._options.source.session,
            )
            self._receive_video(done.task, asked, result, now)

    def _receive_shard(self, job: ShardJob, done: Done[Job, Result]) -> None:
        if isinstance(done.result, ShardResult) and done.result.damaged:
            lost = self._store.forget(job, done.result.damaged)
            self._monitor.event("damaged", {"files": ", ".join(done.result.damaged)})
            self._queue.reopen(job.number, lost)
        elif isinstance(done.result, ShardResult):
            self._store.finish_shard(job, done.result.shard)
            if done.result.shard is not None:
                self.progress.num_shards += 1
                self._monitor.event("shard", {"shard": job.name})
        elif self._may_try_again(done):
            self._queue.ready_shards.append(job.number)
        else:
            raise VsdaError(
                f"{job.name}: {done.lost} each time that it was put together; what is done so far "
                "is kept, so run the command again, with fewer --workers if memory was short"
            )

    def _may_try_again(self, done: Done[Job, Result]) -> bool:
        """Count a lost worker or node; return whether its job may be given to another."""
        key = (done.task.name, done.node_lost)
        self._losses[key] += 1
        self._monitor.event("lost", {"job": done.task.name, "why": done.lost})
        return self._losses[key] < (_MAX_LOST_NODES if done.node_lost else _MAX_DEATHS)

    def _receive_video(self, job: VideoJob, asked: Asked, result: VideoResult, now: float) -> None:
        policy = POLICIES[result.outcome]
        is_everybodys = self.circuit.heard(result.outcome, now, asked.at)
        if is_everybodys:
            self._tell_trouble(job, result, now)
            self._queue.put_back(asked)
        elif policy is Policy.NOW and asked.attempt < self._options.manners.attempts:
            self._store.note(job, result)
            wait_s = self._options.manners.backoff_s * 2 ** (asked.attempt - 1)
            self._queue.ask_again(asked, now + wait_s)
            self._monitor.event(
                "retry", {"video": job.name, "message": result.message, "wait_s": wait_s}
            )
        else:
            self._settle(job, asked, result)

    def _settle(self, job: VideoJob, asked: Asked, result: VideoResult) -> None:
        row = self._store.note(job, result)
        self._queue.settle(asked)
        self.progress.outcomes[row.outcome.value] += 1
        self.progress.num_frames += row.num_frames
        self._monitor.video(row)

    def _tell_trouble(self, job: VideoJob, result: VideoResult, now: float) -> None:
        facts = {
            "outcome": result.outcome.value,
            "video": job.name,
            "message": result.message,
            "wait_s": round(self.circuit.wait_s(now)),
        }
        is_stopped = self.circuit.gate(now) is Gate.STOPPED
        self._monitor.event("stopped" if is_stopped else "throttled", facts)

    def _tell(self, now: float) -> None:
        wait_s = self.circuit.wait_s(now)
        self.progress.num_running = self._engine.num_running
        self.progress.wait_s = wait_s
        self.progress.waits_for = "throttled" if wait_s else ""
        self._monitor.status(self.progress)
