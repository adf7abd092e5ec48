"""Steps in pieces, steps that are left out, and mixed precision."""

import pytest
import torch

from tests.training.small import (
    CLUSTERED,
    DOMAIN,
    FABRIC,
    NETWORKS,
    WEIGHTS,
    random_batch,
    small_recipe,
)
from vsda.stream.domains import Batch, Part
from vsda.training.build import build_network, build_objective
from vsda.training.learner import Learner
from vsda.training.optimization import build_optimizations
from vsda.training.precision import MixedPrecision
from vsda.training.step import StepControl, Stepper

CPU = torch.device("cpu")
STILL = {"drop_path_rate": 0.0}
"""Nothing random in the encoder."""
MOMENTUM = {"name": "momentum", "learning_rate": 0.01, "schedule": "constant"}


def made(precision="32", **settings):
    """Return an objective and what does its steps."""
    recipe = small_recipe(**{"network": NETWORKS["swin_upernet"] | STILL} | settings)
    model = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
    model.network.decoder.dropout.p = 0.0
    optimizations = build_optimizations(model, recipe)
    return model, Stepper(FABRIC, model, optimizations, MixedPrecision(precision, CPU))


def control(step=0, **settings):
    generator = torch.Generator().manual_seed(step)
    return StepControl(**{"step": step, "strength": 1.0, "generator": generator} | settings)


def even_batch(seed=0):
    """Return 4 images, half of them almost without labels, and 4 frames."""
    batch = random_batch(seed)
    masks = batch.images.masks.clone()
    masks[:2, 3:] = 255
    frames = torch.cat([batch.videos.pictures, batch.videos.pictures[:1]])
    return Batch(images=Part(batch.images.pictures, masks), videos=Part(frames))


def gradients(model):
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradients_of_two_pieces_are_those_of_the_whole_batch(reduction):
    """But for batch normalisation, which is frozen here: it sees one piece at a time."""
    found = {}
    for pieces in (1, 2):
        model, stepper = made(adversarial=DOMAIN | {"reduction": reduction}, optimizer=MOMENTUM)
        model.eval()
        model.train = lambda mode=True, model=model: model  # stays in evaluation mode
        result = stepper.step(even_batch(), control(pieces=pieces))
        found[pieces] = gradients(model), result.numbers
    error = 1e-6 if reduction == "mean" else 1e-4
    for name, whole in found[1][0].items():
        torch.testing.assert_close(found[2][0][name], whole, rtol=0, atol=error, msg=name)
    for name, value in found[1][1].items():
        torch.testing.assert_close(found[2][1][name], value, msg=name)


def poisoned(batch):
    """Return the batch with one pixel of a frame that is infinite."""
    pictures = batch.videos.pictures.float()
    pictures[0, 0, 0, 0] = torch.inf
    return Batch(images=batch.images, videos=Part(pictures))


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_a_step_that_is_not_finite_changes_nothing_and_the_next_goes_on(loss):
    model, stepper = made(adversarial=loss | {"video_statistics": "tracked"})
    stepper.step(even_batch(), control())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert not stepper.step(poisoned(even_batch(1)), control(1)).was_done
    for name, value in before.items():
        assert torch.equal(value, model.state_dict()[name]), name
    assert stepper.step(even_batch(2), control(2)).was_done
    assert not torch.equal(
        before["network.decoder.conv_seg.weight"],
        model.state_dict()["network.decoder.conv_seg.weight"],
    )


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize(
    "loss", [DOMAIN | {"reduction": "sum"}, CLUSTERED], ids=["sum", "clustered"]
)
def test_fifty_steps_in_16_bits_stay_finite_and_learn_as_in_32(precision, loss):
    adam = {"name": "adamw", "learning_rate": 0.003, "schedule": "constant"}
    strength = 1e-3 if loss.get("reduction") == "sum" else 1.0
    last = {}
    for kind in ("32", precision):
        model, stepper = made(kind, adversarial=loss, optimizer=adam)
        steps = [stepper.step(even_batch(), control(step, strength=strength)) for step in range(50)]
        done = [step.numbers["loss_segmentation"] for step in steps if step.was_done]
        assert len(done) >= 40  # the scale is halved until the summed loss fits
        assert all(loss.isfinite() for loss in done)
        assert done[-1] < 0.95 * done[0]
        last[kind] = float(done[-1])
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert last[precision] == pytest.approx(last["32"], rel=0.1)


