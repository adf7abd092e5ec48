"""`acquire`: from annotation rows to a published set, in as many runs as it takes."""

import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsda.acquire.coordinator import Coordinator
from vsda.acquire.jobs import run_job
from vsda.acquire.layout import Layout
from vsda.acquire.locks import hold
from vsda.acquire.monitor import Monitor, Silent
from vsda.acquire.options import AcquireOptions
from vsda.acquire.plan import AcquirePlan, make_plan
from vsda.acquire.publish import begin, check_settings, publish, wipe
from vsda.acquire.state import State, read_state
from vsda.acquire.store import Store
from vsda.engine.run import open_engine
from vsda.errors import ExitCode, Outcome, ShardError
from vsda.fetch.mirror import check_mirror
from vsda.shards.change import finish_change, interrupted_changes
from vsda.shards.index import ShardIndex
from vsda.signals import STOP_CODES, stop_signals
from vsda.storage import exclusive, local_path

_DONE = (Outcome.OK, Outcome.WITHDRAWN)
_THIS_MACHINE = {Outcome.DISK_FULL, Outcome.NO_JS_RUNTIME, Outcome.CRASHED}


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquireReport:
    """What there is after a run.

    Attributes:
        name: Such as `ytbb-train`.
        index: Where the index lies; None where there is no set, or the run was about a part of it.
        num_videos: Videos that the run is about.
        num_left: Those that are still to be asked for.
        num_samples: Frames in the set, or in the part of it that the run is about.
        num_shards: Its tars.
        num_bytes: Their size.
        outcomes: Videos by what became of them, in this and earlier runs.
        notes: What a user should know.
        stopped: Why the run ended before its end and what to do; empty where it did not.
        stop_code: The exit status that goes with it.
    """

    name: str
    index: str | None
    num_videos: int
    num_left: int
    num_samples: int
    num_shards: int
    num_bytes: int
    outcomes: Mapping[str, int]
    notes: tuple[str, ...]
    stopped: str = ""
    stop_code: ExitCode | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def why_no_index(self) -> str:
        """Why there is no index, in words; only where there is none."""
        if not self.num_shards:
            return "not one video could be had"
        return "a run without --task writes it when all parts are done"

    @property
    def exit_code(self) -> ExitCode:
        """The exit status of the run."""
        if self.stop_code is not None:
            return self.stop_code
        num_done = sum(self.outcomes.get(outcome.value, 0) for outcome in _DONE)
        if num_done == self.num_videos:
            return ExitCode.DONE
        return ExitCode.PARTIAL if self.num_shards else ExitCode.FAILED


def acquire(options: AcquireOptions, monitor: Monitor | None = None) -> AcquireReport:
    """Fetch, decode and write what is missing of a set; return what there is then.

    The same annotations, settings and videos give the same bytes, whatever the engine, the number
    of workers and the number of times that the work was killed and started again.

    Raises:
        UsageError: Options that contradict each other, or a mirror that is not there.
        DatasetError: The annotations are not there, or not what they should be.
        ShardError: A set is there that was made otherwise, or is damaged.
        VsdaError: Another process writes the same set, or this machine is at fault.
    """
    plan = make_plan(options)
    _finish_removal(plan.layout)
    with hold(plan.layout, options.task) as check_lock:
        if options.source.mirror is not None:
            check_mirror(options.source.mirror)
        state = _open_state(plan, check_lock, overwrite=options.overwrite)
        coordinator, caught = _work(plan, options, state, monitor or Silent())
        check_lock()
        index = publish(plan, state) if options.task is None else None
    report = _report(plan, state, index, coordinator.num_left)
    return _with_reason(report, coordinator, caught)


def _finish_removal(layout: Layout) -> None:
    """Finish the work of a `vsda shards remove` that was killed, so that nothing comes back."""
    if layout.name in interrupted_changes(layout.out):
        with exclusive(layout.lock):
            finish_change(layout.out, layout.name)


