"""How a run finds its devices, and what several processes tell."""

import sys
from contextlib import suppress

import pytest
from torch import distributed

from tests.made_sets import make_places
from tests.training.processes import environment, finished, train_command, write_toml
from tests.training.small import DOMAIN
from vsda.errors import RunError, UsageError
from vsda.training.checkpoint import list_checkpoints
from vsda.training.devices import Devices

SETTINGS = {"adversarial": DOMAIN, "batch_videos": 4, "workers": 1, "steps": 6}


@pytest.fixture
def places(tmp_path):
    return make_places(tmp_path / "sets")


@pytest.fixture
def launcher(monkeypatch):
    """Set what a launcher tells its processes."""
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_a_run_that_nobody_launched_takes_one_device(launcher):
    assert Devices().numbers() == (1, 1)
    assert Devices(per_node=4, nodes=2).numbers() == (4, 2)


def test_torchrun_says_how_many_processes_there_are(launcher):
    launcher("LOCAL_WORLD_SIZE", "4")
    launcher("WORLD_SIZE", "8")
    assert Devices().numbers() == (4, 2)
    assert Devices(per_node=4).numbers() == (4, 2)


def test_slurm_says_how_many_processes_there_are(launcher):
    launcher("SLURM_NTASKS_PER_NODE", "8")
    launcher("SLURM_NTASKS", "16")
    assert Devices().numbers() == (8, 2)


def test_other_devices_than_processes_are_refused(launcher):
    launcher("LOCAL_WORLD_SIZE", "4")
    launcher("WORLD_SIZE", "4")
    with pytest.raises(UsageError, match="--devices 2: the launcher has started 4 processes"):
        Devices(per_node=2).numbers()


def test_two_processes_under_torchrun_are_one_run(tmp_path, places):
    recipe = write_toml(tmp_path / "small.toml", SETTINGS)
    command = train_command(recipe, places, tmp_path / "run")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    # Without the -- torchrun would take --run for the beginning of an option of its own.
    done = finished([*torchrun, "--standalone", "-m", "--", *command[2:]])
    (kept,) = list_checkpoints(tmp_path / "run")[-1:]
    assert done.stdout.strip() == str(kept)
    assert '"processes": 2' in (tmp_path / "run" / "starts.jsonl").read_text()


def test_what_rank_0_refuses_ends_all_ranks_and_is_said_once(tmp_path, places):
    import subprocess

    recipe = write_toml(tmp_path / "small.toml", SETTINGS)
    command = train_command(recipe, places, tmp_path / "run", "--devices", 2)
    finished(command)
    again = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert again.returncode == 1
    assert again.stderr.count("holds a run already") == 1
    assert "Traceback" not in again.stderr


def test_batches_that_devices_cannot_share_are_refused_before_anything_starts(tmp_path, places):
    import subprocess

    recipe = write_toml(tmp_path / "small.toml", SETTINGS | {"batch_videos": 3})
    command = train_command(recipe, places, tmp_path / "run", "--devices", 2)
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert "batch_videos" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture
def group(tmp_path):
    """A process group of this process alone, as a launcher leaves it."""
    place = f"file://{tmp_path / 'group'}"
    distributed.init_process_group("gloo", init_method=place, rank=0, world_size=1)
    yield
    if distributed.is_initialized():
        distributed.destroy_process_group()


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("end", [None, RunError("refused"), SystemExit(0)], ids=repr)
def test_processes_part_before_they_end(end):
    with suppress(RunError, SystemExit), Devices(per_node=1, nodes=1).running():
        assert distributed.is_initialized()
        if end is not None:
            raise end
    assert not distributed.is_initialized()


@pytest.mark.usefixtures("group")
def test_after_a_bug_nothing_waits_for_the_others():
    with suppress(ZeroDivisionError), Devices(per_node=1, nodes=1).running():
        raise ZeroDivisionError
    assert distributed.is_initialized()
