"""Which weights of a run are opened."""

import pytest
import torch

from tests.made_runs import make_run
from vsda.errors import RunError
from vsda.evaluation.trained import find_checkpoint, open_run
from vsda.training.checkpoint import load_checkpoint


def holds(trained, state):
    """Return whether a network has the weights of `state`."""
    found = trained.network.state_dict()
    return found.keys() == state.keys() and all(
        torch.equal(found[key], state[key]) for key in state
    )


def test_the_averaged_weights_are_taken_where_there_are_any(tmp_path):
    path = make_run(tmp_path, averaged=True)
    trained = open_run(tmp_path)
    assert holds(trained, load_checkpoint(path).ema)
    assert (trained.is_average, trained.step, trained.checkpoint) == (True, 7, path)
    assert not trained.network.training


def test_raw_takes_the_weights_of_the_last_step(tmp_path):
    path = make_run(tmp_path, averaged=True)
    trained = open_run(tmp_path, raw=True)
    assert holds(trained, load_checkpoint(path).network)
    assert not trained.is_average


def test_a_run_without_an_average_gives_the_weights_of_the_last_step(tmp_path):
    path = make_run(tmp_path)
    trained = open_run(tmp_path)
    assert holds(trained, load_checkpoint(path).network)
    assert not trained.is_average


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    make_run(tmp_path, step=5)
    newest = make_run(tmp_path, step=10)
    newest.write_bytes(newest.read_bytes()[:-50])
    assert open_run(tmp_path, find_checkpoint(tmp_path, "latest")).step == 5


def test_best_is_the_checkpoint_with_the_best_score(tmp_path):
    best = make_run(tmp_path, step=5, score=0.5)
    make_run(tmp_path, step=10)
    assert find_checkpoint(tmp_path, "best") == best
    assert open_run(tmp_path, find_checkpoint(tmp_path, "best")).step == 5
    assert open_run(tmp_path, find_checkpoint(tmp_path, "latest")).step == 10


def test_a_path_is_taken_as_it_is(tmp_path):
    first = make_run(tmp_path, step=5)
    make_run(tmp_path, step=10)
    assert open_run(tmp_path, find_checkpoint(tmp_path, str(first))).step == 5


def test_best_of_a_run_that_was_not_judged_is_told(tmp_path):
    make_run(tmp_path)
    with pytest.raises(RunError, match="no best checkpoint: the run was not judged while it trai"):
        find_checkpoint(tmp_path, "best")


def test_a_checkpoint_that_does_not_fit_its_recipe_is_told(tmp_path):
    path = make_run(tmp_path)
    state = torch.load(path)
    torch.save(state | {"network": {}}, path)
    path.with_suffix(".sha256").unlink()
    with pytest.raises(RunError, match="its weights do not fit its recipe"):
        open_run(tmp_path)
