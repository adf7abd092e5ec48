"""The benchmark of the clustered loss gives numbers that belong together; how large is no test."""

import pytest
import torch
from lightning_fabric import Fabric

from tests.training.small import CLUSTERED, small_recipe
from vsda.adversarial.kmeans import FIT_TOKENS
from vsda.bench.cluster import Sizes, measure
from vsda.bench.cluster_arms import LOSSES, Arm, num_classes_of
from vsda.bench.cluster_term import DOMAIN, REST, WHOLE, clustered_parts, rest
from vsda.bench.made_up import made_up_batch
from vsda.errors import UnknownNameError, VsdaError

NUM_ROUNDS = 2
SMALL = """
classes = "person,dog"
size_px = 32
batch_images = 3
batch_videos = 2
[network]
embed_dim = 16
depths = [1, 1]
num_heads = [2, 4]
window_size = 4
decoder_channels = 16
[adversarial]
pairs = 64
hidden = [16]
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(SMALL)
    return str(path)


@pytest.fixture(scope="module")
def bench(recipe):
    return measure([recipe], Sizes(num_rounds=NUM_ROUNDS))


@pytest.fixture(scope="module")
def result(bench):
    (found,) = bench.settings
    return found


@pytest.fixture
def arms(fabric):
    recipe = small_recipe(adversarial=CLUSTERED)
    batches = [made_up_batch(recipe, num_classes_of(recipe), number) for number in range(2)]
    return {loss: Arm(recipe, loss, batches, fabric) for loss in LOSSES}


@pytest.fixture(scope="module")
def fabric():
    return Fabric(accelerator="cpu", devices=1)


def test_setting_stands_beside_the_figures(result):
    setting = result.setting
    assert (setting.network, setting.size_px) == ("swin_upernet", 32)
    assert (setting.batch_images, setting.batch_videos) == (3, 2)
    # (32 / 4)^2 tokens of 16 channels for each of five pictures; two classes and the background.
    assert (setting.num_tokens, setting.num_channels) == (5 * 64, 16)
    assert (setting.num_clusters, setting.num_pairs, setting.kmeans_iterations) == (3, 64, 5)
    assert setting.fit_tokens == FIT_TOKENS
    assert (setting.placement, setting.num_rounds) == ("patch", NUM_ROUNDS)
    assert setting.num_parameters > 1000


def test_machine_stands_beside_the_figures(bench):
    assert bench.machine.torch_version == torch.__version__
    assert bench.machine.num_threads == torch.get_num_threads()
    assert bench.machine.num_cores >= 1


def test_ratios_are_the_quotients_of_the_medians(result):
    none, domain, clustered = (result.steps[loss].median_ms for loss in LOSSES)
    assert result.clustered_to_domain.of_medians == pytest.approx(clustered / domain)
    assert result.domain_to_none.of_medians == pytest.approx(domain / none)


def test_every_measurement_has_the_rounds(result):
    timings = [*result.steps.values(), *(part.took for part in result.parts)]
    timings += [row.took for row in result.kmeans]
    assert {took.num_rounds for took in timings} == {NUM_ROUNDS}


def test_parts_are_shares_of_the_clustered_step(result):
    step_ms = result.steps["clustered"].median_ms
    names = [part.name for part in result.parts]
    assert (names[0], names[-2:]) == (WHOLE, [REST, DOMAIN])
    for part in result.parts:
        assert part.share_of_step == pytest.approx(part.took.median_ms / step_ms)


def test_rest_is_the_term_without_its_parts():
    rounds = {
        "clustered term": [10.0, 20.0],
        "k-means": [4.0, 5.0],
        "pair sampling": [1.0, 2.0],
        "discriminator": [3.0, 4.0],
        "domain term": [9.0, 9.0],
    }
    assert rest(rounds) == [2.0, 9.0]


def test_arms_start_from_the_same_network_and_differ_in_the_loss(arms):
    first, *others = (arm.network.state_dict() for arm in arms.values())
    for state in others:
        assert all(bool((state[name] == value).all()) for name, value in first.items())
    assert [arm.recipe.adversarial.loss for arm in arms.values()] == list(LOSSES)
    assert arms["none"].objective.adversarial is None


def test_step_trains_the_network_and_the_discriminator(arms):
    arm = arms["clustered"]
    before = {name: value.clone() for name, value in arm.objective.named_parameters()}
    arm.step()
    moved = {
        name.partition(".")[0]
        for name, value in arm.objective.named_parameters()
        if bool((value != before[name]).any())
    }
    assert moved == {"network", "adversarial"}


def test_reversal_is_on_though_the_recipe_starts_it_later(fabric):
    def patch_gradient(mu):
        recipe = small_recipe(adversarial={**CLUSTERED, "mu": mu, "start_step": 9})
        arm = Arm(recipe, "domain", [made_up_batch(recipe, 3)], fabric)
        arm.step()
        return next(arm.network.parameters()).grad.clone()

    assert bool((patch_gradient(0.0) != patch_gradient(5.0)).any())


def test_step_shows_what_its_loss_saw(arms):
    seen = arms["clustered"].seen()
    assert [features.shape for features in seen.features] == [(4, 8, 8, 16), (3, 8, 8, 16)]
    pair = seen.discriminator[0]
    assert [tokens.shape for tokens in pair] == [(64, 16), (64, 16)]


def test_steps_take_turns_with_the_batches(arms):
    first, second, third = (arms["domain"].seen().features[0] for _ in range(3))
    # The weights move little in a step; the pictures differ.
    assert (first - third).norm() < (first - second).norm() / 4


def test_recording_ends_with_the_step(arms):
    seen = arms["clustered"].seen()
    num_calls = len(seen.discriminator)
    arms["clustered"].step()
    assert len(seen.discriminator) == num_calls


def test_parts_leave_the_network_alone(arms):
    arm = arms["clustered"]
    seen = arm.seen()
    before = {name: value.clone() for name, value in arm.network.state_dict().items()}
    for work in clustered_parts(arm, seen).values():
        work()
    assert all(bool((arm.network.state_dict()[name] == before[name]).all()) for name in before)


def test_size_and_batch_are_laid_over_the_recipe(recipe):
    bench = measure([recipe], Sizes(size_px=40, batch=2, num_rounds=1))
    setting = bench.settings[0].setting
    assert (setting.size_px, setting.batch_images, setting.batch_videos) == (40, 2, 2)


def test_recipe_that_does_not_exist_is_told_before_anything_is_measured(recipe):
    with pytest.raises(UnknownNameError, match="unknown train recipe 'smal'"):
        measure([recipe, "smal"])


def test_recipe_that_cannot_be_clustered_is_told(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(SMALL.replace("pairs = 64", "pairs = 2"))
    with pytest.raises(VsdaError, match="pairs"):
        measure([str(path)], Sizes(num_rounds=1))
