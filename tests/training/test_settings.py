"""Each setting of a recipe arrives where it acts."""

import pytest
import torch
from torch import nn

from tests.training.small import (
    CLUSTERED,
    DOMAIN,
    NETWORKS,
    WEIGHTS,
    random_batch,
    small_objective,
    small_recipe,
    take_step,
)
from vsda.errors import RecipeError, UsageError
from vsda.training.build import build_network, build_objective, num_clusters
from vsda.training.learner import reversal_strength
from vsda.training.optimization import build_optimizations


def optimizers(**settings):
    recipe = small_recipe(adversarial=DOMAIN, **settings)
    objective = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
    return [each.optimizer for each in build_optimizations(objective, recipe)]


def decayed(optimizer):
    """Return the group of parameters that weight decay acts on."""
    return max(optimizer.param_groups, key=lambda group: group["weight_decay"])


def test_network_and_discriminator_have_optimisers_of_their_own():
    own = {"name": "adamw", "learning_rate": 0.02, "betas": (0.5, 0.7), "weight_decay": 0.25}
    other = {"name": "momentum", "learning_rate": 0.3, "momentum": 0.6, "weight_decay": 0.125}
    network, discriminator = optimizers(optimizer=other, discriminator_optimizer=own)
    group = decayed(discriminator)
    assert type(discriminator).__name__ == "AdamW"
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.02, (0.5, 0.7), 0.25)
    group = decayed(network)
    assert type(network).__name__ == "SGD"
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.3, 0.6, 0.125)


def test_vectors_and_position_biases_do_not_decay():
    recipe = small_recipe(optimizer={"weight_decay": 0.1})
    objective = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
    (optimization,) = build_optimizations(objective, recipe)
    decaying = {id(each) for each in decayed(optimization.optimizer)["params"]}
    left_alone = {
        name
        for name, parameter in objective.network.named_parameters()
        if id(parameter) not in decaying
    }
    assert any(name.endswith("relative_position_bias_table") for name in left_alone)
    for name, parameter in objective.network.named_parameters():
        expected = parameter.ndim <= 1 or name.endswith("relative_position_bias_table")
        assert (name in left_alone) == expected, name


def test_a_step_is_clipped():
    plain = {
        "name": "momentum",
        "momentum": 0.0,
        "learning_rate": 1.0,
        "weight_decay": 0.0,
        "schedule": "constant",
        "clip_norm": 1e-3,
    }
    recipe = small_recipe(optimizer=plain)
    model = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    take_step(model, build_optimizations(model, recipe), random_batch(), strength=0.0)
    moved = [(a - b).flatten() for a, b in zip(before, model.parameters(), strict=True)]
    assert torch.cat(moved).norm().item() == pytest.approx(1e-3, rel=1e-2)


def test_settings_reach_the_clustered_loss():
    settings = {
        "balance": "natural",
        "pair_input": "concatenated",
        "fit_tokens": 50,
        "kmeans_iterations": 2,
        "pairs": 32,
        "reduction": "sum",
        "hidden": (7, 5),
        "clusters": 4,
    }
    loss = small_objective(adversarial=CLUSTERED | settings).adversarial
    how = loss.clustering
    assert (how.balance, how.fit_tokens, how.iterations) == ("natural", 50, 2)
    assert (how.num_pairs, how.num_clusters, loss.reduction) == (32, 4, "sum")
    assert loss.discriminator.pair_input == "concatenated"
    assert widths(loss.discriminator, nn.Linear) == [7, 5, 1]


@pytest.mark.parametrize(
    ("clusters", "expected"), [("classes", 10), ("classes+background", 11), (5, 5)]
)
def test_clusters_are_counted_with_the_background_or_without(clusters, expected):
    settings = small_recipe(adversarial=CLUSTERED | {"clusters": clusters}).adversarial
    assert num_clusters(settings, num_classes=11) == expected


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_settings_reach_the_discriminator_of_whole_frames(kind):
    settings = {
        "placement": "global",
        "discriminator": kind,
        "reduction": "sum",
        "dropout": 0.25,
        "hidden": (5,),
        "conv_channels": 6,
    }
    loss = small_objective(adversarial=DOMAIN | settings).adversarial
    assert loss.reduction == "sum"
    assert widths(loss.discriminator, nn.Linear) == [5, 1]
    is_conv = kind == "conv"
    assert [each.out_channels for each in layers(loss.discriminator, nn.Conv2d)] == [6] * is_conv
    assert [each.p for each in layers(loss.discriminator, nn.Dropout)] == [0.25] * is_conv


@pytest.mark.parametrize("kind", ["patchgan", "patchgan3d"])
def test_a_patchgans_widths_double_from_its_first_layers(kind):
    settings = {"discriminator": kind, "conv_channels": 4}
    network = NETWORKS["video_swin_upernet"]
    model = small_objective(adversarial=DOMAIN | settings, network=network, size_px=64)
    convolutions = [*model.adversarial.discriminator.convolutions]
    assert [each.out_channels for each in convolutions] == [4, 8, 16, 1]
    assert isinstance(convolutions[0], nn.Conv3d if kind == "patchgan3d" else nn.Conv2d)


def test_a_patchgan_over_clips_needs_a_network_of_clips():
    with pytest.raises(RecipeError, match="swin_upernet takes single pictures; set it to patchgan"):
        small_objective(adversarial=DOMAIN | {"discriminator": "patchgan3d"}, size_px=64)


def test_a_patchgan_on_maps_that_are_too_small_is_refused_before_training():
    with pytest.raises(UsageError, match="a PatchGAN got maps of 8 x 8 tokens"):
        small_objective(adversarial=DOMAIN | {"discriminator": "patchgan"}, size_px=32)


@pytest.mark.parametrize("discriminator", ["conv", "patchgan"])
def test_pairs_are_judged_by_linear_layers_alone(discriminator):
    with pytest.raises(RecipeError, match="compares pairs of tokens; set it to linear"):
        small_objective(adversarial=CLUSTERED | {"discriminator": discriminator})


def test_the_reversal_waits_until_its_first_step():
    recipe = small_recipe(adversarial=DOMAIN | {"mu": 0.5, "start_step": 3})
    assert [reversal_strength(recipe, step) for step in range(5)] == [0, 0, 0, 0.5, 0.5]


def layers(module, kind):
    return [each for each in module.modules() if isinstance(each, kind)]


def widths(module, kind):
    return [each.out_features for each in layers(module, kind)]


def test_an_optimiser_of_second_order_is_refused():
    with pytest.raises(RecipeError, match="'adahessian' of timm needs second derivatives"):
        optimizers(optimizer={"name": "adahessian"})


def test_fewer_tokens_to_fit_than_clusters_are_refused():
    with pytest.raises(UsageError, match=r"fit_tokens: got 2, expected at least one for each of 3"):
        small_objective(adversarial=CLUSTERED | {"fit_tokens": 2})
