"""Streams to losses: what reaches what."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

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
from vsda.adversarial.discriminators import TokenDiscriminator
from vsda.adversarial.losses import DomainLoss
from vsda.errors import RecipeError
from vsda.evaluation.metrics import class_iou, confusion_matrix, mean_iou
from vsda.stream.domains import Part
from vsda.stream.transforms import normalise
from vsda.training.build import build_network, build_objective
from vsda.training.objective import segmentation_loss
from vsda.training.optimization import build_optimizations
from vsda.training.reversal import reversal_strength
from vsda.training.view import View


def generator():
    return torch.Generator().manual_seed(5)


def gradients(model, batch, strength):
    model = copy.deepcopy(model).train()  # a step moves the centroids
    torch.manual_seed(1)  # stochastic depth and dropout
    model(batch, strength=strength, generator=generator())["loss"].backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_adversarial_gradient_reaches_exactly_the_4896_patch_embedding_parameters(loss):
    swin_t = {"decoder_channels": 16, "drop_path_rate": 0.0}
    model = small_objective(network=swin_t, adversarial=loss)
    batch = random_batch(size_px=64)
    without = gradients(model, batch, 0.0)
    with_mu = gradients(model, batch, 1.0)
    network = {name for name in without if name.startswith("network.")}
    reached = {name for name in network if not torch.equal(without[name], with_mu[name])}
    assert reached == {name for name in network if name.startswith("network.encoder.features.0.")}
    parameters = dict(model.named_parameters())
    assert sum(parameters[name].numel() for name in reached) == 4896


def test_the_control_deals_the_same_pictures_to_both_domains_at_random():
    view = View(tap="patch", shuffles=True)
    source, target = torch.arange(0, 6.0).view(6, 1), torch.arange(6, 10.0).view(4, 1)
    dealt = view.domains(source, target, generator())
    assert [len(part) for part in dealt] == [6, 4]
    assert sorted(torch.cat(dealt).flatten().tolist()) == list(range(10))
    assert not dealt[0].lt(6).all()
    assert View(tap="patch").domains(source, target, generator()) == (source, target)


def test_the_control_takes_no_clips():
    recipe = small_recipe(
        adversarial=DOMAIN | {"shuffle_domains": True}, network=NETWORKS["video_swin_upernet"]
    )
    with pytest.raises(RecipeError, match="shuffle_domains: deals single pictures"):
        build_objective(build_network(recipe, 3), recipe, WEIGHTS)


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_discriminator_learns_at_the_same_rate_whatever_mu(loss):
    model = small_objective(adversarial=loss)
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
            take_step(model, optimizations, random_batch(step), step, strength=0.0)
        trained[name] = model.network.state_dict()
    for key, value in trained["none"].items():
        assert torch.equal(value, trained["mu 0"][key]), key


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
@pytest.mark.parametrize("labelled", [False, True], ids=["images", "joint"])
def test_adversarial_gradient_at_the_end_reaches_every_stage_and_no_decoder(loss, labelled):
    loss = loss | {"placement": "global", "clusters": 2}
    network = NETWORKS["swin_upernet"] | {"drop_path_rate": 0.0}
    model = small_objective(adversarial=loss, network=network)
    batch = random_batch(labelled=labelled)
    if labelled:
        batch = replace(batch, videos=None)
    without, with_mu = (gradients(model, batch, mu) for mu in (0.0, 1.0))
    reached = {name for name in without if not torch.equal(without[name], with_mu[name])}
    names = {name for name in without if name.startswith("network.")}
    encoder = {name for name in names if name.startswith("network.encoder.")}
    # The norm of the first stage feeds the decoder alone.
    assert reached == {name for name in encoder if ".norm0." not in name}
    assert names - encoder


@pytest.mark.parametrize("tap", ["after-norm", "before-norm", "both"])
def test_the_norm_of_the_tap_is_reached_only_behind_it(tap):
    model = small_objective(adversarial=DOMAIN | {"tap": tap})
    without, with_mu = (gradients(model, random_batch(), mu) for mu in (0.0, 1.0))
    norm = ["network.encoder.features.0.2.weight", "network.encoder.features.0.2.bias"]
    moved = [not torch.equal(without[name], with_mu[name]) for name in norm]
    assert moved == [tap != "before-norm"] * 2


def test_frames_pass_the_patch_embedding_and_nothing_else():
    model = small_objective(adversarial=DOMAIN)
    seen = []
    network = model.network
    network.encoder.features[1].register_forward_hook(
        lambda _, inputs, __: seen.append(len(inputs[0]))
    )
    network.decoder.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0][0])))
    model(random_batch(), strength=1.0, generator=generator())
    assert seen == [4, 4]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("placement", ["stage1", "global"])
def test_frames_never_reach_the_decoder(name, placement):
    network = NETWORKS[name]
    clip_frames = 4 if name == "video_swin_upernet" else None
    model = small_objective(
        network=network, size_px=64, adversarial=DOMAIN | {"placement": placement}
    )
    seen = []
    model.network.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    batch = random_batch(size_px=64, clip_frames=clip_frames)
    losses = model(batch, strength=1.0, generator=generator())
    losses["loss"].backward()
    assert len(seen) == 1
    first = seen[0][0]
    assert len(first if isinstance(first, torch.Tensor) else first[0]) == 4
    assert all(bool(value.isfinite()) for value in losses.values())


def test_frames_leave_batch_norm_statistics_alone():
    model = small_objective(adversarial=DOMAIN)
    batch = random_batch()
    other = Part(batch.videos.pictures.flip(0) // 3)
    statistics = []
    for videos in (batch.videos, other, batch.videos):
        fresh = copy.deepcopy(model)
        torch.manual_seed(0)
        fresh(replace(batch, videos=videos), strength=1.0, generator=generator())
        statistics.append(dict(fresh.network.named_buffers()))
    assert statistics[0]
    for found in statistics[1:]:
        assert all(torch.equal(statistics[0][key], found[key]) for key in found)


@pytest.mark.parametrize("statistics", ["running", "batch", "tracked"])
def test_frames_leave_the_statistics_of_an_encoder_alone_unless_asked(statistics):
    adversarial = DOMAIN | {"placement": "stage3", "video_statistics": statistics}
    model = small_objective(network=NETWORKS["deeplabv3"], size_px=64, adversarial=adversarial)
    source_only = small_objective(network=NETWORKS["deeplabv3"], size_px=64)
    batch = random_batch(size_px=64)
    for each in (model, source_only):
        torch.manual_seed(0)
        each.train()(batch, strength=1.0, generator=generator())
    buffers = dict(source_only.network.named_buffers())
    kept = all(torch.equal(value, buffers[name]) for name, value in model.network.named_buffers())
    assert kept == (statistics != "tracked")
    assert all(module.training for module in model.network.modules())


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_frames_are_normalised_as_the_recipe_says(statistics):
    adversarial = DOMAIN | {"placement": "stage1", "video_statistics": statistics}
    model = small_objective(network=NETWORKS["deeplabv3"], size_px=64, adversarial=adversarial)
    frames = normalise(random_batch(size_px=64).videos.pictures)
    network = model.network.train()
    found = model.view.unlabelled(network, frames)
    reference = copy.deepcopy(network).train(statistics == "batch")
    expected = reference.encode(frames)["stage1"].normed
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["swin_upernet", "deeplabv3"])
def test_labelled_videos_and_images_pass_the_network_as_one_batch(name):
    model = small_objective(network=NETWORKS[name], size_px=64)
    batch = random_batch(size_px=64, labelled=True)
    seen = []
    model.network.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.manual_seed(0)
    joint = model(batch, strength=0.0, generator=generator())
    assert len(seen) == 1
    together = Part(
        torch.cat([batch.images.pictures, batch.labelled_videos.pictures]),
        torch.cat([batch.images.masks, batch.labelled_videos.masks]),
    )
    fresh = small_objective(network=NETWORKS[name], size_px=64)
    torch.manual_seed(0)
    one = fresh(
        replace(batch, images=together, labelled_videos=None), strength=0.0, generator=generator()
    )
    assert torch.equal(joint["loss"], one["loss"])


def test_images_and_labelled_clips_share_one_cross_entropy():
    model = small_objective(network=NETWORKS["video_swin_upernet"], size_px=64).eval()
    batch = random_batch(size_px=64, clip_frames=4, labelled=True)
    joint = model(batch, strength=0.0, generator=generator())["loss"]
    logits = [
        model.network(normalise(part.pictures)).flatten(0, 1)
        for part in (batch.images, batch.labelled_videos)
    ]
    masks = [part.masks.flatten(0, 1).long() for part in (batch.images, batch.labelled_videos)]
    assert logits[0].shape == (4, 3, 64, 64)
    assert logits[1].shape == (8, 3, 64, 64)
    by_hand = segmentation_loss(torch.cat(logits), torch.cat(masks), model.class_weights)
    assert joint.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_images_without_labels_serve_the_discriminator_alone():
    model = small_objective(adversarial=DOMAIN)
    batch = random_batch(labelled=True)
    batch = replace(batch, images=Part(batch.images.pictures), videos=None)
    decoded = []
    model.network.decoder.register_forward_pre_hook(lambda _, inputs: decoded.append(inputs[0]))
    losses = model(batch, strength=1.0, generator=generator())
    assert [len(maps[0]) for maps in decoded] == [2]
    assert losses["loss_adversarial"] > 0


def test_the_target_domain_is_all_videos_with_labels_or_without():
    model = small_objective(adversarial=DOMAIN)
    seen = []
    model.adversarial.register_forward_pre_hook(
        lambda _, features: seen.append([len(each) for each in features])
    )
    batch = random_batch(labelled=True)
    model(batch, strength=1.0, generator=generator())
    model(replace(batch, videos=None), strength=1.0, generator=generator())
    assert seen == [[4, 5], [4, 2]]


def test_labels_of_unlabelled_videos_would_change_nothing():
    """Even if somebody hands masks over with the videos, no loss looks at them."""
    model = small_objective(adversarial=DOMAIN)
    batch = random_batch()
    masks = torch.full((3, 32, 32), 1, dtype=torch.uint8)
    with_masks = replace(batch, videos=Part(batch.videos.pictures, masks))
    one, other = (gradients(model, each, 1.0) for each in (batch, with_masks))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_mu_on_the_loss_slows_the_discriminator_down_too():
    models = {
        where: small_objective(adversarial=DOMAIN | {"mu": 0.25, "mu_on": where})
        for where in ("reversal", "loss")
    }
    recipes = {
        where: small_recipe(adversarial=DOMAIN | {"mu": 0.25, "mu_on": where}) for where in models
    }
    found = {
        where: gradients(model, random_batch(), reversal_strength(recipes[where], 0))
        for where, model in models.items()
    }
    for name, value in found["reversal"].items():
        share = 0.25 if name.startswith("adversarial.") else 1.0
        torch.testing.assert_close(found["loss"][name], share * value)


def test_the_auxiliary_head_adds_its_share_of_the_cross_entropy():
    network = NETWORKS["swin_upernet"] | {"auxiliary": True, "drop_path_rate": 0.0}
    plain, weighted = (
        small_objective(network=network, auxiliary_weight=weight).eval() for weight in (0.0, 0.5)
    )
    none, some = (
        model(random_batch(), strength=0.0, generator=generator()) for model in (plain, weighted)
    )
    assert none["loss"] == none["loss_segmentation"] == some["loss_segmentation"]
    assert some["loss"] == some["loss_segmentation"] + some["loss_auxiliary"]
    assert some["loss_auxiliary"].item() == pytest.approx(0.5 * math.log(3), rel=0.05)


def test_padding_of_image_clips_reaches_no_loss():
    """An image is frame 0 of a clip: the other frames are in no cross-entropy and no cluster."""
    network = NETWORKS["video_swin_upernet"]
    model = small_objective(
        network=network, size_px=64, adversarial=DOMAIN | {"placement": "stage1"}
    )
    seen = []
    model.adversarial.register_forward_pre_hook(
        lambda _, features: seen.append([tuple(each.shape) for each in features])
    )
    batch = random_batch(size_px=64, clip_frames=4)
    model(batch, strength=1.0, generator=generator())
    assert seen == [[(4, 1, 16, 16, 16), (3, 4, 16, 16, 16)]]


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
    take_step(model, build_optimizations(model, recipe), batch, strength=mu)
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, expected[name], atol=1e-9, rtol=0), name


def minimax_step(model, batch, mu, rate):
    """Return the parameters after one step, without any gradient reversal."""
    doubled(model)
    model.train()
    network, discriminator = model.network, model.adversarial.discriminator
    levels = network.encode(normalise(batch.images.pictures))
    source = levels["patch"].normed
    target = network.encode(normalise(batch.videos.pictures))["patch"].normed
    logits = network.decode(levels, (32, 32))
    masks = batch.images.masks.long()
    labelled = masks != 255
    picked = logits.log_softmax(1).gather(1, masks.where(labelled, 0)[:, None])[:, 0]
    weight = model.class_weights[masks.where(labelled, 0)] * labelled
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
    model.network.encoder.features[0][0].register_forward_pre_hook(lambda _, args: args[0].double())


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


def test_cross_entropy_of_half_precision_is_summed_in_32_bits():
    logits = torch.zeros(8, 2, 256, 256, dtype=torch.float16)
    loss = segmentation_loss(logits, torch.zeros(8, 256, 256, dtype=torch.int64), torch.ones(2))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(2), abs=1e-4)


def test_segmentation_loss_equals_numpys():
    generator = np.random.default_rng(3)
    logits = generator.normal(size=(2, 5, 6, 7)).astype(np.float32)
    masks = generator.integers(0, 5, (2, 6, 7))
    masks[generator.random((2, 6, 7)) < 0.3] = 255
    weights = generator.uniform(0.2, 3, 5).astype(np.float32)
    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    frame, row, column = np.nonzero(masks != 255)
    truth = masks[frame, row, column]
    picked = log_p[frame, truth, row, column]
    expected = -(weights[truth] * picked).sum() / weights[truth].sum()
    found = segmentation_loss(*map(torch.from_numpy, (logits, masks, weights)))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_padding_would_give_the_domain_away_and_left_out_it_does_not():
    """With 3 of 4 frames of an image constant, a token's discriminator can reach 7/8."""
    recipe = small_recipe(network=NETWORKS["video_swin_upernet"], size_px=64)
    network = build_network(recipe, 3).eval()
    given_away, left_out = (accuracy_on_noise(network, padded) for padded in (True, False))
    assert given_away > 0.85
    assert left_out < 0.6


