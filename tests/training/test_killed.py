"""Runs that are killed at any step and resumed end with the same bits, on one rank and on two."""

import random

import pytest

from tests.made_sets import make_places
from tests.training.processes import finished, kill_at_row, train_command, write_toml
from tests.training.small import CLUSTERED
from tests.training.test_run import losses, run, same_state
from vsda.recipes.small import load_train_recipe
from vsda.training.checkpoint import list_checkpoints, load_checkpoint

FULL = {
    "adversarial": CLUSTERED,
    "unlabelled": {"loss": "teacher", "confidence": 0.4, "mix": "classes"},
    "batch_videos": 4,
    "workers": 2,
    "steps": 24,
    "checkpoint_every": 3,
    "keep_checkpoints": 50,
    "ema_decay": 0.9,
    "accumulate": 2,
    "damaged": "skip",
    "augmentation": {"flip": True, "resize": [0.5, 2.0], "brightness": 0.3},
}
"""Streams of 13 and 5 samples, two workers each, and all that a checkpoint has to hold."""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return make_places(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, places):
    """Return the folder of an undisturbed run, by the number of devices; on one it is made here."""
    folder = tmp_path_factory.mktemp("whole")
    made = {}

    def undisturbed(devices, **settings):
        recipe = write_toml(folder / "full.toml", settings or settings_for(devices))
        if devices not in made:
            made[devices] = folder / f"on-{devices}"
            if devices == 1:
                run(load_train_recipe(str(recipe)), places, made[devices])
            else:
                finished(train_command(recipe, places, made[devices], "--devices", devices))
        return recipe, made[devices]

    return undisturbed


def settings_for(devices):
    return FULL | ({"accumulate": 1} if devices == 2 else {})


def assert_same_run(one, other):
    """Compare what two runs left: all of the last checkpoint, and the logged losses."""
    last = [load_checkpoint(list_checkpoints(run)[-1]) for run in (one, other)]
    assert last[0].step == last[1].step == 24
    assert same_state(*last)
    assert losses(one) == losses(other)


@pytest.mark.parametrize("devices", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_killed_twice_equals_the_undisturbed_one(tmp_path, places, whole, devices):
    recipe, undisturbed = whole(devices)
    run_dir = tmp_path / "killed"
    command = train_command(recipe, places, run_dir, "--devices", devices, "--resume", "auto")
    for row in (5, 16):
        kill_at_row(command, run_dir, row)
    finished(command)
    assert_same_run(undisturbed, run_dir)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_a_run_killed_at_twenty_random_steps_equals_the_undisturbed_one(
    tmp_path, places, whole, devices
):
    recipe, undisturbed = whole(devices)
    run_dir = tmp_path / "killed"
    command = train_command(recipe, places, run_dir, "--devices", devices, "--resume", "auto")
    rows = random.Random(devices).choices(range(1, 23), k=20)
    for row in rows:
        kill_at_row(command, run_dir, row)
        kept = list_checkpoints(run_dir)
        for path in kept[random.Random(row).randint(0, len(kept)) :]:
            path.unlink()  # so that the next try does not start behind its own kill
    finished(command)
    assert_same_run(undisturbed, run_dir)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_devices(tmp_path, places, whole):
    """The samples of each step are the same; random draws are each rank's own."""
    recipe, _ = whole(2)
    run_dir = tmp_path / "moved"
    on_one = train_command(recipe, places, run_dir, "--devices", 1)
    kill_at_row(on_one, run_dir, 8)
    finished(train_command(recipe, places, run_dir, "--devices", 2, "--resume", "auto"))
    assert load_checkpoint(list_checkpoints(run_dir)[-1]).step == 24
    starts = (run_dir / "starts.jsonl").read_text().splitlines()
    assert ['"processes": 1' in starts[0], '"processes": 2' in starts[1]] == [True, True]
