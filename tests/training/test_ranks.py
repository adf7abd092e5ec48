"""The objective on two ranks: one wrapped module, so that nothing drifts apart."""

import pytest
import torch
from torch import multiprocessing

from tests.training.ranks import LOSSES, batch_of_step, objective, work


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What two processes left behind."""
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.start_processes(work, (2, str(folder)), nprocs=2, start_method="spawn")
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("loss", LOSSES)
def test_network_and_discriminator_are_the_same_on_both_ranks(ranks, loss):
    one, other = (rank[loss] for rank in ranks)
    discriminator = [name for name in one["after"] if name.startswith("adversarial.")]
    assert discriminator
    for name, weights in one["after"].items():
        assert torch.equal(weights, other["after"][name]), name


def test_two_half_batches_give_the_gradients_of_the_whole_one(ranks):
    """Of the domain loss; with the clustered one, two ranks draw other pairs than one would."""
    model = objective("domain").eval()
    generator = torch.Generator().manual_seed(0)
    model(batch_of_step(0), strength=1.0, generator=generator)["loss"].backward()
    for name, parameter in model.named_parameters():
        found = ranks[0]["domain"]["first"][name]
        torch.testing.assert_close(found, parameter.grad, rtol=0, atol=1e-6)
