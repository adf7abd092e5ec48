"""Each published layout: a small source network, its file, and the same output after loading."""

from dataclasses import dataclass

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import SwinTransformer, resnet101, swin_t
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.segmentation import deeplabv3, deeplabv3_resnet101

from tests.models import mmseg_layout
from tests.models.authors_layout import from_transformers, layout, random_state
from tests.models.smp_layout import as_the_authors_compute, random_smp
from tests.models.transformers_layout import hub_state, random_upernet, saved_state
from vsda.errors import WeightsError
from vsda.models import MODELS
from vsda.models.deeplabv3 import DeepLabv3
from vsda.models.swin_upernet import SwinUperNet
from vsda.models.timm_upernet import TimmUperNet
from vsda.models.video_swin_upernet import VideoSwinUperNet
from vsda.models.weights import FoundWeights, check_weights, load_weights, read_weights
from vsda.models.weights.layouts import layout_of
from vsda.models.weights.match import Rules, match_names
from vsda.models.weights.piece import Piece

NUM_CLASSES = 5
SMALL = {
    "embed_dim": 8,
    "depths": (2, 1, 2, 1),
    "num_heads": (1, 2, 2, 4),
    "window_size": 2,
    "decoder_channels": 16,
}
SWIN = {key: value for key, value in SMALL.items() if key != "decoder_channels"}
ENCODER_ONLY = "the file holds an encoder only"


def small(num_classes=NUM_CLASSES, **settings):
    return SwinUperNet(num_classes=num_classes, **(SMALL | settings)).eval()


def images(*size_px, num=1):
    return torch.randn(num, 3, *size_px, generator=torch.Generator().manual_seed(1))


def saved(folder, state, *, wrapper=None, suffix=".pth"):
    """Write `state` as a file of weights and return its path."""
    path = folder / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save({wrapper: state} if wrapper else state, path)
    return path


def equal(got, wanted, atol=1e-5):
    assert wanted.std() > 0.01
    torch.testing.assert_close(got, wanted, rtol=0, atol=atol)


# The Swin + UperNet of transformers, in the layouts of mmsegmentation and of the hub.


@dataclass
class Source:
    """A network of transformers, and its weights in the authors' layout."""

    network: torch.nn.Module
    authors: dict


@pytest.fixture(scope="module")
def source():
    network = random_upernet(num_classes=NUM_CLASSES, **SMALL)
    shapes = layout(num_classes=NUM_CLASSES, **SMALL)
    return Source(network, from_transformers(network.state_dict(), shapes))


@pytest.fixture(params=["authors", "mmseg", "mmseg-open", "hub", "hub-safetensors", "saved"])
def published(request, source, tmp_path):
    """The path of a file in one layout, and what the layout is called."""
    transformers_name = "a Swin + UperNet in transformers' layout"
    mmseg_name = "a Swin + UperNet in mmsegmentation's layout"
    if request.param == "authors":
        path = saved(tmp_path, source.authors, wrapper="state_dict")
        return path, "a Swin + UperNet in its authors' layout"
    if request.param == "mmseg":
        state = mmseg_layout.from_authors(source.authors)
        return saved(tmp_path, state, wrapper="state_dict"), mmseg_name
    if request.param == "mmseg-open":
        return saved(tmp_path, mmseg_layout.from_authors(source.authors)), mmseg_name
    if request.param == "saved":
        saved_state(source.network, tmp_path)
        return tmp_path / "model.safetensors", transformers_name
    state = hub_state(source.network, tmp_path, SMALL["window_size"])
    suffix = ".safetensors" if "safetensors" in request.param else ".bin"
    return saved(tmp_path, state, suffix=suffix), transformers_name


@torch.no_grad()
def test_a_published_swin_gives_the_logits_of_its_source(published, source):
    path, name = published
    network = small(auxiliary=True)
    report = load_weights(network, path)
    assert report.layout == name
    assert {key for key, _ in network.named_parameters()} <= set(report.loaded)
    assert set(report.missing.values()) == {"follows from the window size"}
    batch = images(61, 83)
    equal(network(batch), source.network(batch).logits)
    maps = source.network.backbone(batch).feature_maps
    wanted = source.network.auxiliary_head(maps)
    equal(network.auxiliary(list(maps)[-2]), wanted)


def test_a_published_swin_says_what_it_is(published):
    path, name = published
    found = read_weights(path)
    assert (found.layout, found.num_classes) == (name, NUM_CLASSES)
    assert found.networks == ("swin_upernet", "video_swin_upernet")
    assert found.settings == {
        key: list(value) if isinstance(value, tuple) else value for key, value in SMALL.items()
    } | {"patch_size": 4}
    assert found.num_values > 10_000


