"""What every network must do, on a small one of each kind."""

import io
from functools import partial

import pytest
import torch

from vsda.errors import UnknownNameError, UsageError
from vsda.models import MODELS, get_model

SMALL = {
    "swin_upernet": {
        "embed_dim": 32,
        "depths": (2, 2, 2),
        "num_heads": (1, 2, 4),
        "window_size": 4,
        "decoder_channels": 32,
        "drop_path_rate": 0.0,
    },
}
SIZES = [(64, 64), (61, 83), (96, 32), (5, 3)]


@pytest.fixture(params=sorted(SMALL))
def make(request):
    """Makes a small network of one kind."""
    return partial(get_model(request.param), num_classes=5, **SMALL[request.param])


@pytest.fixture
def network(make):
    """A small network with seeded weights."""
    torch.manual_seed(0)
    return make()


def images(num_images, *size_px):
    return torch.randn(num_images, 3, *size_px, generator=torch.Generator().manual_seed(1))


def test_every_network_is_tried_here():
    assert SMALL.keys() == MODELS.keys()


def test_an_unknown_network_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownNameError) as caught:
        get_model("swin_upnet")
    assert str(caught.value) == (
        "unknown model 'swin_upnet'. Did you mean 'swin_upernet'? Known: swin_upernet."
    )


@torch.no_grad()
@pytest.mark.parametrize("size_px", SIZES, ids=str)
def test_logits_have_the_size_of_the_images(network, size_px):
    assert network.eval()(images(2, *size_px)).shape == (2, 5, *size_px)


@torch.no_grad()
def test_the_three_steps_give_what_forward_gives(network):
    network.eval()
    batch = images(2, 61, 83)
    features = network.encode(network.patch_embed(batch))
    assert torch.equal(network.decode(features, (61, 83)), network(batch))


@torch.no_grad()
def test_tokens_and_features_have_the_announced_widths(network):
    tokens = network.eval().patch_embed(images(2, 64, 64))
    assert tokens.shape[0] == 2
    assert tokens.shape[-1] == network.embed_dim
    features = network.encode(tokens)
    assert tuple(level.shape[1] for level in features) == network.feature_channels


@torch.no_grad()
def test_decode_gives_the_size_that_is_asked_for(network):
    features = network.eval().encode(network.patch_embed(images(1, 64, 64)))
    assert network.decode(features, (17, 130)).shape == (1, 5, 17, 130)


def test_a_batch_of_one_is_refused_while_training(network):
    with pytest.raises(UsageError, match="batch of 1 image in training mode, expected at least 2"):
        network.train()(images(1, 64, 64))


@torch.no_grad()
def test_an_image_is_judged_without_regard_to_its_batch(network):
    network.eval()
    batch = images(3, 64, 64)
    torch.testing.assert_close(network(batch)[:1], network(batch[:1]), rtol=0, atol=1e-5)


def test_the_gradient_reaches_every_parameter(network):
    network.train()(images(4, 64, 64)).square().sum().backward()
    unreached = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert not unreached


@torch.no_grad()
def test_evaluation_repeats_itself(network):
    network.eval()
    batch = images(2, 64, 64)
    assert torch.equal(network(batch), network(batch))


@torch.no_grad()
def test_encoding_leaves_the_state_alone(network):
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.encode(network.patch_embed(images(2, 64, 64)))
    assert all(torch.equal(before[name], after) for name, after in network.state_dict().items())


@torch.no_grad()
def test_the_state_makes_the_same_network_again(network, make):
    network.train()(images(4, 64, 64))  # moves the running statistics
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    other = make()
    other.load_state_dict(torch.load(file, weights_only=True))
    batch = images(2, 64, 64)
    assert torch.equal(network.eval()(batch), other.eval()(batch))


def test_the_classifier_is_where_the_network_says(network):
    assert len(network.get_submodule(network.classifier).weight) == network.num_classes == 5