def accuracy_on_noise(network, padded):
    """Return how well a discriminator tells stills from clips of the same noise."""
    numbers = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    loss = DomainLoss(TokenDiscriminator(16))
    optimizer = torch.optim.Adam(loss.parameters(), 1e-2)
    for _ in range(60):
        still, clip = (torch.randn(2, frames, 3, 64, 64, generator=numbers) for frames in (1, 4))
        if padded:
            still = torch.cat([still, torch.zeros(2, 3, 3, 64, 64)], dim=1)
        with torch.no_grad():
            source, target = (
                network.encode(x, until="patch")["patch"].normed for x in (still, clip)
            )
        optimizer.zero_grad()
        terms = loss(source, target, strength=0.0)
        terms.loss.backward()
        optimizer.step()
    return (terms.accuracy_source + terms.accuracy_target).item() / 2


def test_padding_is_in_no_cluster():
    network = NETWORKS["video_swin_upernet"]
    adversarial = CLUSTERED | {"placement": "stage1"}
    model = small_objective(network=network, size_px=64, adversarial=adversarial)
    seen = []
    model.adversarial.register_forward_pre_hook(
        lambda _, features: seen.append([each[..., 0].numel() for each in features])
    )
    model(random_batch(size_px=64, clip_frames=4), strength=1.0, generator=generator())
    assert seen == [[4 * 1 * 16 * 16, 3 * 4 * 16 * 16]]


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_two_images_are_learnt_by_heart_beside_an_adversary(loss):
    fast = {"name": "adamw", "learning_rate": 3e-3, "schedule": "constant"}
    recipe = small_recipe(adversarial=loss, optimizer=fast, steps=300)
    model = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
    optimizations = build_optimizations(model, recipe)
    masks = torch.zeros(2, 32, 32, dtype=torch.uint8)
    masks[:, :, 16:] = 1
    masks[:1, 16:] = 2
    batch = random_batch()
    batch = replace(
        batch,
        images=Part(batch.images.pictures[:2], masks),
        videos=Part(batch.videos.pictures[:2]),
    )
    for step in range(300):
        torch.manual_seed(step)
        numbers = torch.Generator().manual_seed(step)
        losses = take_step(model, optimizations, batch, step, generator=numbers)
    assert losses["loss_segmentation"] < 0.05
    with torch.inference_mode():
        predicted = model.network.eval()(normalise(batch.images.pictures)).argmax(1)
    confusion = sum(
        confusion_matrix(truth.numpy(), found.numpy().astype(np.uint8), 3)
        for truth, found in zip(masks, predicted, strict=True)
    )
    assert mean_iou(class_iou(confusion)) > 0.95


@pytest.mark.parametrize("placement", ["patch", "stage2", "global"])
@pytest.mark.parametrize("adversarial", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_features_of_both_sides_lie_side_by_side(adversarial, placement):
    if adversarial is CLUSTERED and placement == "global":
        adversarial = CLUSTERED | {"clusters": 2}  # of few frames
    model = small_objective(adversarial=adversarial | {"placement": placement, "tap": "both"})
    batch = random_batch()
    network = model.network.eval()  # no path is dropped
    sides = {}
    for side in ("before-norm", "after-norm", "both"):
        view = replace(model.view, side=side)
        sides[side] = view.unlabelled(network, normalise(batch.videos.pictures))
    width = network.taps[model.view.tap].channels
    before, after = sides["both"].unflatten(-1, (-1, 2, width)).unbind(-2)
    assert torch.equal(before.flatten(-2), sides["before-norm"])
    assert torch.equal(after.flatten(-2), sides["after-norm"])
    assert gradients(model, batch, 1.0)