@torch.no_grad()
@pytest.mark.parametrize("name", ["authors", "mmseg"])
def test_merging_weights_in_the_wrong_order_give_other_logits(tmp_path, source, name):
    """The order that belongs to one layout, under the names of the other."""
    if name == "authors":
        state = {
            key: mmseg_layout.in_unfold_order(tensor) if ".downsample." in key else tensor
            for key, tensor in source.authors.items()
        }
    else:
        state = {mmseg_layout.rename(key): tensor for key, tensor in source.authors.items()}
    network = small()
    load_weights(network, saved(tmp_path, state))
    batch = images(64, 64)
    assert (network(batch) - source.network(batch).logits).abs().max() > 0.01


@torch.no_grad()
def test_merging_weights_of_mmsegmentation_compute_what_unfolding_computes(tmp_path):
    torch.manual_seed(0)
    merging = mmseg_layout.UnfoldMerging(8)
    torch.nn.init.normal_(merging.norm.weight)
    torch.nn.init.normal_(merging.norm.bias)
    state = mmseg_layout.from_authors(random_state(layout(num_classes=NUM_CLASSES, **SMALL)))
    state |= {
        f"backbone.stages.0.downsample.{key}": value for key, value in merging.state_dict().items()
    }
    network = small()
    load_weights(network, saved(tmp_path, state))
    tokens = torch.randn(2, 6, 10, 8)
    equal(network.encoder.features[2](tokens), merging(tokens))


@torch.no_grad()
def test_queries_for_keys_give_other_logits(tmp_path, source):
    def swapped(name):
        if ".query." in name:
            return name.replace(".query.", ".key.")
        return name.replace(".key.", ".query.")

    state = hub_state(source.network, tmp_path, SMALL["window_size"])
    network = small()
    load_weights(network, saved(tmp_path, {swapped(name): item for name, item in state.items()}))
    batch = images(64, 64)
    assert (network(batch) - source.network(batch).logits).abs().max() > 1e-3


def test_a_value_without_its_key_is_an_error(tmp_path, source):
    state = hub_state(source.network, tmp_path, SMALL["window_size"])
    del state["backbone.encoder.layers.0.blocks.0.attention.self.key.weight"]
    with pytest.raises(WeightsError) as caught:
        load_weights(small(), saved(tmp_path, state))
    assert "3 tensors do not fit" in str(caught.value)
    assert "lacks 'encoder.features.1.0.attn.qkv.weight'" in str(caught.value)


def test_queries_and_keys_that_do_not_join_are_an_error(tmp_path, source):
    state = hub_state(source.network, tmp_path, SMALL["window_size"])
    state["backbone.encoder.layers.0.blocks.0.attention.self.key.weight"] = torch.zeros(8, 7)
    path = saved(tmp_path, state)
    with pytest.raises(WeightsError, match=r"as \(8, 8\), \(8, 7\), \(8, 8\), which do not join"):
        load_weights(small(), path)


def test_one_weight_under_two_names_is_an_error(tmp_path, source):
    state = dict(source.authors)
    state["decoder.bottleneck.conv.weight"] = state["decode_head.bottleneck.conv.weight"]
    path = saved(tmp_path, state)
    with pytest.raises(WeightsError, match="which are one and the same weight; expected") as caught:
        read_weights(path)
    assert str(caught.value).startswith(f"{path}: holds 'decode_head.bottleneck.conv.weight' and")


# segmentation_models_pytorch


