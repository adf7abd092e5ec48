"""Networks that are laid out otherwise or compiled compute the same.

PyTorch's own translation is left out but for the slow test (its backend is `eager`): what is tried
is that the networks can be captured whole, at any depth, in training and in prediction.
"""

import copy
from functools import partial

import pytest
import torch
from torch import distributed
from torch._dynamo.utils import counters
from torch.nn.parallel import DistributedDataParallel

from tests.models.test_networks import SMALL
from vsda.models import get_model
from vsda.models.batch_norm import batch_norm_statistics
from vsda.models.speed import prepare_for_speed
from vsda.training.repeatable import repeatable

NETWORKS = SMALL | {
    "swin_upernet": SMALL["swin_upernet"] | {"depths": (1, 2), "num_heads": (1, 2)},
    "video_swin_upernet": SMALL["video_swin_upernet"] | {"depths": (1, 2), "num_heads": (1, 2)},
}
_MARKS = {name: pytest.mark.slow for name in NETWORKS if name != "swin_upernet"}
"""Capturing takes seconds for each graph."""
pytestmark = pytest.mark.filterwarnings(
    # PyTorch's capture of a module looks at what it then warns of
    "ignore:The .grad attribute of a Tensor:UserWarning",
)


def made(name):
    """Return a small network, with the same weights each time."""
    torch.manual_seed(0)
    return get_model(name)(num_classes=3, **NETWORKS[name])


@pytest.fixture(params=sorted(NETWORKS))
def make(request):
    """Makes a small network of one kind."""
    return partial(made, request.param)


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch._dynamo.reset()
    counters.clear()


@pytest.fixture
def one_process(tmp_path):
    """A process group of this process alone."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


def images(num_images=2, side_px=64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(num_images, 3, side_px, side_px, generator=generator)


def without_dropout(network):
    for layer in network.modules():
        if isinstance(layer, torch.nn.Dropout | torch.nn.Dropout2d):
            layer.p = 0.0
    return network.train()


def logits_and_gradients(network, call=None):
    logits = (call or network)(images())
    logits.square().mean().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    return logits.detach(), gradients


def assert_same_training(network, reference, call=None):
    logits, gradients = logits_and_gradients(network, call)
    expected, wanted = logits_and_gradients(reference)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    assert gradients.keys() == wanted.keys()
    for name, gradient in gradients.items():
        assert gradient.any(), name
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-3, atol=1e-5, msg=name)


def assert_captured_whole():
    assert counters["stats"]["unique_graphs"] > 0
    assert not counters["graph_break"]
    assert not counters["unimplemented"]


def test_channels_last_changes_neither_numbers_nor_names(make):
    network, reference = without_dropout(make()), without_dropout(make())
    prepare_for_speed(network, channels_last=True)
    assert list(network.state_dict()) == list(reference.state_dict())
    assert_same_training(network, reference)


def test_channels_last_lays_out_the_2d_convolutions(make):
    network = make()
    prepare_for_speed(network, channels_last=True)
    weights = [weight for weight in network.parameters() if weight.ndim == 4]
    assert weights
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=_MARKS.get(name, ())) for name in sorted(NETWORKS)]
)
def test_a_compiled_network_trains_alike_and_keeps_its_names(name):
    network, reference = without_dropout(made(name)), without_dropout(made(name))
    prepare_for_speed(network, compile=True, backend="eager")
    assert list(network.state_dict()) == list(reference.state_dict())
    with repeatable(torch.device("cpu")):
        assert_same_training(network, reference)
    assert_captured_whole()


@torch.no_grad()
@pytest.mark.slow
def test_a_compiled_network_predicts_alike_whatever_the_depth(make):
    network, reference = make().eval(), make().eval()
    prepare_for_speed(network, compile=True, backend="eager")
    torch.testing.assert_close(network(images()), reference(images()), rtol=0, atol=1e-4)
    for until in network.taps:
        levels, expected = (each.encode(images(), until) for each in (network, reference))
        assert list(levels) == list(expected)
        torch.testing.assert_close(levels[until].raw, expected[until].raw, rtol=0, atol=1e-4)
    assert_captured_whole()


@pytest.mark.slow
def test_unlabelled_frames_leave_a_compiled_network_alone(make):
    network = make().train()
    prepare_for_speed(network, compile=True, backend="eager")
    network(images())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with batch_norm_statistics(network, "running"):
        network.encode(images(3))
    with batch_norm_statistics(network, "batch"):
        network.encode(images(3))
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


@pytest.mark.slow
def test_a_copy_of_a_compiled_network_has_its_own_weights(make):
    network = make().eval()
    prepare_for_speed(network, compile=True, backend="eager")
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        assert not network(images()).any()
        assert copied(images()).any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Grad strides do not match bucket view strides:UserWarning")
@pytest.mark.usefixtures("one_process")
def test_a_compiled_network_trains_alike_below_ddp(make):
    network, reference = without_dropout(make()), without_dropout(make())
    prepare_for_speed(network, compile=True, backend="eager")
    assert_same_training(network, reference, DistributedDataParallel(network))


@pytest.mark.slow
def test_a_patch_embedding_of_timm_is_looked_into_anew_at_each_call():
    torch.manual_seed(0)
    network = get_model("timm_upernet")(
        num_classes=3, backbone="test_vit", decoder_channels=8, options={"img_size": 64}
    ).eval()
    prepare_for_speed(network, compile=True, backend="eager")
    with torch.no_grad():
        first, second = (network.encode(images(side_px=64) * by)["patch"].raw for by in (1, 2))
    assert not torch.equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_translated_network_trains_alike(name):
    network, reference = without_dropout(made(name)), without_dropout(made(name))
    prepare_for_speed(network, channels_last=True, compile=True)
    with repeatable(torch.device("cpu")):
        assert_same_training(network, reference)
