"""Progress on stderr: lines where there is no terminal, a bar where there is."""

import os
import pty
import subprocess
import sys

from vsda import progress

SCRIPT = """
import time
from vsda.progress import byte_progress
with byte_progress("davis: download x.zip") as show:
    for done in range(0, 11):
        show(done * 1_000_000, 10_000_000)
        time.sleep(0.02)
"""


def test_bytes_are_told_in_a_line_now_and_then(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.byte_progress("davis: download x.zip") as show:
        for done, at in (
            (50_000_000, 101),
            (60_000_000, 129),
            (80_000_000, 131),
            (90_000_000, 160),
        ):
            now[0] = float(at)
            show(done, 200_000_000)
    assert capsys.readouterr().err == (
        "davis: download x.zip: 80.0 of 200.0 MB after 31 s, 1.0 MB/s\n"
    )


def test_a_size_that_nobody_knows_is_not_told(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.byte_progress("x") as show:
        now[0] = 40.0
        show(2_000_000, None)
    assert capsys.readouterr().err == "x: 2.0 MB after 40 s, 0.0 MB/s\n"


def test_short_work_says_nothing_where_there_is_no_terminal(capsys):
    with progress.byte_progress("x") as show:
        show(5, 5)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar():
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stderr=theirs, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    seen = b""
    while process.poll() is None or b"x.zip" not in seen:
        try:
            seen += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    assert process.wait() == 0
    assert b"davis: download x.zip" in seen
    assert b"10.0/10.0 MB" in seen
