"""Runs that are asked to stop save after the step and go on as if nothing had been."""

import os
import signal

import pytest

from tests.made_sets import make_places
from tests.training.processes import (
    finished,
    started,
    train_command,
    wait_for_rows,
    write_toml,
)
from tests.training.small import CLUSTERED, small_recipe
from tests.training.test_run import losses, run, same_state
from vsda.training.checkpoint import list_checkpoints, load_checkpoint

SETTINGS = {
    "adversarial": CLUSTERED,
    "batch_videos": 4,
    "workers": 1,
    "steps": 400,
    "checkpoint_every": 1000,
}


@pytest.fixture
def places(tmp_path):
    return make_places(tmp_path / "sets")


def stop_with(process, run_dir, number, send=os.kill):
    """Send a signal in the middle of the run; return what it has printed."""
    wait_for_rows(process, run_dir, 5)
    send(process.pid, number)
    return process.communicate(timeout=120)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGUSR1, 138), (signal.SIGINT, 130)],
    ids=["SIGTERM", "SIGUSR1", "Ctrl-C"],
)
def test_a_signal_ends_the_run_with_a_checkpoint_and_its_own_exit_code(
    tmp_path, places, number, code
):
    recipe = write_toml(tmp_path / "small.toml", SETTINGS)
    process = started(train_command(recipe, places, tmp_path / "run"))
    # As a terminal and batch systems do, to all processes at once: those that read samples, too.
    _, told = stop_with(process, tmp_path / "run", number, os.killpg)
    assert process.returncode == code, told
    assert f"stopped by {signal.Signals(number).name} after step" in told
    assert "Traceback" not in told
    (kept,) = list_checkpoints(tmp_path / "run")
    assert 5 <= load_checkpoint(kept).step < 400


def test_a_stopped_run_equals_the_undisturbed_one(tmp_path, places):
    settings = SETTINGS | {"steps": 40}
    run(small_recipe(**settings), places, tmp_path / "whole")
    recipe = write_toml(tmp_path / "small.toml", settings)
    command = train_command(recipe, places, tmp_path / "run", "--resume", "auto")
    process = started(command)
    stop_with(process, tmp_path / "run", signal.SIGUSR1)
    assert process.returncode == 138
    finished(command)
    ends = [load_checkpoint(list_checkpoints(tmp_path / each)[-1]) for each in ("whole", "run")]
    assert same_state(*ends)
    assert losses(tmp_path / "whole") == losses(tmp_path / "run")


def test_two_ranks_stop_after_the_same_step_though_one_of_them_was_asked(tmp_path, places):
    recipe = write_toml(tmp_path / "small.toml", SETTINGS)
    process = started(train_command(recipe, places, tmp_path / "run", "--devices", 2))
    _, told = stop_with(process, tmp_path / "run", signal.SIGTERM)
    assert process.returncode == 143, told
    assert told.count("stopped by SIGTERM after step") == 1
    assert "Traceback" not in told
    assert len(list_checkpoints(tmp_path / "run")) == 1
