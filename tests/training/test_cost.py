"""What recipes cost, against sums by hand and against real steps with real numbers."""

import copy

import pytest
import torch
from torch import nn

from tests.training.small import CLUSTERED, DOMAIN, NETWORKS, random_batch, small_recipe
from vsda.errors import UsageError
from vsda.models.cost import count
from vsda.training import cost as training_cost
from vsda.training.build import build_network, build_objective
from vsda.training.class_weights import ClassWeights
from vsda.training.cost import recipe_cost, recipe_costs
from vsda.training.terms import Guidance

TEACHER = {"loss": "teacher", "mix": "classes"}
ADVERSARIAL = {
    "tokens": DOMAIN,
    "deep": DOMAIN | {"placement": "stage2", "tap": "before-norm"},
    "frames": DOMAIN | {"placement": "global"},
    "conv": DOMAIN | {"placement": "global", "discriminator": "conv", "conv_channels": 4},
    "clustered": CLUSTERED,
    "clustered-deep": CLUSTERED | {"placement": "stage2"},
}


def recipe_of(network="swin_upernet", adversarial=None, **settings):
    if adversarial is not None:
        adversarial = (
            {"placement": "stage1"} | adversarial if network == "deeplabv3" else adversarial
        )
        settings["adversarial"] = adversarial
    return small_recipe(network=NETWORKS[network], **settings)


@pytest.mark.parametrize(
    ("network", "adversarial"),
    [
        *(("swin_upernet", adversarial) for adversarial in ADVERSARIAL),
        ("video_swin_upernet", "clustered"),
        ("deeplabv3", "conv"),
        ("timm_upernet", "frames"),
    ],
)
def test_an_adversarial_loss_adds_nothing_to_a_prediction(network, adversarial):
    found = recipe_cost(recipe_of(network, ADVERSARIAL[adversarial]))
    assert found.added_to_prediction == 0
    assert found.discriminator_parameters > 0
    assert found.step.discriminator > 0


def test_what_is_added_to_a_prediction_is_counted_and_not_asserted(monkeypatch):
    class Meddled(nn.Module):
        """A network that asks the discriminator whenever it predicts."""

        def __init__(self, network, discriminator):
            super().__init__()
            self.network, self.discriminator = network, discriminator.to("meta")
            self.clip_frames, self.num_classes = None, 3

        def forward(self, pictures):
            self.discriminator(self.network.encode(pictures, until="patch")["patch"].normed)
            return self.network(pictures)

    def meddle(*arguments):
        objective = build_objective(*arguments)
        if objective.adversarial is not None:
            objective.network = Meddled(objective.network, objective.adversarial.discriminator)
        return objective

    monkeypatch.setattr(training_cost, "build_objective", meddle)
    monkeypatch.setattr(training_cost, "_step_cost", lambda *_: None)
    patches = 8 * 8 * (4 * 4 * 3 * 16)
    discriminator = 8 * 8 * (16 * 16 + 16 * 1)
    found = recipe_cost(recipe_of(adversarial=DOMAIN))
    assert found.added_to_prediction == patches + discriminator


def test_a_step_is_the_sum_worked_out_by_hand():
    found = recipe_cost(recipe_of(adversarial=DOMAIN))
    tokens = 8 * 8  # of 32 pixels in patches of 4
    assert found.step.segmentation == 4 * found.network.total
    assert found.step.unlabelled == 3 * tokens * (4 * 4 * 3 * 16)
    assert found.step.discriminator == (4 + 3) * tokens * (16 * 16 + 16 * 1)
    assert found.step.clustering == 0
    assert found.step.added == found.step.unlabelled + found.step.discriminator
    assert found.discriminator == "TokenDiscriminator"
    assert found.discriminator_parameters == 16 * 16 + 16 + 16 + 1


def test_unlabelled_frames_cost_the_encoder_as_deep_as_the_placement():
    for placement in ("patch", "stage1", "stage2", "global"):
        found = recipe_cost(recipe_of(adversarial=DOMAIN | {"placement": placement}))
        assert found.step.unlabelled == 3 * found.placements[placement].encoder


