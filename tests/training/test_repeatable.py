"""The same steps give the same bits, also with several threads."""

import pytest
import torch

from tests.training.small import (
    CLUSTERED,
    DOMAIN,
    NETWORKS,
    WEIGHTS,
    random_batch,
    small_recipe,
    take_step,
)
from vsda.adversarial.tokens import DomainTokens
from vsda.training.build import build_network, build_objective
from vsda.training.optimization import build_optimizations
from vsda.training.repeatable import repeatable, step_seeds


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_the_gradient_of_taken_tokens_repeats_at_the_size_where_threads_share_it():
    torch.manual_seed(0)
    source, target = torch.randn(4096, 96), torch.randn(4096, 96)
    numbers, upstream = torch.randint(8192, (8192,)), torch.randn(8192, 96)

    def gradients():
        leaves = [each.clone().requires_grad_() for each in (source, target)]
        DomainTokens(*leaves).take(numbers).backward(upstream)
        return [leaf.grad for leaf in leaves]

    first = gradients()
    for _ in range(20):
        assert all(map(torch.equal, first, gradients()))


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_steps_with_two_threads_repeat_bit_for_bit(name, loss):
    loss = loss | {"placement": "stage1", "pairs": 4096, "hidden": (64, 64)}
    settings = {"network": NETWORKS[name], "adversarial": loss, "size_px": 64}
    one, other = trained(**settings), trained(**settings)
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("labelled", [False, True], ids=["images", "joint"])
@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED | {"clusters": 2}], ids=["domain", "clustered"])
@pytest.mark.parametrize("placement", ["stage1", "global"])
def test_mu_0_equals_a_run_without_a_discriminator_bit_for_bit(name, labelled, loss, placement):
    settings = {"network": NETWORKS[name], "size_px": 64, "labelled": labelled, "num_steps": 2}
    adversarial = loss | {"placement": placement, "mu": 0.0}
    none = trained(adversarial={"loss": "none"}, **settings)
    some = trained(adversarial=adversarial, **settings)
    network = [key for key in none if key.startswith("network.")]
    assert network
    assert all(torch.equal(none[key], some[key]) for key in network)


def trained(*, labelled=False, num_steps=3, **settings):
    """Return the state after some steps on batches of noise."""
    recipe = small_recipe(**settings)
    model = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
    optimizations = build_optimizations(model, recipe)
    strength = recipe.adversarial.mu if recipe.is_adversarial else 0.0
    with repeatable(torch.device("cpu")):
        for step in range(num_steps):
            network, adversarial, _ = step_seeds(0, step, 0)
            torch.manual_seed(network)
            generator = torch.Generator().manual_seed(adversarial)
            batch = random_batch(
                step, recipe.size_px, clip_frames=recipe.clip_frames, labelled=labelled
            )
            take_step(model, optimizations, batch, step, strength=strength, generator=generator)
    return model.state_dict()


def test_outside_of_training_the_kernels_are_as_they_were():
    with repeatable(torch.device("cpu")):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_each_rank_and_each_step_draw_numbers_of_their_own():
    seeds = {step_seeds(0, step, rank) for step in range(3) for rank in range(2)}
    assert len(seeds) == 6
    assert len({seed for each in seeds for seed in each}) == 18
