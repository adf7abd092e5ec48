"""Steps on two ranks: the same as one's, and nothing drifts apart."""

import pytest
import torch
from torch import multiprocessing

from tests.training.ranks import FRAMES, LOSSES, batch_of_step, trained, work


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
        if "centroids" not in name:  # each rank clusters its own tokens
            assert torch.equal(weights, other["after"][name]), name


@pytest.mark.parametrize("loss", FRAMES)
def test_network_and_teacher_are_the_same_on_both_ranks(ranks, loss):
    one, other = (rank[loss] for rank in ranks)
    for part in ("after", "teacher"):
        for name, weights in one[part].items():
            assert torch.equal(weights, other[part][name]), (part, name)
    assert one["numbers"]["loss_unlabelled"] > 0


@pytest.mark.parametrize(("loss", "error"), [("domain", 1e-6), ("summed", 1e-4), ("entropy", 1e-6)])
def test_two_half_batches_give_the_gradients_of_the_whole_one(ranks, loss, error):
    """Also where one half has few labels, and with batch normalisation in training.

    The summed loss has gradients up to 25, so 32 bits of them are off by a hundred times as much.
    """
    whole = trained(loss, batch_of_step)
    for name, expected in whole["first"].items():
        found = ranks[0][loss]["first"][name]
        torch.testing.assert_close(found, expected, rtol=0, atol=error, msg=name)
    for name, expected in whole["after"].items():
        if "running" in name:
            torch.testing.assert_close(ranks[1][loss]["after"][name], expected, msg=name)


@pytest.mark.parametrize("loss", ["domain", "summed", "entropy"])
def test_logged_losses_of_two_ranks_are_those_of_the_whole_batch(ranks, loss):
    whole = trained(loss, batch_of_step)["numbers"]
    for name, value in whole.items():
        torch.testing.assert_close(ranks[0][loss]["numbers"][name], value.float(), msg=name)
        assert torch.equal(ranks[0][loss]["numbers"][name], ranks[1][loss]["numbers"][name])


def test_a_step_that_is_not_finite_on_one_rank_is_left_out_on_all(ranks):
    for rank in ranks:
        found = rank["non-finite"]
        assert not found["was_done"]
        for name, value in found["before"].items():
            if name != "class_weights":
                assert torch.equal(value, found["after"][name]), name
