"""Unlabelled frames in the objective and in steps: what reaches what, and what stays as it was."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from tests.training.small import (
    CLUSTERED,
    DOMAIN,
    FABRIC,
    NETWORKS,
    WEIGHTS,
    random_batch,
    small_objective,
    small_recipe,
)
from vsda.errors import RecipeError
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.training.average import WeightAverage
from vsda.training.checkpoint import Checkpoint
from vsda.training.learner import Learner
from vsda.training.ramp import unlabelled_weight
from vsda.training.terms import Guidance

ENTROPY = {"loss": "entropy"}
TEACHER = {"loss": "teacher", "confidence": 0.4, "mix": "classes"}
LOSSES = pytest.mark.parametrize("loss", [ENTROPY, TEACHER], ids=["entropy", "teacher"])
ADAM = {"name": "adamw", "learning_rate": 0.01, "schedule": "constant"}


def even_batch(seed=0):
    """Return 4 images and 4 frames."""
    batch = random_batch(seed)
    frames = torch.cat([batch.videos.pictures, batch.videos.pictures[:1].flip(-1)])
    return replace(batch, videos=replace(batch.videos, pictures=frames))


def trained(num_steps=3, **settings):
    """Return what learnt for some steps, and the numbers of the last one."""
    learner = Learner(small_recipe(optimizer=ADAM, **settings), WEIGHTS, FABRIC)
    learner.begin()
    for step in range(num_steps):
        result = learner.step(even_batch(step), step)
        assert result.was_done
    return learner, result.numbers


def same_weights(one, other):
    states = [learner.state() for learner in (one, other)]
    return all(
        torch.equal(value, states[1][part][name])
        for part in ("network", "adversarial")
        for name, value in states[0][part].items()
    )


@LOSSES
@pytest.mark.parametrize("adversarial", [{}, CLUSTERED | {"placement": "stage1"}], ids=str)
@pytest.mark.parametrize("never", [{"weight": 0.0}, {"start_step": 3}], ids=["0", "later"])
def test_weight_0_equals_a_run_without_bit_for_bit(loss, adversarial, never):
    settings = {"adversarial": adversarial, "accumulate": 2}
    without, _ = trained(2, **settings)
    weightless, numbers = trained(2, **settings, unlabelled=loss | never)
    assert same_weights(without, weightless)
    assert "loss_unlabelled" not in numbers


@LOSSES
def test_labelled_pictures_and_the_adversary_meet_the_same_random_numbers(loss):
    """In the first step all weights are the same, so their losses are, too."""
    _, without = trained(1, adversarial=CLUSTERED | {"placement": "stage1"})
    _, beside = trained(1, adversarial=CLUSTERED | {"placement": "stage1"}, unlabelled=loss)
    for name in ("loss_segmentation", "loss_adversarial"):
        assert without[name] == beside[name], name


@LOSSES
def test_a_step_follows_from_seed_and_number(loss):
    one, other = (trained(2, unlabelled=loss)[0] for _ in range(2))
    assert same_weights(one, other)
    seeded, _ = trained(2, unlabelled=loss, seed=1)
    assert not same_weights(one, seeded)


@LOSSES
def test_the_loss_is_the_weighted_sum_of_its_parts(loss):
    _, numbers = trained(1, unlabelled=loss | {"weight": 0.3})
    total = numbers["loss_segmentation"] + 0.3 * numbers["loss_unlabelled"]
    assert numbers["loss"].item() == pytest.approx(total.item(), rel=1e-6)
    assert numbers["loss_unlabelled"] > 0


def test_entropy_falls_where_it_is_descended_on():
    settings = {"unlabelled": ENTROPY, "optimizer": ADAM}
    learner = Learner(small_recipe(**settings), WEIGHTS, FABRIC)
    batch = even_batch()
    found = [learner.step(batch, step).numbers["loss_unlabelled"].item() for step in range(12)]
    assert found[-1] < 0.7 * found[0]
    assert all(map(math.isfinite, found))


def test_the_student_learns_what_its_teacher_says():
    """A fixed teacher, frames of noise: the student's answers become the teacher's."""
    model = small_objective(
        network=NETWORKS["swin_upernet"] | {"drop_path_rate": 0.0},
        unlabelled={"loss": "teacher", "confidence": 0.0},
    )
    teacher = copy.deepcopy(model.network).eval()
    with torch.no_grad():  # one that answers otherwise
        teacher.decoder.conv_seg.bias.add_(torch.tensor([-1.0, 0.0, 1.0]))
    optimizer = torch.optim.Adam(model.network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    guidance = Guidance(weight=1.0, generator=generator, teacher=teacher)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        found = model(even_batch(), strength=0.0, generator=generator, guidance=guidance)
        found["loss"].backward()
        optimizer.step()
        losses.append(found["loss_unlabelled"].item())
    assert losses[-1] < 0.3 * losses[0]


def test_frames_are_encoded_once_where_both_losses_look_at_the_same():
    seen = []
    for unlabelled in (ENTROPY, ENTROPY | {"statistics": "batch"}, TEACHER):
        model = small_objective(adversarial=DOMAIN, unlabelled=unlabelled)
        teacher = copy.deepcopy(model.network).eval()
        generator = torch.Generator().manual_seed(0)
        counted = []
        model.network.encoder.features[0][0].register_forward_hook(
            lambda _, inputs, __, counted=counted: counted.append(len(inputs[0]))
        )
        guidance = Guidance(weight=1.0, generator=generator, teacher=teacher)
        model(random_batch(), strength=1.0, generator=generator, guidance=guidance)
        seen.append(counted)
    assert seen == [[4, 3], [4, 3, 3], [4, 3, 3]]


@pytest.mark.parametrize("placement", ["patch", "global"])
def test_what_is_shared_gives_the_adversary_what_it_would_see_alone(placement):
    network = NETWORKS["swin_upernet"] | {"drop_path_rate": 0.0}
    adversarial = CLUSTERED | {"placement": placement, "clusters": 2}
    _, alone = trained(1, network=network, adversarial=adversarial)
    _, both = trained(1, network=network, adversarial=adversarial, unlabelled=ENTROPY)
    for name in ("loss_adversarial", "accuracy_same", "accuracy_cross"):
        torch.testing.assert_close(both[name], alone[name], equal_nan=True)


def test_labels_of_frames_would_change_nothing():
    """Even if somebody hands masks over with the videos, no loss looks at them."""
    states = []
    for has_masks in (False, True):
        learner = Learner(small_recipe(unlabelled=TEACHER), WEIGHTS, FABRIC)
        batch = even_batch()
        if has_masks:
            masks = torch.ones(4, 32, 32, dtype=torch.uint8)
            batch = replace(batch, videos=replace(batch.videos, masks=masks))
        learner.step(batch, 0)
        states.append(learner)
    assert same_weights(*states)


@LOSSES
def test_gradients_of_two_pieces_are_those_of_the_whole_batch(loss):
    """With equal class weights and nothing random: the teacher's mean is over weighted pixels."""
    still = dict.fromkeys(("brightness", "contrast", "saturation", "hue", "blur_px", "noise"), 0.0)
    found = {}
    for pieces in (1, 2):
        recipe = small_recipe(
            network=NETWORKS["swin_upernet"] | {"drop_path_rate": 0.0},
            unlabelled=loss | still | {"mix": "none"},
            accumulate=pieces,
        )
        learner = Learner(recipe, replace(WEIGHTS, values=(1.0, 1.0, 1.0)), FABRIC)
        model = learner.objective.eval()
        model.train = lambda mode=True, model=model: model  # one mean and deviation for all
        numbers = learner.step(even_batch(), 0).numbers
        gradients = {name: each.grad for name, each in model.named_parameters()}
        found[pieces] = numbers, gradients
    for name, value in found[1][0].items():
        torch.testing.assert_close(found[2][0][name], value, msg=name)
    for name, value in found[1][1].items():
        torch.testing.assert_close(found[2][1][name], value, rtol=0, atol=1e-6, msg=name)


