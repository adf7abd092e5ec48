"""What a person sees of a run that takes a week."""

import io
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from rich.console import Console

from tests.acquire.made_videos import make_world
from vsda.acquire.monitor import Status
from vsda.cli.fetch_watch import Rate, event_line, status_line, status_table, words


@pytest.fixture
def status():
    now = Status(num_videos=1000, num_before=100, num_running=2, num_frames=9000, num_shards=5)
    now.outcomes.update({"ok": 40, "gone": 10})
    return now


@pytest.fixture
def rate():
    """Fifty videos in 720 s: 250 an hour."""
    seen = Rate()
    seen.look(0.0, 0)
    seen.look(720.0, 50)
    return seen


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7500, "2 h 5 min"),
        (100 * 3600, "4 d 4 h"),
    ],
)
def test_times_are_told_in_two_units_at_most(seconds, text):
    assert words(seconds) == text


def test_the_rate_is_that_of_the_last_hour(rate):
    assert rate.per_hour() == 250
    rate.look(720.0 + 3600, 50)
    assert rate.per_hour() == 0


def test_without_a_rate_nobody_knows_how_long_it_takes():
    assert Rate().eta(10) == "unknown"


def test_a_line_says_how_far_it_is_how_fast_and_how_long_still(status, rate):
    assert status_line(status, rate) == (
        "ytbb: 150 of 1000 videos (10 gone, 40 ok), 9000 frames, 250 videos an hour, "
        "left: 3 h 24 min"
    )


def test_a_line_says_why_nothing_happens(status, rate):
    status.waits_for, status.wait_s = "throttled", 1800.0
    assert status_line(status, rate).endswith("; throttled, waits 30 min")


def test_a_table_shows_the_same_and_takes_no_message_for_markup(status, rate):
    console = Console(file=io.StringIO(), width=100)
    console.print(status_table(status, rate, ["abc: gone: [bold]gone[/nothing]"]))
    text = console.file.getvalue()
    assert "150 of 1000" in text
    assert "250 an hour, 2 under way" in text
    assert "left: 3 h 24 min" in text
    assert "gone: 10" in text
    assert "[bold]gone[/nothing]" in text


def test_an_event_is_one_line():
    line = event_line("throttled", {"video": "abc", "wait_s": 60, "message": "try again later"})
    assert line == "throttled: video abc, wait_s 60: try again later"


def test_a_terminal_gets_the_table_and_stdout_the_result(tmp_path):
    folder = make_world(tmp_path / "world", num_videos=3, missing=(1,))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "vsda", "fetch", "ytbb", "--classes", "all"),
            *("--annotations", str(folder / "rows.csv"), "--mirror", str(folder / "videos")),
            *("--out", str(tmp_path / "out")),
        ],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
        text=True,
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # what a terminal whose other end is closed gives on Linux
            break
        drawn += piece
    os.close(ours)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.decode())
    assert "3 of 3" in text
    assert "ok: 2" in text
    assert out.startswith("ytbb-train: 3 videos (1 gone, 2 ok); 62 frames")


def test_events_of_a_run_without_videos_are_json_too(vsda, tmp_path):
    folder = make_world(tmp_path / "world", num_videos=1, missing=(0,))
    done = vsda(
        *("fetch", "ytbb", "--classes", "all", "--annotations", folder / "rows.csv"),
        *("--mirror", folder / "videos", "--out", tmp_path / "out", "--json"),
        code=1,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["video", "done"]
