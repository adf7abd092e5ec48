"""Recipes become optimisers with schedules that are pure functions of the step."""

import pytest
import torch

from tests.training.small import DOMAIN, small_recipe
from vsda.errors import RecipeError
from vsda.recipes.optimizers import OptimizerSettings
from vsda.training.build import build_network
from vsda.training.optimization import build_optimization

RATE = 0.5


def rates(steps, **settings):
    """Return the learning rate that each of `steps` is done with."""
    chosen = OptimizerSettings(learning_rate=RATE, **settings)
    optimization = build_optimization(torch.nn.Linear(2, 2), chosen, steps=100)
    found = []
    for step in steps:
        optimization.set_learning_rate(step)
        found.append(optimization.optimizer.param_groups[0]["lr"])
    return found


def test_constant_rate_stays():
    assert rates([0, 50, 99], schedule="constant") == [RATE, RATE, RATE]


def test_poly_rate_falls_with_power_0_9():
    assert rates([0, 50], schedule="poly") == pytest.approx([RATE, RATE * 0.5**0.9])


def test_cosine_rate_is_half_in_the_middle():
    assert rates([0, 50], schedule="cosine") == pytest.approx([RATE, RATE / 2])


@pytest.mark.parametrize("schedule", ["constant", "poly", "cosine"])
def test_warm_up_climbs_from_zero(schedule):
    assert rates([0, 5], schedule=schedule, warmup_steps=10) == pytest.approx([0, RATE / 2])


def test_constant_rate_stays_after_its_warm_up():
    assert rates([10, 60, 99], schedule="constant", warmup_steps=10) == pytest.approx([RATE] * 3)


def test_rate_does_not_depend_on_the_steps_before():
    assert rates(range(60), schedule="poly")[-1] == rates([59], schedule="poly")[0]


def test_clip_bounds_the_gradient_norm():
    layer = torch.nn.Linear(2, 2)
    optimization = build_optimization(layer, OptimizerSettings(clip_norm=0.1), steps=1)
    layer(torch.full((1, 2), 100.0)).sum().backward()
    optimization.clip(optimization.gradient_norm())
    total = torch.cat([parameter.grad.flatten() for parameter in layer.parameters()]).norm()
    assert total.item() == pytest.approx(0.1, rel=1e-4)


def test_unknown_optimiser_is_told():
    with pytest.raises(RecipeError, match=r"optimizer\.name: 'adamx' of timm"):
        build_optimization(torch.nn.Linear(2, 2), OptimizerSettings(name="adamx"), steps=1)


def test_initial_weights_depend_on_the_seed_alone():
    one, again, other, adversarial = (
        build_network(small_recipe(**settings), 3).state_dict()
        for settings in ({}, {}, {"seed": 1}, {"adversarial": DOMAIN})
    )
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert all(torch.equal(one[key], adversarial[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)
