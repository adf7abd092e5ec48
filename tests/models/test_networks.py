"""What every network must do, on a small one of each kind."""

import io
from functools import partial

import pytest
import torch

from vsda.errors import UnknownNameError, UsageError
from vsda.models import MODELS, get_model
from vsda.models.batch_norm import batch_norm_statistics

SWIN = {
    "embed_dim": 32,
    "depths": (2, 2, 2),
    "num_heads": (1, 2, 4),
    "window_size": 4,
    "decoder_channels": 32,
    "drop_path_rate": 0.0,
}
SMALL = {
    "swin_upernet": SWIN,
    "video_swin_upernet": SWIN,
    "deeplabv3": {"depths": (1, 1, 1, 1), "width_per_group": 8, "decoder_channels": 16},
    "timm_upernet": {"backbone": "test_convnext2", "decoder_channels": 16},
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
        "unknown model 'swin_upnet'. Did you mean 'swin_upernet'? "
        "Known: deeplabv3, swin_upernet, timm_upernet, video_swin_upernet."
    )


@torch.no_grad()
@pytest.mark.parametrize("size_px", SIZES, ids=str)
def test_logits_have_the_size_of_the_images(network, size_px):
    assert network.eval()(images(2, *size_px)).shape == (2, 5, *size_px)


@torch.no_grad()
def test_the_two_steps_give_what_forward_gives(network):
    network.eval()
    batch = images(2, 61, 83)
    assert torch.equal(network.decode(network.encode(batch), (61, 83)), network(batch))


@torch.no_grad()
@pytest.mark.parametrize("size_px", [(64, 64), (61, 83)], ids=str)
def test_levels_have_the_announced_widths_and_sizes(network, size_px):
    levels = network.eval().encode(images(2, *size_px))
    assert list(levels) == list(network.taps)
    for name, level in levels.items():
        tap = network.taps[name]
        assert level.raw.shape == level.normed.shape
        assert level.normed.shape == (2, *tap.map_size(size_px), tap.channels)


@torch.no_grad()
def test_nothing_is_computed_behind_the_last_tap_wanted(network):
    network.eval()
    whole = network.encode(images(2, 64, 64))
    seen = []
    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda layer, _, __: seen.append(layer))
    num_layers = []
    for name in network.taps:
        seen.clear()
        levels = network.encode(images(2, 64, 64), until=name)
        assert list(levels) == list(network.taps)[: len(levels)]
        assert list(levels)[-1] == name
        assert torch.equal(levels[name].normed, whole[name].normed)
        num_layers.append(len(seen))
    assert num_layers == sorted(set(num_layers))


def test_an_unknown_tap_is_answered_with_those_that_there_are(network):
    with pytest.raises(UsageError, match=r"placement 'stage9': this network has .*stage1, stage2"):
        network.encode(images(1, 64, 64), until="stage9")


@torch.no_grad()
def test_decode_gives_the_size_that_is_asked_for(network):
    levels = network.eval().encode(images(1, 64, 64))
    assert network.decode(levels, (17, 130)).shape == (1, 5, 17, 130)


@torch.no_grad()
def test_the_auxiliary_head_is_there_if_asked_for_and_leaves_the_prediction_alone(make):
    torch.manual_seed(0)
    network, batch = make(auxiliary=True).eval(), images(2, 64, 64)
    levels = network.encode(batch)
    assert network.decode_auxiliary(levels, (64, 64)).shape == (2, 5, 64, 64)
    plain = make().eval()
    assert plain.decode_auxiliary(levels, (64, 64)) is None
    state = network.state_dict()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    assert torch.equal(plain(batch), network(batch))


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
def test_encoding_unlabelled_pictures_leaves_the_state_alone(network):
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with batch_norm_statistics(network, "batch"):
        network.encode(images(2, 64, 64))
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


def test_the_classifiers_are_where_the_network_says(make):
    network = make(auxiliary=True)
    for name in network.classifiers:
        assert len(network.get_submodule(name).weight) == network.num_classes == 5
    others = make(num_classes=7, auxiliary=True).state_dict()
    differing = {
        name for name, value in network.state_dict().items() if value.shape != others[name].shape
    }
    assert {name.rpartition(".")[0] for name in differing} == set(network.classifiers)
