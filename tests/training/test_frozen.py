"""Only what a recipe's `trainable` names learns; the rest keeps weights and averages."""

import pytest
import torch

from tests.made_sets import make_places
from tests.training.small import CLUSTERED, SWIN, small_recipe
from tests.training.test_run import run
from vsda.errors import RecipeError
from vsda.training.build import build_network
from vsda.training.metrics_log import read_metrics

PATCH = "encoder.features.0.*"
STEPS = {"steps": 2, "network": SWIN | {"drop_path_rate": 0.0}}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return make_places(tmp_path_factory.mktemp("sets"))


def changed(recipe, places, run_dir):
    """Return the names of what two steps change in a network's state."""
    before = build_network(recipe, 3).state_dict()
    after = run(recipe, places, run_dir).network
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_everything_learns_unless_it_is_said(places, tmp_path):
    network = build_network(small_recipe(), 3)
    found = changed(small_recipe(**STEPS), places, tmp_path / "run")
    assert {name for name, _ in network.named_parameters()} <= found
    assert any("running_mean" in name for name in found)


@pytest.mark.parametrize("adversarial", [{"loss": "none"}, CLUSTERED])
def test_what_matches_no_pattern_keeps_weights_and_averages(places, tmp_path, adversarial):
    recipe = small_recipe(**STEPS, trainable=(PATCH,), adversarial=adversarial)
    found = changed(recipe, places, tmp_path / "run")
    network = build_network(recipe, 3)
    patch = {name for name, _ in network.named_parameters() if name.startswith(PATCH[:-1])}
    assert found == patch


def test_norms_that_learn_still_follow_their_batches(places, tmp_path):
    recipe = small_recipe(**STEPS, trainable=("decoder.*",))
    found = changed(recipe, places, tmp_path / "run")
    assert any("running_mean" in name for name in found)
    assert not any(name.startswith("encoder.") for name in found)


def test_a_loss_that_reaches_nothing_that_learns_has_no_gradient_there(places, tmp_path):
    recipe = small_recipe(**STEPS, trainable=("decoder.*",), adversarial=CLUSTERED)
    run(recipe, places, tmp_path / "run")
    assert {row["gradient_ratio"] for row in read_metrics(tmp_path / "run")} == {0.0}


def test_a_pattern_without_a_parameter_is_refused(places, tmp_path):
    with pytest.raises(RecipeError, match=r"trainable: 'encodr\.\*' matches no parameter"):
        run(small_recipe(trainable=("encodr.*",)), places, tmp_path / "run")