def test_the_scale_of_16_bits_is_halved_once_by_an_overflow_and_serves_both_players():
    model, stepper = made("16-mixed", adversarial=DOMAIN)
    precision = stepper._precision
    before = precision.loss_scale
    assert not stepper.step(poisoned(even_batch()), control()).was_done
    assert precision.loss_scale == before / 2
    result = stepper.step(even_batch(1), control(1))
    assert result.was_done
    # What is logged and clipped is the gradient itself, not the scaled one.
    assert result.numbers["gradient_norm"] < 1e3
    assert precision.state_dict()["scale"] == before / 2
    assert all(each.isfinite().all() for each in gradients(model).values())


def test_losses_are_the_same_in_16_bits_to_two_digits():
    numbers = {}
    for precision in ("32", "bf16-mixed", "16-mixed"):
        _, stepper = made(precision, adversarial=DOMAIN)
        numbers[precision] = stepper.step(even_batch(), control()).numbers
    for name in ("loss_segmentation", "loss_adversarial", "gradient_norm"):
        for precision in ("bf16-mixed", "16-mixed"):
            value = float(numbers[precision][name])
            assert value == pytest.approx(float(numbers["32"][name]), rel=0.02), (name, precision)
            assert value != float(numbers["32"][name])


def test_gradient_norms_are_those_of_all_gradients_of_a_player():
    model, stepper = made(adversarial=DOMAIN)
    numbers = stepper.step(even_batch(), control()).numbers
    for name, module in (
        ("gradient_norm", model.network),
        ("discriminator_gradient_norm", model.adversarial),
    ):
        squares = [p.grad.square().sum() for p in module.parameters() if p.grad is not None]
        assert float(numbers[name]) == pytest.approx(float(torch.stack(squares).sum().sqrt()))


def test_the_average_of_the_weights_passes_over_a_step_that_is_not_finite():
    recipe = small_recipe(ema_decay=0.9, adversarial=DOMAIN, optimizer=MOMENTUM)
    learner = Learner(recipe, WEIGHTS, FABRIC)
    for step in range(3):
        assert learner.step(even_batch(step), step).was_done
    before = {name: value.clone() for name, value in learner.judged.state_dict().items()}
    assert not learner.step(poisoned(even_batch(3)), 3).was_done
    for name, value in before.items():
        assert torch.equal(value, learner.judged.state_dict()[name]), name
    assert learner.step(even_batch(4), 4).was_done
    changed = learner.judged.state_dict()
    assert any(not torch.equal(value, changed[name]) for name, value in before.items())


def test_clusters_are_seeded_anew_after_a_first_step_that_was_left_out():
    model, stepper = made(adversarial=CLUSTERED)
    assert not stepper.step(poisoned(even_batch()), control()).was_done
    fresh, other = made(adversarial=CLUSTERED)
    found = [each.step(even_batch(1), control(1)).numbers for each in (stepper, other)]
    assert model.adversarial.centroids.abs().sum() > 0
    assert torch.equal(model.adversarial.centroids, fresh.adversarial.centroids)
    assert found[0]["num_valid_clusters"] == found[1]["num_valid_clusters"]


def test_both_measures_are_taken_in_16_bits_too():
    numbers = {}
    for precision in ("32", "16-mixed"):
        _, stepper = made(precision, adversarial=DOMAIN)
        numbers[precision] = stepper.step(even_batch(), control(measure=True)).numbers
    ratio, miou = "gradient_ratio", "train_miou"
    assert float(numbers["16-mixed"][ratio]) == pytest.approx(float(numbers["32"][ratio]), rel=0.05)
    assert 0 <= numbers["16-mixed"][miou] <= 1
