"""The coordinator's decisions, with an engine that answers from a script in place of workers."""

import time
from collections import defaultdict, deque
from pathlib import Path

import pytest

from vsda.acquire.coordinator import Coordinator
from vsda.acquire.jobs import ShardJob, ShardResult, VideoJob, VideoResult
from vsda.acquire.monitor import Silent
from vsda.acquire.options import AcquireOptions, Content, DecodeLimits, Manners, Source
from vsda.acquire.plan import make_plan
from vsda.acquire.state import State, read_state
from vsda.acquire.store import Store
from vsda.datasets.youtube_bb.annotations import sequence_name
from vsda.engine.pool import Done
from vsda.errors import Outcome, VsdaError
from vsda.shards.index import SequenceInfo, ShardInfo

IDS = [f"video-{number:05d}" for number in range(6)]
GONE = VideoResult(outcome=Outcome.GONE, message="removed", session="guest")


class Script:
    """An engine whose workers say what the script says next about a video; `gone` by default."""

    def __init__(self, num_workers=2, **answers):
        self.num_workers = num_workers
        self.answers = defaultdict(deque, {name: deque(rows) for name, rows in answers.items()})
        self.running = []
        self.asked = []
        self.together = []
        self.damage = {}

    @property
    def num_running(self):
        return len(self.running)

    @property
    def num_free(self):
        return self.num_workers - len(self.running)

    def submit(self, task):
        self.running.append(task)
        if isinstance(task, VideoJob):
            self.asked.append(task.video.youtube_id)

    def wait(self, timeout_s):
        if not self.running:
            time.sleep(timeout_s)
        self.together.append([task.name for task in self.running])
        done = [self._answer(task) for task in self.running]
        self.running.clear()
        return done

    def _answer(self, task):
        if isinstance(task, ShardJob):
            return Done(task=task, result=ShardResult(None, self.damage.pop(task.number, ())))
        script = self.answers[task.video.youtube_id]
        answer = script.popleft() if script else GONE
        if isinstance(answer, VsdaError):
            return Done(task=task, error=answer)
        if isinstance(answer, Outcome):
            answer = VideoResult(outcome=answer, message=f"because of {answer}", session="guest")
        if isinstance(answer, str):
            return Done(task=task, death=answer, node_lost=answer.startswith("node"))
        return Done(task=task, result=answer)


class Heard(Silent):
    """A monitor that remembers events."""

    def __init__(self):
        self.events = []

    def event(self, name, facts):
        self.events.append((name, dict(facts)))


@pytest.fixture
def begin(tmp_path):
    """Make a coordinator over six videos in shards of two."""
    rows = [f"{name},{second}000,0,person,0,present,0,1,0,1" for name in IDS for second in (0, 1)]
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")

    def build(engine, **manners):
        defaults = {
            "videos_per_hour": None,
            "attempts": 3,
            "backoff_s": 0.0,
            "pause_s": 0.0,
            "max_pauses": 2,
            "outage_after": 50,
        }
        options = AcquireOptions(
            annotations=tmp_path / "rows.csv",
            split="train",
            out=str(tmp_path / "out"),
            content=Content(
                classes="all",
                span="annotated",
                short_side_px=None,
                jpeg_quality=90,
                seed=0,
                videos_per_shard=2,
                decoder="decord",
            ),
            source=Source(),
            manners=Manners(**defaults | manners),
            limits=DecodeLimits(base_s=1, per_span_s=1, memory_bytes=10**9),
            scratch=Path(tmp_path / "scratch"),
        )
        plan = make_plan(options)
        state = State()
        heard = Heard()
        coordinator = Coordinator(plan, options, Store(plan, state), engine, heard)
        return coordinator, state, heard, plan

    return build


def outcomes(state):
    return {name: row.outcome for name, row in state.rows.items()}


def test_each_video_is_asked_for_once_and_has_a_row(begin):
    engine = Script()
    coordinator, state, _, plan = begin(engine)
    coordinator.run(lambda: False)
    assert engine.asked == list(plan.youtube_ids)
    assert outcomes(state) == dict.fromkeys(IDS, Outcome.GONE)
    assert sorted(state.records) == [0, 1, 2]


def test_what_is_written_down_is_read_again(begin):
    coordinator, state, _, plan = begin(Script())
    coordinator.run(lambda: False)
    again = read_state(plan.layout)
    assert again.rows == state.rows
    assert again.records == state.records


def test_a_failure_on_the_way_is_asked_for_again_up_to_the_number_of_attempts(begin):
    engine = Script(**{IDS[3]: [Outcome.NETWORK] * 9, IDS[4]: [Outcome.NETWORK]})
    coordinator, state, heard, _ = begin(engine, attempts=3)
    coordinator.run(lambda: False)
    assert engine.asked.count(IDS[3]) == 3
    assert engine.asked.count(IDS[4]) == 2
    assert state.rows[IDS[3]].outcome is Outcome.NETWORK
    assert state.rows[IDS[3]].attempts == 3
    assert [name for name, _ in heard.events].count("retry") == 3


def test_throttling_marks_nothing_dead_and_the_video_is_asked_for_again(begin):
    engine = Script(**{IDS[2]: [Outcome.THROTTLED]})
    coordinator, state, heard, _ = begin(engine)
    coordinator.run(lambda: False)
    assert engine.asked.count(IDS[2]) == 2
    assert outcomes(state) == dict.fromkeys(IDS, Outcome.GONE)
    assert "throttled" in [name for name, _ in heard.events]
    assert coordinator.circuit.stopped_by is None


