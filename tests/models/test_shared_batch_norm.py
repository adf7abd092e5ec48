"""Batch normalisation that stands in for others; over several processes in test_ranks."""

import pytest
import timm
import torch
from torch import distributed, nn

from vsda.errors import RecipeError
from vsda.models.shared_batch_norm import SharedBatchNorm, share_batch_norm

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory):
    """A group of this one process."""
    place = tmp_path_factory.mktemp("group") / "rendezvous"
    distributed.init_process_group("gloo", init_method=f"file://{place}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet"])
def test_an_encoder_of_timm_stays_the_same_function(name, training):
    """Its norms may hold the activation that comes after them."""
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=3).train(training)
    shared = timm.create_model(name, num_classes=3).train(training)
    shared.load_state_dict(network.state_dict())
    share_batch_norm(shared, CPU)
    assert any(isinstance(each, SharedBatchNorm) for each in shared.modules())
    assert shared.state_dict().keys() == network.state_dict().keys()
    pictures = torch.randn(4, 3, 64, 64)
    torch.testing.assert_close(shared(pictures), network(pictures), rtol=1e-4, atol=1e-4)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(shared.state_dict()[key], value, msg=key)


def test_a_small_spread_round_a_large_mean_is_not_lost():
    maps = 100 + 0.1 * torch.randn(8, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    plain, shared = nn.BatchNorm2d(2), SharedBatchNorm(nn.BatchNorm2d(2))
    torch.testing.assert_close(shared(maps), plain(maps), rtol=0, atol=1e-2)
    torch.testing.assert_close(shared.running_var, plain.running_var)


def test_a_kind_that_nothing_can_stand_in_for_is_refused():
    class Odd(nn.BatchNorm2d):
        pass

    with pytest.raises(RecipeError, match="sync_batch_norm: cannot be had of Odd"):
        share_batch_norm(nn.Sequential(Odd(2)), CPU)