def test_the_teacher_begins_as_the_network_and_follows_it():
    recipe = small_recipe(unlabelled=TEACHER | {"decay": 0.5}, optimizer=ADAM)
    learner = Learner(recipe, WEIGHTS, FABRIC)
    with torch.no_grad():  # as initial weights are, after everything was built
        for parameter in learner.network.parameters():
            parameter.add_(0.01)
    learner.begin()
    for name, value in learner.network.state_dict().items():
        assert torch.equal(value, learner.state()["teacher"][name]), name
    by_hand = WeightAverage(learner.network, 0.5)
    for step in range(3):
        learner.step(even_batch(step), step)
        by_hand.update(learner.network, step + 1)
    for name, value in by_hand.state_dict().items():
        assert torch.equal(value, learner.state()["teacher"][name]), name
    assert learner.judged is learner.network


def test_a_teacher_goes_on_from_a_checkpoint():
    settings = {"unlabelled": TEACHER | {"decay": 0.9}}
    whole, _ = trained(3, **settings)
    begun, _ = trained(2, **settings)
    kept = Checkpoint(
        step=2, recipe={}, inputs={}, meter={}, counted={}, **copy.deepcopy(begun.state())
    )
    resumed = Learner(small_recipe(optimizer=ADAM, **settings), WEIGHTS, FABRIC)
    resumed.load(kept)
    resumed.step(even_batch(2), 2)
    assert same_weights(whole, resumed)
    for name, value in whole.state()["teacher"].items():
        assert torch.equal(value, resumed.state()["teacher"][name]), name


