"""SwinUperNet against transformers' UperNet, on the same weights, through each layout they come in.

256, 320 and 512 pixels leave windows unfilled, 448 fills them all: an encoder that rolls before it
pads agrees at 448 only.
"""

import pytest
import torch
from torchvision.models import swin_t

from tests.models import mmseg_layout
from tests.models.authors_layout import SWIN_T, from_transformers, layout
from tests.models.transformers_layout import hub_state, random_upernet
from vsda.models import get_model
from vsda.models.weights import load_weights

NUM_CLASSES = 11
NARROW = SWIN_T | {"decoder_channels": 64}
LAYOUTS = ["authors", "mmseg", "hub", "memory"]


@pytest.fixture(scope="module")
def reference():
    """transformers' UperNet with a Swin-T and a narrow decoder."""
    return random_upernet(num_classes=NUM_CLASSES, **NARROW)


@pytest.fixture(scope="module")
def load(reference, tmp_path_factory):
    """Returns SwinUperNet with the weights of `reference` by way of a layout, and the report."""
    folder = tmp_path_factory.mktemp("weights")
    authors = from_transformers(reference.state_dict(), layout(num_classes=NUM_CLASSES, **NARROW))

    def load(name):
        path = folder / f"{name}.pth"
        torch.save(content_of(name, authors, reference, folder), path)
        network = get_model("swin_upernet")(
            num_classes=NUM_CLASSES, decoder_channels=64, auxiliary=True
        )
        report = load_weights(network.eval(), path)
        path.unlink()  # 120 MB
        return network, report

    return load


def content_of(name, authors, reference, folder):
    meta = {"mmseg_version": "0.11.0", "CLASSES": ["wall"], "PALETTE": [[120, 120, 120]]}
    return {
        "authors": lambda: {"meta": meta, "state_dict": authors},
        "mmseg": lambda: {"meta": meta, "state_dict": mmseg_layout.from_authors(authors)},
        "hub": lambda: hub_state(reference, folder, window_size=7),
        "memory": reference.state_dict,
    }[name]()


@pytest.fixture(scope="module")
def network(load):
    return load("authors")[0]


def images(*size_px):
    return torch.randn(1, 3, *size_px, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_one_and_the_same_network(load, network, name):
    other, report = load(name)
    expected = network.state_dict()
    assert all(torch.equal(expected[key], tensor) for key, tensor in other.state_dict().items())
    assert set(report.loaded) == {key for key in expected if not key.endswith("position_index")}
    assert set(report.missing.values()) == {"follows from the window size"}
    assert set(report.skipped.values()) <= {
        "follows from the window size",
        "the norm before a classifier, which segmentation does not run",
    }


@torch.no_grad()
@pytest.mark.parametrize("size_px", [(256, 256), (320, 320), (448, 448), (512, 512)], ids=str)
def test_stages_and_logits_equal_those_of_transformers(network, reference, size_px):
    assert_equal_to_transformers(network, reference, images(*size_px))


def assert_equal_to_transformers(network, reference, batch):
    size_px = batch.shape[-2:]
    maps = reference.backbone(batch).feature_maps
    levels = network.encode(batch)
    for level, wanted in zip(list(levels.values())[1:], maps, strict=True):
        torch.testing.assert_close(level.normed.movedim(-1, 1), wanted, rtol=0, atol=1e-5)
    for ours, theirs in [
        (network.decode(levels, size_px), reference.decode_head(maps)),
        (network.decode_auxiliary(levels, size_px), reference.auxiliary_head(maps)),
    ]:
        wanted = torch.nn.functional.interpolate(theirs, size_px, mode="bilinear")
        assert wanted.std() > 0.1
        torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-4)


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize("side_px", [256, 320, 448, 512])
def test_the_network_of_the_paper_equals_transformers(tmp_path, side_px):
    reference = random_upernet(num_classes=NUM_CLASSES, **SWIN_T)
    state = from_transformers(reference.state_dict(), layout(num_classes=NUM_CLASSES, **SWIN_T))
    torch.save({"state_dict": state}, tmp_path / "weights.pth")
    network = get_model("swin_upernet")(num_classes=NUM_CLASSES, auxiliary=True).eval()
    load_weights(network, tmp_path / "weights.pth")
    batch = images(side_px, side_px)
    assert_equal_to_transformers(network, reference, batch)
    torch.testing.assert_close(network(batch), reference(batch).logits, rtol=0, atol=1e-4)


@torch.no_grad()
def test_the_encoder_with_plain_attention_is_torchvisions_bit_for_bit(network):
    plain = get_model("swin_upernet")(num_classes=NUM_CLASSES, attention="plain")
    encoder = plain.eval().encoder
    encoder.load_state_dict(network.encoder.state_dict())
    classifier = swin_t().eval()
    classifier.features.load_state_dict(network.encoder.features.state_dict())
    batch = images(256, 256)
    levels = encoder(batch)
    assert torch.equal(levels.pop("patch").normed, classifier.features[:1](batch))
    for stage, level in enumerate(levels.values()):
        raw = classifier.features[: 2 * stage + 2](batch)
        assert torch.equal(level.raw, raw)
        assert torch.equal(level.normed, encoder.get_submodule(f"norm{stage}")(raw))


def test_the_parameters_are_those_of_the_paper():
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    with torch.device("meta"):
        network = get_model("swin_upernet")(num_classes=NUM_CLASSES)
        assert count(network.encoder.features[0]) == 4 * 4 * 3 * 96 + 96 + 2 * 96 == 4896
        classifier = count(swin_t())
    assert classifier - count(network.encoder) == 768 * 1000 + 1000 - 2 * (96 + 192 + 384)
    assert count(network) == 58_946_757
