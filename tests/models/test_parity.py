"""SwinUperNet against transformers' UperNet, on the same weights, through the authors' file layout.

256 pixels leave windows unfilled in every stage, 448 fill them all: an encoder that rolls before
it pads agrees at 448 only.
"""

import pytest
import torch
from torchvision.models import swin_t

from tests.models.authors_layout import SWIN_T, from_transformers, layout
from vsda.models import get_model
from vsda.models.weights import load_weights

NUM_CLASSES = 11


@pytest.fixture(scope="module")
def reference():
    """transformers' UperNet with a Swin-T, every norm, bias and statistic random."""
    from transformers import SwinConfig, UperNetConfig, UperNetForSemanticSegmentation

    torch.manual_seed(0)
    swin = SwinConfig(
        depths=list(SWIN_T["depths"]),
        num_heads=list(SWIN_T["num_heads"]),
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = UperNetConfig(backbone_config=swin, num_labels=NUM_CLASSES, use_auxiliary_head=False)
    network = UperNetForSemanticSegmentation(config).eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif name.endswith("bias_table"):
            tensor.normal_(std=0.3)
        elif "classifier" in name:
            tensor.normal_(std=0.02)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.add_(torch.randn_like(tensor), alpha=0.2)
    return network


@pytest.fixture(scope="module")
def loading(reference, tmp_path_factory):
    """SwinUperNet with the weights of `reference`, by way of the authors' layout; the report."""
    path = tmp_path_factory.mktemp("weights") / "upernet_swin_tiny.pth"
    shapes = layout(num_classes=NUM_CLASSES, **SWIN_T)
    state = from_transformers(reference.state_dict(), shapes)
    meta = {"mmseg_version": "0.11.0", "CLASSES": ["wall"], "PALETTE": [[120, 120, 120]]}
    torch.save({"meta": meta, "state_dict": state}, path)
    network = get_model("swin_upernet")(num_classes=NUM_CLASSES).eval()
    report = load_weights(network, path)
    path.unlink()  # 240 MB
    return network, report


@pytest.fixture(scope="module")
def network(loading):
    return loading[0]


def images(*size_px):
    return torch.randn(1, 3, *size_px, generator=torch.Generator().manual_seed(1))


def test_the_authors_file_has_no_unexpected_and_no_missing_weights(loading):
    network, report = loading
    assert set(report.skipped.values()) == {
        "the network has no auxiliary head",
        "follows from the window size",
    }
    assert all(name.endswith("relative_position_index") for name in report.missing)
    assert {name for name, _ in network.named_parameters()} <= set(report.loaded)
    assert (len(report.loaded), len(report.skipped), len(report.missing)) == (251, 20, 12)


@torch.no_grad()
@pytest.mark.parametrize("size_px", [(256, 256), (448, 448), (250, 270)], ids=str)
def test_stages_and_logits_equal_those_of_transformers(network, reference, size_px):
    batch = images(*size_px)
    expected = reference.backbone(batch).feature_maps
    features = network.encode(network.patch_embed(batch))
    for stage, wanted in zip(features, expected, strict=True):
        torch.testing.assert_close(stage, wanted, rtol=0, atol=1e-5)
    logits = network.decode(features, size_px)
    wanted = reference(batch).logits
    assert wanted.std() > 0.5
    torch.testing.assert_close(logits, wanted, rtol=0, atol=1e-4)


@torch.no_grad()
def test_the_encoder_is_torchvisions_bit_for_bit(network):
    classifier = swin_t().eval()
    classifier.features.load_state_dict(network.encoder.features.state_dict())
    batch = images(256, 256)
    tokens = network.patch_embed(batch)
    assert torch.equal(tokens, classifier.features[:1](batch))
    for stage, mapped in enumerate(network.encode(tokens)):
        raw = classifier.features[: 2 * stage + 2](batch)
        norm = network.encoder.get_submodule(f"norm{stage}")
        assert torch.equal(mapped, norm(raw).permute(0, 3, 1, 2))


def test_the_parameters_are_those_of_the_paper(network):
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(network.encoder.features[0]) == 4 * 4 * 3 * 96 + 96 + 2 * 96 == 4896
    assert count(swin_t()) - count(network.encoder) == 768 * 1000 + 1000 - 2 * (96 + 192 + 384)
    assert count(network) == 58_946_757