def test_the_teacher_is_no_part_of_what_is_optimised_or_wrapped():
    learner, _ = trained(1, unlabelled=TEACHER)
    trainable = {id(each) for each in learner.objective.parameters()}
    assert trainable == {id(each) for each in learner.network.parameters()}
    assert not any("teacher" in name for name in learner.objective.state_dict())


@LOSSES
def test_a_step_that_is_not_finite_leaves_network_and_teacher_whole(loss):
    learner, _ = trained(2, unlabelled=loss | {"statistics": "tracked"})
    state = learner.state()
    before = copy.deepcopy({part: state[part] for part in ("network", "teacher")})
    batch = even_batch(2)
    pictures = batch.images.pictures.float()
    pictures[0, 0, 0, 0] = torch.inf
    broken = replace(batch, images=replace(batch.images, pictures=pictures))
    assert not learner.step(broken, 2).was_done
    for part, kept in before.items():
        for name, value in kept.items():
            assert torch.equal(value, learner.state()[part][name]), (part, name)
    assert learner.step(batch, 3).was_done


def test_the_weight_starts_when_it_should_and_rises_evenly():
    recipe = small_recipe(unlabelled=ENTROPY | {"weight": 2.0, "start_step": 3, "ramp_steps": 4})
    found = [unlabelled_weight(recipe, step) for step in range(9)]
    assert found == [0, 0, 0, 0.5, 1, 1.5, 2, 2, 2]
    at_once = small_recipe(unlabelled=ENTROPY)
    assert unlabelled_weight(at_once, 0) == 1
    assert unlabelled_weight(small_recipe(), 5) == 0


def test_learning_from_frames_reads_videos_and_decides_the_weights():
    recipe = small_recipe(unlabelled=ENTROPY)
    assert recipe.uses_videos
    assert recipe.needs_videos
    assert not small_recipe().uses_videos
    assert recipe.deciding()["unlabelled"]["loss"] == "entropy"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"unlabelled": ENTROPY, "videos": ()}, "unlabelled.loss = entropy learns from frames"),
        ({"unlabelled": {"consistency": 1.0}}, "unlabelled.consistency compares neighbours"),
        ({"unlabelled": {"loss": "tutor"}}, "teacher"),
        ({"unlabelled": {"decay": 1.0}}, "decay"),
    ],
)
def test_what_cannot_be_is_refused_in_words(settings, said):
    with pytest.raises(RecipeError, match=said):
        check(TrainRecipe, settings, "a recipe")
