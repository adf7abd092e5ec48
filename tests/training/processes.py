"""Runs of `vsda train` in processes of their own, as a user starts and kills them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import ROOT
from tests.training.small import SMALL


def write_toml(path: Path, settings) -> Path:
    """Write the small recipe as TOML; its values are JSON-like, which TOML reads but for tables."""
    values = SMALL | settings
    lines = [
        f"{key} = {json.dumps(value)}"
        for key, value in values.items()
        if not isinstance(value, dict)
    ]
    for table, content in values.items():
        if isinstance(content, dict):
            lines += [
                f"[{table}]",
                *(f"{key} = {json.dumps(value)}" for key, value in content.items()),
            ]
    path.write_text("\n".join(lines))
    return path


def train_command(recipe, places, run_dir, *more):
    """Return the command that trains a recipe file on sets of images and of videos."""
    command = [sys.executable, "-m", "vsda", "train", recipe, "--run", run_dir]
    command += ["--images", places[0][0], "--videos", places[1][0], *more]
    return list(map(str, command))


def environment(**more):
    """Return the environment of a run: one thread, this checkout."""
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | more


def started(command, **more):
    """Start a run in a process group of its own."""
    return subprocess.Popen(
        command,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(command, **more):
    """Run to the end and return the process; its exit code must be 0."""
    done = subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def wait_for_rows(process, run_dir, num_rows):
    """Wait until a run has logged `num_rows` rows; it must still be alive then."""
    metrics = Path(run_dir) / "metrics.jsonl"
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        if metrics.is_file() and metrics.read_bytes().count(b"\n") >= num_rows:
            return
        time.sleep(0.001)
    raise AssertionError(f"ended before row {num_rows}: {process.communicate()}")


def kill_at_row(command, run_dir, num_rows, **more):
    """SIGKILL a run, all its processes at once, when it has logged `num_rows` rows."""
    process = started(command, **more)
    wait_for_rows(process, run_dir, num_rows)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