def test_throttling_without_end_stops_the_run_and_leaves_the_rest_to_be_asked_for(begin):
    engine = Script(num_workers=1, **{name: [Outcome.THROTTLED] * 99 for name in IDS})
    coordinator, state, heard, _ = begin(engine, max_pauses=2)
    coordinator.run(lambda: False)
    assert len(engine.asked) == 3
    assert coordinator.circuit.stopped_by is Outcome.THROTTLED
    assert state.rows == {}
    assert coordinator.num_left == 6
    assert heard.events[-1][0] == "stopped"


def test_a_bot_check_stops_the_run_and_what_is_under_way_is_still_heard(begin):
    engine = Script(num_workers=2)
    coordinator, state, _, plan = begin(engine)
    first = plan.youtube_ids[0]
    engine.answers[first].append(Outcome.BOT_CHECK)
    coordinator.run(lambda: False)
    assert engine.asked == list(plan.youtube_ids[:2])
    assert outcomes(state) == {plan.youtube_ids[1]: Outcome.GONE}
    assert coordinator.circuit.stopped_by is Outcome.BOT_CHECK


def test_a_line_that_is_down_is_not_charged_to_the_videos(begin):
    engine = Script(num_workers=1, **{name: [Outcome.NETWORK] * 99 for name in IDS})
    coordinator, _, _, _ = begin(engine, outage_after=2, max_pauses=1, attempts=2)
    coordinator.run(lambda: False)
    assert coordinator.circuit.stopped_by is Outcome.NETWORK
    assert len(engine.asked) == 3
    assert coordinator.num_left == 6


def test_a_lost_worker_is_forgiven_once_and_then_counts_as_the_videos_fault(begin):
    engine = Script(**{IDS[0]: ["was killed by SIGKILL"] * 9, IDS[1]: ["was killed by SIGKILL"]})
    coordinator, state, _, _ = begin(engine)
    coordinator.run(lambda: False)
    assert engine.asked.count(IDS[0]) == 2
    assert state.rows[IDS[0]].outcome is Outcome.CRASHED
    assert state.rows[IDS[0]].message == "its worker was killed by SIGKILL"
    assert state.rows[IDS[1]].outcome is Outcome.GONE


def test_lost_nodes_are_forgiven_more_often(begin):
    engine = Script(**{IDS[0]: ["node died"] * 4})
    coordinator, state, _, _ = begin(engine)
    coordinator.run(lambda: False)
    assert state.rows[IDS[0]].outcome is Outcome.GONE


def test_an_error_of_this_machine_ends_the_run(begin):
    coordinator, _, _, _ = begin(Script(**{IDS[0]: [VsdaError("no space left")]}))
    with pytest.raises(VsdaError, match="no space left"):
        coordinator.run(lambda: False)


def test_a_signal_ends_the_run_before_the_next_video(begin):
    engine = Script(num_workers=1)
    coordinator, _, _, _ = begin(engine)
    coordinator.run(lambda: len(engine.asked) == 2)
    assert len(engine.asked) == 2


def test_videos_are_asked_for_at_the_pace(begin):
    coordinator, _, _, _ = begin(Script(num_workers=6), videos_per_hour=36_000.0)
    start = time.monotonic()
    coordinator.run(lambda: False)
    assert time.monotonic() - start >= 5 * 0.1 * 0.75


def test_after_a_pause_one_video_goes_ahead_of_the_others(begin):
    engine = Script(num_workers=4)
    coordinator, _, _, plan = begin(engine, pause_s=0.2)
    engine.answers[plan.youtube_ids[0]].append(Outcome.THROTTLED)
    coordinator.run(lambda: False)
    rounds = [names for names in engine.together if any(name in IDS for name in names)]
    assert [len(set(names) & set(IDS)) for names in rounds][:3] == [4, 1, 2]


def test_each_attempt_waits_twice_as_long_as_the_one_before(begin):
    engine = Script(**{IDS[0]: [Outcome.NETWORK] * 2})
    coordinator, _, heard, _ = begin(engine, backoff_s=0.1)
    start = time.monotonic()
    coordinator.run(lambda: False)
    assert [facts["wait_s"] for name, facts in heard.events if name == "retry"] == [0.1, 0.2]
    assert time.monotonic() - start >= 0.3


def test_a_damaged_tar_sends_its_videos_back_to_the_queue(begin):
    engine = Script()
    coordinator, state, heard, plan = begin(engine)
    first = plan.shard_ids(0)
    engine.damage = {0: ("ytbb-train-000000.tar",)}
    state.listed[0] = ShardInfo(
        url="ytbb-train-000000.tar",
        nsamples=1,
        filesize=1,
        sha256="0" * 64,
        idx_sha256="0" * 64,
        class_pixels={},
        class_frames={},
        sequences=(SequenceInfo(name=sequence_name(first[0], 0), num_frames=1, classes=()),),
    )
    coordinator.run(lambda: False)
    assert engine.asked.count(first[0]) == 2
    assert engine.asked.count(first[1]) == 1
    assert "damaged" in [name for name, _ in heard.events]
    assert state.listed == {}
