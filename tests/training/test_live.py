"""What a run shows of itself on a terminal, and where there is none."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

import pytest

from vsda.training import live
from vsda.training.live import Live, duration_text, numbers_text

ROW = {
    "loss": 1.2345678,
    "loss_segmentation": 0.5,
    "loss_adversarial": 0.6931,
    "accuracy_source": 0.61,
    "accuracy_target": 0.58,
    "train_miou": 0.351,
    "images_per_s": 213.4,
    "data_wait": 0.031,
    "memory_bytes": 5.25 * 2**30,
}
SCRIPT = f"""
import logging, sys, time
from vsda.cli.app import StderrHandler
from vsda.training.live import Live
logging.basicConfig(handlers=[StderrHandler()], format="%(message)s", level=logging.INFO)
with Live(6, 2) as live:
    for step in (3, 4, 5, 6):
        time.sleep(0.3)
        live.advance(step)
        if step % 2 == 0:
            live.show(step, {ROW!r})
            logging.warning("warning of step %d", step)
print("result")
"""
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(**environment):
    """Run the script with a terminal for stderr; returns stdout, and all that was drawn."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"} | environment,
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux's end of a terminal
            break
        drawn += piece
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0, drawn.decode()
    return out.decode(), drawn


@pytest.fixture(scope="module")
def terminal():
    return on_a_terminal()


def test_a_terminal_gets_a_bar_with_steps_time_left_and_numbers(terminal):
    _, drawn = terminal
    lines = CONTROL.sub(b"", drawn).decode().split("\r\n")
    assert any(re.match(r"\s*training ━+ 6/6 100%", line) for line in lines)
    assert any("s left" in line for line in lines)
    assert any(
        "loss 1.235  segmentation 0.5  adversarial 0.6931  mIoU 35.1 (batch)" in line
        for line in lines
    )


def test_warnings_stay_above_the_bar_of_a_terminal(terminal):
    _, drawn = terminal
    text = CONTROL.sub(b"", drawn).decode()
    assert text.count("warning of step 4") == text.count("warning of step 6") == 1
    assert text.rindex("training ") > text.rindex("warning of step 6")


def test_a_terminal_has_its_cursor_back_at_the_end(terminal):
    _, drawn = terminal
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")


def test_stdout_carries_results_alone(terminal):
    out, _ = terminal
    assert out == "result\n"


def test_a_dumb_terminal_gets_plain_lines():
    _, drawn = on_a_terminal(TERM="dumb")
    assert b"\x1b" not in drawn
    assert b"step 4/6" in drawn


def test_without_a_terminal_each_row_is_one_line(monkeypatch, caplog):
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    with caplog.at_level("INFO", "vsda"), Live(40, 10) as shown:
        for step in range(11, 21):
            now[0] += 120 if step == 11 else 30  # what happens once takes its time
            shown.advance(step)
        shown.show(20, ROW)
    assert caplog.messages == [
        "step 20/40  10 min left  loss 1.235  segmentation 0.5  adversarial 0.6931  "
        "mIoU 35.1 (batch)  told right: images 61 %, frames 58 %  213 img/s  data wait 3 %  "
        "5.2 GiB"
    ]


def test_the_first_step_tells_no_time(caplog):
    with caplog.at_level("INFO", "vsda"), Live(40, 10) as shown:
        shown.advance(11)
        shown.show(11, {"loss": 1.0})
    assert caplog.messages == ["step 11/40  loss 1"]


def test_the_last_step_has_no_time_left(caplog):
    with caplog.at_level("INFO", "vsda"), Live(2, 0) as shown:
        shown.advance(1)
        shown.advance(2)
        shown.show(2, {"loss": 1.0})
    assert caplog.messages == ["step 2/2  loss 1"]


def test_pairs_validation_and_counted_trouble_are_told():
    row = {
        "accuracy_same": 0.7,
        "accuracy_cross": 0.4,
        "validation_miou": 0.4126,
        "skipped_steps": 3.0,
        "damaged_samples": 0.0,
    }
    assert numbers_text(row) == [
        "mIoU 41.3 (validation)",
        "told right: same domain 70 %, cross domain 40 %",
        "3 steps skipped",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (12 * 60 + 20, "12 min"),
        (3599, "1 h"),
        (3 * 3600 + 20 * 60, "3 h 20 min"),
        (86_400 - 1, "1 d"),
        (2 * 86_400 + 5 * 3600 + 600, "2 d 5 h"),
    ],
)
def test_durations_are_told_in_two_units(seconds, text):
    assert duration_text(seconds) == text


def test_a_step_costs_next_to_nothing(monkeypatch):
    """Also on a terminal: most steps draw nothing."""
    monkeypatch.setattr(live, "_is_terminal", lambda: True)
    shown = Live(10_000, 0)
    start = time.perf_counter()
    for step in range(1, 2001):
        shown.advance(step)
    assert (time.perf_counter() - start) / 2000 < 1e-3