def _open_state(plan: AcquirePlan, check_lock: Callable[[], None], *, overwrite: bool) -> State:
    """Return what is done; a set that was made otherwise is wiped if `overwrite` says so.

    What is known of videos that cannot be had, or must not, outlives the set.
    """
    state = read_state(plan.layout)
    try:
        check_settings(state, plan)
    except ShardError:
        if not overwrite:
            raise
        dead = {row.video: row for row in state.rows.values() if row.outcome is not Outcome.OK}
        check_lock()
        wipe(plan.layout, dead)
        state = State(rows=dead)
    begin(plan.layout, plan.settings)
    return state


def _work(
    plan: AcquirePlan, options: AcquireOptions, state: State, monitor: Monitor
) -> tuple[Coordinator, list[signal.Signals]]:
    engine = open_engine(
        options.engine,
        run_job,
        num_workers=options.num_workers,
        address=options.address,
        needs=_shared_places(options),
    )
    with stop_signals(signal.SIGINT, signal.SIGTERM) as caught, engine:
        coordinator = Coordinator(plan, options, Store(plan, state), engine, monitor)
        coordinator.run(lambda: bool(caught))
    return coordinator, caught


def _shared_places(options: AcquireOptions) -> list[Path]:
    """Return the local folders that every node of a cluster must see."""
    places = (options.out, options.source.mirror, options.source.kept)
    paths = [local_path(place) for place in places if place is not None]
    return [path.absolute() for path in paths if path is not None and path.exists()]


def _report(
    plan: AcquirePlan, state: State, index: ShardIndex | None, num_left: int
) -> AcquireReport:
    ours = set(plan.shard_numbers())
    shards = [
        info for number in state.numbers() if number in ours and (info := state.shard(number))
    ]
    rows = [state.rows[name] for _, name in plan.videos() if name in state.rows]
    return AcquireReport(
        name=plan.layout.name,
        index=plan.layout.index if index else None,
        num_videos=sum(1 for _ in plan.videos()),
        num_left=num_left,
        num_samples=sum(info.nsamples for info in shards),
        num_shards=len(shards),
        num_bytes=sum(info.filesize for info in shards),
        outcomes=dict(sorted(Counter(row.outcome.value for row in rows).items())),
        notes=plan.annotations.notes(),
    )


def _with_reason(
    report: AcquireReport, coordinator: Coordinator, caught: list[signal.Signals]
) -> AcquireReport:
    left = f"{report.num_left} of {report.num_videos} videos are left"
    if caught:
        reason = f"stopped by {caught[0].name}; {left}; run the same command again to go on"
        return replace(report, stopped=reason, stop_code=STOP_CODES[caught[0]])
    outcome = coordinator.circuit.stopped_by
    if outcome is None:
        return report
    advice = _ADVICE.get(outcome, f"{outcome} for too many videos in a row; {_LOOK_AT_REPORT}")
    code = ExitCode.FAILED if outcome in _THIS_MACHINE else ExitCode.THROTTLED
    return replace(report, stopped=f"stopped: {advice}; {left}", stop_code=code)


_LOOK_AT_REPORT = "see their messages in the report, then run the same command again"
_ADVICE: Mapping[Outcome, str] = {
    Outcome.THROTTLED: "throttled again after each pause; wait some hours, ask for fewer videos "
    "an hour (--per-hour), then run the same command again",
    Outcome.BOT_CHECK: "the other side takes this address for a robot and answers nothing more; "
    "wait a day or two, or give the cookies of a session (--cookies, at the risk of its account), "
    "then run the same command again",
    Outcome.NETWORK: "nothing comes through any more; look at the network, then run the same "
    "command again",
    Outcome.DISK_FULL: "no space left; free some, then run the same command again",
    Outcome.NO_JS_RUNTIME: "no JavaScript runtime that yt-dlp can use; see 'vsda doctor'",
}
