"""Streams to losses: what reaches what."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch.nn import functional

from tests.training.small import CLUSTERED, DOMAIN, random_batch, small_recipe
from vsda.stream.transforms import normalise
from vsda.training.build import build_network, build_objective, build_optimizations
from vsda.training.class_weights import ClassWeights
from vsda.training.loop import StepControl, training_step
from vsda.training.objective import segmentation_loss

WEIGHTS = ClassWeights(values=(0.5, 1.0, 2.0), source="none", sets=(), uses_target_labels=False)
FABRIC = Fabric(accelerator="cpu", devices=1)


def objective(**settings):
    recipe = small_recipe(**settings)
    return build_objective(build_network(recipe, 3), recipe, WEIGHTS)


def generator():
    return torch.Generator().manual_seed(5)


def gradients(model, batch, strength):
    model = copy.deepcopy(model).train()  # a step moves the centroids
    torch.manual_seed(1)  # stochastic depth and dropout
    model(batch, strength=strength, generator=generator()).total.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_adversarial_gradient_reaches_exactly_the_4896_patch_embedding_parameters(loss):
    swin_t = {"decoder_channels": 16, "drop_path_rate": 0.0}
    model = objective(network=swin_t, adversarial=loss)
    batch = random_batch(size_px=64)
    without = gradients(model, batch, 0.0)
    with_mu = gradients(model, batch, 1.0)
    network = {name for name in without if name.startswith("network.")}
    reached = {name for name in network if not torch.equal(without[name], with_mu[name])}
    assert reached == {name for name in network if name.startswith("network.encoder.features.0.")}
    parameters = dict(model.named_parameters())
    assert sum(parameters[name].numel() for name in reached) == 4896


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_discriminator_learns_at_the_same_rate_whatever_mu(loss):
    model = objective(adversarial=loss)
    without, with_mu = (gradients(model, random_batch(), mu) for mu in (0.0, 1.0))
    mine = [name for name in without if name.startswith("adversarial.")]
    assert mine
    assert all(torch.equal(without[name], with_mu[name]) for name in mine)
    assert any(without[name].abs().max() > 0 for name in mine)


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_mu_0_equals_a_source_only_run_bit_for_bit(loss):
    trained = {}
    for name, settings in (("none", {"loss": "none"}), ("mu 0", loss | {"mu": 0.0})):
        recipe = small_recipe(adversarial=settings)
        model = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
        optimizations = build_optimizations(model, recipe)
        for step in range(4):
            torch.manual_seed(step)
            control = StepControl(step, 0.0, generator())
            training_step(FABRIC, model, optimizations, random_batch(step), control)
        trained[name] = model.network.state_dict()
    for key, value in trained["none"].items():
        assert torch.equal(value, trained["mu 0"][key]), key


def test_frames_pass_the_patch_embedding_and_nothing_else():
    model = objective(adversarial=DOMAIN)
    seen = []
    network = model.network
    network.encoder.features[1].register_forward_hook(
        lambda _, inputs, __: seen.append(len(inputs[0]))
    )
    network.decoder.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0][0])))
    model(random_batch(), strength=1.0, generator=generator())
    assert seen == [4, 4]


def test_frames_leave_batch_norm_statistics_alone():
    model = objective(adversarial=DOMAIN)
    batch = random_batch()
    statistics = []
    for frames in (batch.frames, batch.frames.flip(0) // 3, None):
        fresh = copy.deepcopy(model)
        torch.manual_seed(0)
        fresh(replace(batch, frames=frames), strength=1.0, generator=generator())
        statistics.append({k: v for k, v in fresh.state_dict().items() if "running" in k})
    assert statistics[0]
    for other in statistics[1:]:
        assert all(torch.equal(statistics[0][key], other[key]) for key in other)


@pytest.mark.parametrize("mu", [1.0, 0.3])
def test_one_step_equals_a_minimax_step_written_by_hand(mu):
    sgd = {
        "name": "momentum",
        "learning_rate": 0.1,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "schedule": "constant",
    }
    network = small_recipe().network.model_dump() | {"drop_path_rate": 0.0}
    recipe = small_recipe(
        adversarial=DOMAIN | {"mu": mu}, network=network, optimizer=sgd, discriminator_optimizer=sgd
    )
    model = build_objective(build_network(recipe, 3), recipe, WEIGHTS).double()
    model.network.decoder.dropout.p = 0.0
    batch = random_batch()
    expected = minimax_step(copy.deepcopy(model), batch, mu, rate=0.1)
    doubled(model)
    control = StepControl(0, mu, generator())
    training_step(FABRIC, model, build_optimizations(model, recipe), batch, control)
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, expected[name], atol=1e-9, rtol=0), name


def minimax_step(model, batch, mu, rate):
    """Return the parameters after one step, without any gradient reversal."""
    doubled(model)
    model.train()
    network, discriminator = model.network, model.adversarial.discriminator
    source = network.patch_embed(normalise(batch.images))
    target = network.patch_embed(normalise(batch.frames))
    logits = network.decode(network.encode(source), (32, 32))
    labelled = batch.masks != 255
    picked = logits.log_softmax(1).gather(1, batch.masks.where(labelled, 0)[:, None])[:, 0]
    weight = model.class_weights[batch.masks.where(labelled, 0)] * labelled
    l_seg = -(picked * weight).sum() / weight.sum()
    on_source, on_target = discriminator(source), discriminator(target)
    l_dc = (functional.softplus(-on_source).mean() + functional.softplus(on_target).mean()) / 2
    after = {}
    for name, parameter in model.named_parameters():
        seg, dc = (
            torch.autograd.grad(loss, parameter, retain_graph=True, allow_unused=True)[0]
            for loss in (l_seg, l_dc)
        )
        seg = torch.zeros_like(parameter) if seg is None else seg
        dc = torch.zeros_like(parameter) if dc is None else dc
        direction = seg - mu * dc if name.startswith("network.") else dc
        after[name] = (parameter - rate * direction).detach()
    return after


def doubled(model):
    """Make the patch embedding take float32 pictures in a float64 network."""
    model.network.encoder.features[0].register_forward_pre_hook(lambda _, args: args[0].double())


def test_segmentation_loss_equals_the_weighted_mean_by_hand():
    logits = torch.tensor([[[[2.0, 0.0, 1.0]], [[0.0, 1.0, 1.0]]]])
    masks = torch.tensor([[[0, 1, 255]]])
    weights = torch.tensor([1.0, 3.0])
    first = math.log(1 + math.exp(-2.0))
    second = math.log(1 + math.exp(-1.0))
    expected = (1 * first + 3 * second) / (1 + 3)
    assert segmentation_loss(logits, masks, weights).item() == pytest.approx(expected, rel=1e-6)


def test_segmentation_loss_without_a_labelled_pixel_is_zero_with_a_graph():
    logits = torch.randn(1, 2, 2, 2, requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 2, 2), 255), torch.ones(2))
    loss.backward()
    assert loss.item() == 0
    assert np.array_equal(logits.grad, np.zeros((1, 2, 2, 2)))