def test_pairs_and_clusters_are_the_sum_worked_out_by_hand():
    found = recipe_cost(recipe_of(adversarial=CLUSTERED | {"kmeans_iterations": 2}))
    tokens, clusters, channels = (4 + 3) * 8 * 8, 3, 16
    assert found.step.discriminator == 64 * (2 * channels * 16 + 16 * 1)
    # Each iteration assigns the tokens and sums them up; then they are assigned once more.
    assert found.step.clustering == (2 * 2 + 1) * tokens * clusters * channels


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("swin_upernet", {"adversarial": DOMAIN}),
        ("swin_upernet", {"adversarial": CLUSTERED | {"placement": "stage1"}}),
        ("swin_upernet", {"labelled_videos": ("x",), "batch_labelled_videos": 2}),
        ("video_swin_upernet", {"adversarial": CLUSTERED}),
        ("video_swin_upernet", {"adversarial": DOMAIN, "labelled_videos": ("x",)}),
        ("deeplabv3", {"adversarial": DOMAIN | {"placement": "global", "discriminator": "conv"}}),
        ("swin_upernet", {"network": NETWORKS["swin_upernet"] | {"auxiliary": True}}),
        ("swin_upernet", {"adversarial": CLUSTERED, "unlabelled": {"loss": "entropy"}}),
        ("video_swin_upernet", {"unlabelled": TEACHER | {"consistency": 1.0}}),
    ],
)
def test_a_step_without_values_costs_what_a_real_one_does(network, settings):
    recipe = small_recipe(**{"network": NETWORKS[network]} | settings)
    weights = ClassWeights(values=(1.0,) * 3, source="none", sets=(), uses_target_labels=False)
    objective = build_objective(build_network(recipe, 3), recipe, weights)
    batch = random_batch(clip_frames=recipe.clip_frames, labelled=bool(recipe.labelled_videos))
    generator = torch.Generator().manual_seed(0)
    teacher = copy.deepcopy(objective.network).eval()
    guidance = Guidance(weight=1.0, generator=generator, teacher=teacher)
    for _ in range(2):  # the first step of a clustered loss has the seeding on top
        _, real = count(
            lambda: objective(batch, strength=1.0, generator=generator, guidance=guidance)
        )
    step = recipe_cost(recipe).step
    assert step.segmentation + step.added == real["Objective"]
    assert step.discriminator == real.get("Objective.adversarial.discriminator", 0)


def test_learning_from_frames_costs_a_pass_of_the_network_for_each_who_looks():
    """Turned colours and blur cost multiply-adds, too."""
    found = recipe_cost(recipe_of(unlabelled=TEACHER | {"blur_px": 0.0, "hue": 0.0}))
    assert found.step.segmentation == 4 * found.network.total
    assert found.step.unlabelled == found.step.teacher == 3 * found.network.total
    assert found.step.added == 6 * found.network.total
    assert found.added_to_prediction == 0


def test_placements_have_the_tokens_and_channels_of_the_features():
    found = recipe_cost(recipe_of("video_swin_upernet", size_px=64))
    at = {name: (place.tokens, place.channels) for name, place in found.placements.items()}
    assert at == {
        "patch": (4 * 16 * 16, 16),
        "stage1": (4 * 16 * 16, 16),
        "stage2": (4 * 8 * 8, 32),
        "global": (4, 8 * 8 * 32),
    }
    assert found.placements["global"].encoder == found.network.encoder


def test_a_run_without_an_adversarial_loss_has_no_discriminator():
    found = recipe_cost(recipe_of())
    assert (found.discriminator, found.discriminator_parameters) == (None, 0)
    assert found.step.added == 0


def test_images_without_labels_go_only_as_deep_as_the_discriminator():
    labelled_videos = {"labelled_videos": ("x",), "videos": (), "batch_labelled_videos": 2}
    found = recipe_cost(recipe_of(adversarial=DOMAIN, image_labels=False, **labelled_videos))
    assert found.step.segmentation == 2 * found.network.total
    assert found.step.unlabelled == 4 * found.placements["patch"].encoder


def test_recipes_that_differ_in_their_sets_alone_are_counted_once(monkeypatch):
    counted = []

    def once(recipe):
        counted.append(recipe)
        return recipe.size_px

    monkeypatch.setattr(training_cost, "recipe_cost", once)
    recipes = {
        "a": recipe_of(),
        "b": recipe_of(videos=("other",), seed=3, steps=7),
        "c": recipe_of(size_px=64),
        "d": recipe_of(labelled_videos=("x",)),
    }
    assert dict(recipe_costs(recipes)) == {"a": 32, "b": 32, "c": 64, "d": 32}
    assert len(counted) == 3


def test_a_placement_that_the_network_lacks_is_told():
    with pytest.raises(UsageError, match="placement 'stage4': this network has patch, stage1, st"):
        recipe_cost(recipe_of(adversarial=DOMAIN | {"placement": "stage4"}))
