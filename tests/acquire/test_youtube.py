"""`vsda fetch ytbb` through the whole of yt-dlp, with the answers of YouTube from a file."""

import json
import os
from pathlib import Path

import pytest

from tests.acquire.conftest import published
from tests.acquire.made_videos import youtube_id
from tests.fetch.servers import FaultyServer

PLUGIN = Path(__file__).resolve().parents[1] / "fetch" / "plugin"
THROTTLED = (
    "Video unavailable. This content isn't available, try again later. The current session has "
    "been rate-limited by YouTube for up to an hour."
)
BOT = "Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser or --cookies"
DEAD = {
    0: ("This video has been removed by the uploader", "gone"),
    1: ("Private video. Sign in if you've been granted access to this video", "private"),
    2: ("Sign in to confirm your age. This video may be inappropriate", "age-restricted"),
    4: (
        "Video unavailable. This video is no longer available because the YouTube account "
        "associated with this video has been terminated.",
        "gone",
    ),
    5: ("This video is DRM protected", "no-format"),
}


class Tube:
    """Which answer each of eight videos gets, and how often each was asked for."""

    def __init__(self, folder, server):
        self.path = folder / "answers.json"
        self.server = server
        self.answers = {youtube_id(number): self.file(number) for number in range(8)}
        self.answers[youtube_id(3)] = {"message": "This video has been removed by the uploader"}

    def file(self, number):
        return {"file": f"{self.server.url}/{youtube_id(number)}.mp4", "duration": 2}

    def say(self, number, **answer):
        self.answers[youtube_id(number)] |= answer

    def fail(self, number, message):
        self.answers[youtube_id(number)] = {"message": message}

    @property
    def asked(self):
        log = Path(f"{self.path}.asked")
        return log.read_text().split() if log.exists() else []


@pytest.fixture
def tube(world, tmp_path):
    with FaultyServer(world / "videos") as server:
        yield Tube(tmp_path, server)


@pytest.fixture
def fetch(vsda, world, tube, tmp_path):
    """Run the command on that YouTube; returns what it printed."""

    def run(*arguments, code=0, out=tmp_path / "out"):
        tube.path.write_text(json.dumps(tube.answers))
        path = os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", "")])
        return vsda(
            *("fetch", "ytbb", "--annotations", world / "rows.csv", "--out", out),
            *("--classes", "all", "--short-side", 0, "--videos-per-shard", 3, "--per-hour", 0),
            *("--workers", 2, "--set", "backoff_s=0.1", *arguments),
            code=code,
            PYTHONPATH=path,
            VSDA_CANNED_YOUTUBE=str(tube.path),
        )

    return run


def rows(folder):
    lines = (folder / "ytbb-train.report.jsonl").read_text().splitlines()
    return {row["video"]: row for row in map(json.loads, lines)}


def test_each_kind_of_dead_video_has_its_own_name_and_is_asked_for_once(fetch, tube, tmp_path):
    for number, (message, _) in DEAD.items():
        tube.fail(number, message)
    fetch(code=3)
    found = rows(tmp_path / "out")
    for number, (message, outcome) in DEAD.items():
        row = found[youtube_id(number)]
        assert row["outcome"] == outcome
        assert message.split(".")[0] in row["message"]
        assert row["session"] == "guest"
        assert row["tool"].startswith("yt-dlp 20")
    assert {row["outcome"] for number, row in found.items()} >= {"ok"}
    asked = len(tube.asked)
    fetch(code=3)  # only what may have changed by itself is asked for again
    assert tube.asked[asked:] == [youtube_id(5)]


def test_a_fetch_from_youtube_gives_the_bytes_of_a_fetch_from_a_mirror(
    fetch, vsda, world, tmp_path
):
    fetch(code=3)
    vsda(
        *("fetch", "ytbb", "--annotations", world / "rows.csv", "--mirror", world / "videos"),
        *("--out", tmp_path / "mirrored", "--classes", "all", "--short-side", 0),
        *("--videos-per-shard", 3),
        code=3,
    )
    assert published(tmp_path / "out") == published(tmp_path / "mirrored")


@pytest.mark.slow
def test_throttling_is_waited_for_and_buries_nothing(fetch, tube, tmp_path):
    tube.say(6, messages_first=[THROTTLED])
    done = fetch("--pause-min", 0.01, code=3)
    assert "throttled" in done.stderr
    assert rows(tmp_path / "out")[youtube_id(6)]["outcome"] == "ok"
    assert tube.asked.count(youtube_id(6)) == 2