@torch.no_grad()
@pytest.mark.parametrize(
    ("side_px", "settings"),
    [
        (64, SMALL),
        (448, {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
              | {"window_size": 7, "decoder_channels": 16}),
    ],
    ids=["small", "swin-t"],
)  # fmt: skip
def test_smps_upernet_gives_its_features_and_logits_where_windows_fit(tmp_path, side_px, settings):
    """timm and the authors agree on whole windows, the heads once no corners are aligned."""
    source = random_smp(num_classes=NUM_CLASSES, img_size=side_px, **settings)
    path = saved(tmp_path, source.state_dict(), suffix=".safetensors")
    network = SwinUperNet(num_classes=NUM_CLASSES, **settings).eval()
    report = load_weights(network, path)
    assert {name for name, _ in network.named_parameters()} <= set(report.loaded)
    assert not report.skipped
    assert "aligns corners" in report.notes[0]
    batch = images(side_px, side_px)
    levels = network.encode(batch)
    for level, wanted in zip(list(levels.values())[1:], source.encoder(batch)[2:], strict=True):
        equal(level.raw.movedim(-1, 1), wanted)
    aligned = source(batch)
    wanted = as_the_authors_compute(source)(batch)
    equal(network(batch), wanted, atol=1e-4)
    assert (aligned - wanted).abs().max() > 0.01


def test_the_file_of_smp_has_no_auxiliary_head(tmp_path):
    source = random_smp(num_classes=NUM_CLASSES, img_size=64, **SMALL)
    path = saved(tmp_path, source.state_dict(), suffix=".safetensors")
    network = small(auxiliary=True)
    report = load_weights(network, path)
    assert report.missing["auxiliary.conv_seg.weight"] == "the file has no auxiliary head"
    assert report.missing["auxiliary.convs.0.bn.num_batches_tracked"] == (
        "the file has no auxiliary head"
    )


# torchvision


def small_deeplab(num_classes=21, *, auxiliary=True):
    """Return torchvision's DeepLabv3 on a small ResNet, every statistic random."""
    torch.manual_seed(0)
    resnet = ResNet(
        Bottleneck,
        [1, 2, 1, 1],
        width_per_group=8,
        replace_stride_with_dilation=[False, True, True],
    )
    network = deeplabv3._deeplabv3_resnet(resnet, num_classes, aux=auxiliary)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif name.endswith("running_mean"):
            tensor.normal_(std=0.1)
    return network.eval()


def deeplab(num_classes=21, **settings):
    return DeepLabv3(
        num_classes=num_classes, depths=(1, 2, 1, 1), width_per_group=8, **settings
    ).eval()


@torch.no_grad()
def test_torchvisions_deeplab_gives_its_logits(tmp_path):
    source = small_deeplab()
    network = deeplab(auxiliary=True)
    report = load_weights(network, saved(tmp_path, source.state_dict()))
    assert report.layout == "torchvision's DeepLabv3"
    assert set(report.loaded) == set(network.state_dict())
    assert (report.skipped, report.missing) == ({}, {})
    batch = images(65, 80)
    wanted = source(batch)
    equal(network(batch), wanted["out"])
    equal(network.decode_auxiliary(network.encode(batch), (65, 80)), wanted["aux"])


def test_torchvisions_classifier_of_other_classes_is_left_out(tmp_path):
    path = saved(tmp_path, small_deeplab().state_dict())
    report = load_weights(deeplab(num_classes=11), path)
    reason = "classifier of 21 classes, the network has 11"
    assert report.missing == dict.fromkeys(["decoder.4.bias", "decoder.4.weight"], reason)
    assert report.skipped["classifier.4.weight"] == reason
    assert report.skipped["aux_classifier.0.weight"] == "the network has no auxiliary head"
    assert read_weights(path).num_classes == 21


def test_both_classifiers_are_left_out_where_the_classes_are_others(tmp_path):
    path = saved(tmp_path, small_deeplab().state_dict())
    report = load_weights(deeplab(auxiliary=True), path, same_classes=False)
    assert report.missing == dict.fromkeys(
        [
            "auxiliary.conv_seg.bias",
            "auxiliary.conv_seg.weight",
            "decoder.4.bias",
            "decoder.4.weight",
        ],
        "classifier of other classes",
    )


@torch.no_grad()
def test_torchvisions_resnet_gives_an_encoder(tmp_path):
    source = small_deeplab()
    state = {
        name.removeprefix("backbone."): tensor
        for name, tensor in source.state_dict().items()
        if name.startswith("backbone.")
    } | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    network = deeplab(auxiliary=True)
    path = saved(tmp_path, state)
    report = load_weights(network, path)
    assert set(report.missing.values()) == {ENCODER_ONLY}
    assert report.missing.keys() == {
        name for name in network.state_dict() if not name.startswith("encoder.")
    }
    reason = "the classifier of whole images"
    assert report.skipped == {"fc.bias": reason, "fc.weight": reason}
    batch = images(64, 64)
    wanted = source.backbone(batch)["out"]
    equal(network.encode(batch)["stage4"].raw.movedim(-1, 1), wanted)
    assert read_weights(path).num_classes is None
    assert read_weights(path).networks == ("deeplabv3", "timm_upernet")


def classifying_swin():
    torch.manual_seed(0)
    settings = {"patch_size": [4, 4], "window_size": [2, 2], "embed_dim": 8}
    lists = {"depths": [2, 1, 2, 1], "num_heads": [1, 2, 2, 4]}
    return SwinTransformer(**settings, **lists, num_classes=7).eval()


@torch.no_grad()
def test_torchvisions_swin_gives_an_encoder(tmp_path):
    source = classifying_swin()
    network = small()
    report = load_weights(network, saved(tmp_path, source.state_dict()))
    assert report.layout == "torchvision's classifying Swin"
    assert {why for name, why in report.missing.items() if name.startswith("encoder.norm")} == {
        "a classifier has no norms after its stages"
    }
    assert report.missing["decoder.conv_seg.weight"] == ENCODER_ONLY
    assert {name for name in report.skipped if "index" not in name} == {
        "norm.weight", "norm.bias", "head.weight", "head.bias",
    }  # fmt: skip
    batch = images(64, 96)
    equal(network.encode(batch)["stage4"].raw, source.features(batch))


@torch.no_grad()
@pytest.mark.parametrize("timms", [True, False])
def test_timms_and_the_authors_classifying_swin_give_an_encoder(tmp_path, timms):
    source = timm.create_model(
        "swin_tiny_patch4_window7_224", **SWIN, img_size=64, num_classes=7
    ).eval()
    state = source.state_dict()
    if not timms:
        for stage in (1, 2, 3):
            for part in ("norm.weight", "norm.bias", "reduction.weight"):
                tensor = state.pop(f"layers.{stage}.downsample.{part}")
                state[f"layers.{stage - 1}.downsample.{part}"] = tensor
    network = small()
    report = load_weights(network, saved(tmp_path, state, wrapper=None if timms else "model"))
    assert report.layout == "a classifying Swin in its authors' or timm's layout"
    batch = images(64, 64)
    wanted = source.forward_intermediates(batch, intermediates_only=True)
    for level, intermediate in zip(list(network.encode(batch).values())[1:], wanted, strict=True):
        equal(level.raw.movedim(-1, 1), intermediate)


# timm


@torch.no_grad()
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("backbone", ["test_convnext", "test_resnet", "test_efficientnet"])
def test_timms_files_give_an_encoder(tmp_path, backbone, suffix):
    torch.manual_seed(0)
    source = timm.create_model(backbone, num_classes=7).eval()
    network = TimmUperNet(num_classes=3, backbone=backbone, decoder_channels=8).eval()
    report = load_weights(network, saved(tmp_path, source.state_dict(), suffix=suffix))
    assert set(report.loaded) == {name for name in network.state_dict() if "encoder." in name}
    assert set(report.missing.values()) == {ENCODER_ONLY}
    assert set(report.skipped.values()) <= {
        "behind the last stage that the network reads",
        "the classifier of whole images",
    }
    batch = images(64, 64)
    wanted = source.forward_intermediates(
        batch, indices=list(network.stages), intermediates_only=True, norm=False
    )
    levels = [level for name, level in network.encode(batch).items() if name != "patch"]
    for level, intermediate in zip(levels, wanted, strict=True):
        torch.testing.assert_close(level.raw.movedim(-1, 1), intermediate, rtol=0, atol=1e-5)


def test_a_deeper_model_of_timm_is_refused(tmp_path):
    deep = timm.create_model("resnet50").state_dict()
    state = {name: torch.zeros(tensor.shape) for name, tensor in deep.items()}
    with torch.device("meta"):
        network = TimmUperNet(num_classes=3, backbone="resnet26", decoder_channels=8)
    with pytest.raises(WeightsError) as caught:
        check_weights(network, saved(tmp_path, state))
    assert "has 'layer1.2.bn1.bias', which the network lacks" in str(caught.value)
    assert str(caught.value).endswith(
        "expected weights of 'resnet26'; change network.backbone or the file"
    )


# Ours, and into clips


OURS = {
    "swin_upernet": SMALL | {"auxiliary": True},
    "video_swin_upernet": SMALL | {"window_frames": 2, "clip_frames": 2, "auxiliary": True},
    "deeplabv3": {"depths": (1, 1, 1, 1), "width_per_group": 8, "decoder_channels": 8},
    "timm_upernet": {"backbone": "test_convnext", "decoder_channels": 8},
}


def test_every_network_of_ours_is_tried():
    assert OURS.keys() == MODELS.keys()


@torch.no_grad()
@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_our_networks_come_back_from_their_files(tmp_path, name, suffix):
    torch.manual_seed(0)
    source, network = (MODELS[name](num_classes=3, **OURS[name]).eval() for _ in range(2))
    wrapper = "network" if suffix == ".pt" else None
    path = saved(tmp_path, source.state_dict(), wrapper=wrapper, suffix=suffix)
    report = load_weights(network, path)
    assert report.layout == "weights of vsda"
    batch = images(64, 64)
    assert torch.equal(network(batch), source(batch))
    assert read_weights(path).num_classes == 3


@torch.no_grad()
@pytest.mark.parametrize("origin", ["ours", "authors", "torchvision", "half"])
def test_pictures_become_clips(tmp_path, source, origin):
    """Four times one frame through attention over time is that frame in the network of pictures."""
    pictures = small(auxiliary=True)
    load_weights(pictures, saved(tmp_path, source.authors, wrapper="state_dict"))
    state, wrapper = {
        "ours": (pictures.state_dict(), "network"),
        "authors": (source.authors, "state_dict"),
        "torchvision": (classifying_swin().state_dict(), None),
        "half": ({name: tensor.half() for name, tensor in source.authors.items()}, "state_dict"),
    }[origin]
    path = saved(tmp_path, state, wrapper=wrapper)
    if origin in ("torchvision", "half"):
        load_weights(pictures, path)
    clips = VideoSwinUperNet(num_classes=NUM_CLASSES, **SMALL, auxiliary=True).eval()
    clips.encoder.load_state_dict(  # what a file of torchvision lacks
        {name: item for name, item in pictures.encoder.state_dict().items() if "norm" in name[:4]},
        strict=False,
    )
    report = load_weights(clips, path)
    assert "inflated in time" in report.notes
    batch = images(64, 64)
    levels = clips.encode(batch.unsqueeze(1).expand(1, 4, 3, 64, 64))
    for name, level in pictures.encode(batch).items():
        for frame in range(4):
            equal(levels[name].normed[:, frame], level.normed)


def test_tables_of_another_window_are_resized_and_reported(tmp_path, source):
    path = saved(tmp_path, source.authors, wrapper="state_dict")
    clips = VideoSwinUperNet(num_classes=NUM_CLASSES, **(SMALL | {"window_size": 3}))
    assert check_weights(clips, path).notes == (
        "inflated in time, position tables resized from windows of 2x2 to 3x3",
    )


# What the real packages call their weights, at full size and without values.


def found_in(network):
    """Return what a file of the network's state would hold, without values."""
    state = network.state_dict()
    pieces = {
        name: Piece(
            names=(name,),
            shape=tuple(tensor.shape),
            is_floating=tensor.is_floating_point(),
            read=lambda: None,
        )
        for name, tensor in state.items()
    }
    return FoundWeights(place="x", kind=layout_of(None, state.keys()), pieces=pieces)


def counts(source, network):
    """Return how many tensors fit and miss, having checked that nothing does not fit."""
    wanted, found = network.state_dict(), found_in(source)
    rules = Rules(
        classifiers=network.classifiers,
        why_other_classes=None,
        skips=found.kind.skips,
        lacks=found.kind.lacks,
    )
    match = match_names(found.converted(wanted), wanted, rules)
    assert not match.misfits
    return len(match.fitting), len(match.skipped), len(match.missing)


def test_the_published_networks_have_the_names_that_are_known_here():
    with torch.device("meta"):
        swin = SwinUperNet(num_classes=150, auxiliary=True)
        r101 = DeepLabv3(num_classes=21, auxiliary=True)
        deeplab_source = deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=True)
        resnet_source, swin_source = resnet101(), swin_t()
    assert counts(deeplab_source, r101) == (676, 0, 0)
    assert counts(resnet_source, r101) == (624, 2, 676 - 624)
    assert counts(swin_source, swin) == (169, 16, 8 + 12 + 74 + 8)


def test_smps_and_transformers_names_are_those_that_are_known_here():
    with torch.device("meta"):
        swin = SwinUperNet(num_classes=150, auxiliary=True)
        from transformers import SwinConfig, UperNetConfig, UperNetForSemanticSegmentation

        stages = ["stage1", "stage2", "stage3", "stage4"]
        config = UperNetConfig(backbone_config=SwinConfig(out_features=stages), num_labels=150)
        transformers_source = UperNetForSemanticSegmentation(config)
    assert counts(transformers_source, swin) == (259, 2, 12)
    smp_source = random_smp(num_classes=150, decoder_channels=512, img_size=512)
    assert counts(smp_source, swin) == (251, 0, 8 + 12)