def test_throttling_without_end_exits_with_75_and_the_next_run_asks_for_the_rest(
    fetch, tube, tmp_path
):
    last = youtube_id(6)
    tube.say(6, messages_first=[THROTTLED] * 2)
    stopped = fetch("--max-pauses", 1, "--pause-min", 0, "--workers", 1, code=75)
    assert "throttled again after each pause" in stopped.stderr
    assert "videos are left" in stopped.stderr
    before = tube.asked
    fetch(code=3)
    assert rows(tmp_path / "out")[last]["outcome"] == "ok"
    settled = {name for name in before if name != last}
    assert settled.isdisjoint(tube.asked[len(before) :])


def test_a_bot_check_stops_all_workers_with_advice_and_the_next_run_goes_on(fetch, tube, tmp_path):
    tube.say(1, messages_first=[BOT])
    stopped = fetch("--workers", 8, code=75)
    assert "takes this address for a robot" in stopped.stderr
    assert "--cookies" in stopped.stderr
    before = tube.asked
    assert before.count(youtube_id(1)) == 1
    fetch(code=3)
    assert {row["outcome"] for row in rows(tmp_path / "out").values()} == {"ok", "gone"}


def test_a_connection_that_drops_twice_is_resumed_and_nothing_is_left_over(fetch, tube, tmp_path):
    tube.server.faults.cut_after_bytes = 1500
    tube.server.faults.num_cuts = 2
    fetch(code=3)
    assert {row["outcome"] for row in rows(tmp_path / "out").values()} == {"ok", "gone"}
    published(tmp_path / "out")


def test_a_video_shorter_than_announced_is_no_success(fetch, tube, tmp_path):
    tube.say(0, duration=60)
    fetch(code=3)
    row = rows(tmp_path / "out")[youtube_id(0)]
    assert row["outcome"] == "network"
    assert row["message"] == "2.0 s of 60.0 s came"


@pytest.mark.slow
def test_kept_videos_are_not_asked_for_again_when_the_set_is_made_anew(fetch, tube, tmp_path):
    fetch("--keep-videos", code=3)
    kept = sorted(path.name for path in (tmp_path / "out" / "ytbb-train-videos").iterdir())
    assert kept == sorted(f"{youtube_id(number)}.mp4" for number in range(8) if number != 3)
    before = len(tube.asked)
    fetch("--keep-videos", "--overwrite", "--jpeg-quality", 50, code=3)
    assert len(tube.asked) == before


def test_events_are_json_lines(fetch):
    done = fetch("--json", code=3)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(event["event"] == "video" for event in events) == 8
    assert events[-1]["event"] == "done"
    assert events[-1]["outcomes"] == {"gone": 1, "ok": 7}


@pytest.mark.slow
def test_a_ledger_tells_who_could_be_had_and_spares_the_next_one_the_dead(fetch, tube, tmp_path):
    fetch("--ledger", tmp_path / "ledger.tsv", code=3)
    text = (tmp_path / "ledger.tsv").read_text()
    assert f"{youtube_id(3)}\tgone\t" in text
    before = tube.asked.count(youtube_id(3))
    fetch("--skip-gone", tmp_path / "ledger.tsv", out=tmp_path / "other", code=3)
    assert tube.asked.count(youtube_id(3)) == before


@pytest.mark.slow
def test_outcomes_that_count_as_final_are_asked_for_again_by_name(fetch, tube, tmp_path):
    good = tube.answers[youtube_id(0)]
    tube.fail(0, "Private video. Sign in if you've been granted access to this video")
    fetch(code=3)
    tube.answers[youtube_id(0)] = good
    fetch(code=3)
    assert rows(tmp_path / "out")[youtube_id(0)]["outcome"] == "private"
    fetch("--retry", "private,gone", code=3)
    row = rows(tmp_path / "out")[youtube_id(0)]
    assert (row["outcome"], row["attempts"]) == ("ok", 2)
    assert tube.asked.count(youtube_id(3)) == 2


def test_an_outcome_that_does_not_exist_is_a_wrong_usage(fetch):
    assert "Did you mean 'private'" in fetch("--retry", "privat", code=2).stderr


@pytest.mark.slow
def test_a_stopped_run_ends_with_its_result_in_json_too(fetch, tube):
    tube.say(1, messages_first=[BOT])
    stopped = fetch("--json", code=75)
    last = json.loads(stopped.stdout.splitlines()[-1])
    assert last["event"] == "done"
    assert last["stop_code"] == 75
    assert "takes this address for a robot" in last["stopped"]


def test_parts_and_overwrite_do_not_go_together(fetch):
    assert (
        "--overwrite is for the whole set" in fetch("--task", "0/2", "--overwrite", code=2).stderr
    )
