"""timm's encoders: their features, how deep they run, which sizes they take."""

import itertools
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from vsda.errors import UsageError, WeightsError
from vsda.models.timm_upernet import TimmUperNet
from vsda.models.weights import load_weights
from vsda.stream.transforms import normalise

REAL_WEIGHTS = (
    Path(__file__).parents[3]
    / "shared/realmini/weights/mobilenetv1_100-imagenet-partial.safetensors"
)
TINY_SWIN = {"backbone": "swin_tiny_patch4_window7_224", "options": {"embed_dim": 12}}
FAMILIES = {
    "convnext": {"backbone": "test_convnext"},
    "resnet": {"backbone": "test_resnet"},
    "efficientnet": {"backbone": "test_efficientnet"},
    "mobilenet": {"backbone": "mobilenetv1_100", "options": {"pad_type": "same"}},
    "pvt": {"backbone": "pvt_v2_b0"},
    "swin": TINY_SWIN,
    "vit": {"backbone": "test_vit"},
}
PLAIN = {"convnext", "resnet", "efficientnet"}


def make(*, seed=0, **settings):
    """Return a network with seeded weights, ready to predict."""
    torch.manual_seed(seed)
    return TimmUperNet(num_classes=5, decoder_channels=8, **settings).eval()


@pytest.fixture(params=FAMILIES)
def network(request):
    return make(**FAMILIES[request.param])


def pictures(*size_px, num_pictures=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(num_pictures, 3, *size_px, generator=generator)


def layers_run(network, until):
    """Return the names of the encoder's innermost layers that `encode` runs up to `until`."""
    run = []
    handles = [
        layer.register_forward_hook(lambda *_, name=name: run.append(name))
        for name, layer in network.encoder.named_modules()
        if not list(layer.children()) and list(layer.parameters(recurse=False))
    ]
    network.encode(pictures(64, 64), until)
    for handle in handles:
        handle.remove()
    return run


@torch.no_grad()
def test_no_layer_behind_a_tap_is_run_and_none_twice(network):
    runs = [layers_run(network, until) for until in network.taps]
    for shallower, deeper in itertools.pairwise(runs):
        assert deeper[: len(shallower)] == shallower
        assert len(shallower) < len(deeper)
    assert len(runs[-1]) == len(set(runs[-1]))


@torch.no_grad()
def test_convnext_runs_exactly_the_stages_up_to_the_tap():
    network = make(backbone="test_convnext")
    for depth in range(1, 5):
        stages = {
            name.split(".")[1]
            for name in layers_run(network, f"stage{depth}")
            if name.startswith("stages.")
        }
        assert stages == {str(stage) for stage in range(depth)}


@torch.no_grad()
def test_only_the_patch_embedding_is_run_for_the_patch_tap():
    assert layers_run(make(**TINY_SWIN), "patch") == ["patch_embed.proj", "patch_embed.norm"]
    assert layers_run(make(backbone="test_vit"), "patch") == ["patch_embed.proj"]


@torch.no_grad()
def test_a_level_does_not_depend_on_how_deep_one_looks(network):
    batch = pictures(61, 83)
    whole = network.encode(batch)
    for until in network.taps:
        levels = network.encode(batch, until)
        assert list(levels) == list(network.taps)[: len(levels)]
        assert list(levels)[-1] == until
        for name, level in levels.items():
            assert torch.equal(level.raw, whole[name].raw)
            assert torch.equal(level.normed, whole[name].normed)


@torch.no_grad()
@pytest.mark.parametrize("size_px", [(64, 64), (61, 83), (96, 32), (5, 3)], ids=str)
def test_every_family_takes_every_size(network, size_px):
    batch = pictures(*size_px)
    for name, level in network.encode(batch).items():
        tap = network.taps[name]
        assert level.raw.shape == level.normed.shape == (2, *tap.map_size(size_px), tap.channels)
    assert network(batch).shape == (2, 5, *size_px)


@torch.no_grad()
@pytest.mark.parametrize("family", ["convnext", "swin", "vit"])
def test_an_odd_picture_is_filled_up_with_zeros_below_and_to_the_right(family):
    network = make(**FAMILIES[family])
    batch = pictures(61, 83)
    filled = network.encode(functional.pad(batch, (0, 13, 0, 3)))
    for name, level in network.encode(batch).items():
        height, width = network.taps[name].map_size((61, 83))
        assert torch.equal(level.normed, filled[name].normed[:, :height, :width])


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "stages", "modules"),
    [
        ("test_convnext", (0, 1, 2, 3), ("stages.0", "stages.1", "stages.2", "stages.3")),
        ("test_resnet", (1, 2, 3, 4), ("layer1", "layer2", "layer3", "layer4")),
        ("test_efficientnet", (1, 2, 3, 4), ("blocks.1", "blocks.2", "blocks.3", "blocks.4")),
        ("test_vit", (0, 2, 3, 5), ("blocks.0", "blocks.2", "blocks.3", "blocks.5")),
    ],
)
def test_stages_are_what_timms_classifier_has_there(name, stages, modules):
    torch.manual_seed(2)
    classifier = timm.create_model(name, pretrained=False).eval()
    network = make(backbone=name)
    assert network.stages == stages
    wanted = network.encoder.state_dict()
    state = {key: value for key, value in classifier.state_dict().items() if key in wanted}
    assert state.keys() == wanted.keys()
    network.encoder.load_state_dict(state)
    outputs = {}
    for module in modules:
        classifier.get_submodule(module).register_forward_hook(
            lambda *args, module=module: outputs.update({module: args[2]})
        )
    batch = pictures(160, 160)  # the size that timm's test_vit is made for
    classifier(batch)
    levels = [level for tap, level in network.encode(batch).items() if tap != "patch"]
    for level, module in zip(levels, modules, strict=True):
        expected = outputs[module]
        if expected.ndim == 3:  # (N, 1 + h*w, C), the class token first
            expected = expected[:, 1:].reshape(level.raw.shape)
        else:
            expected = expected.permute(0, 2, 3, 1)
        torch.testing.assert_close(level.raw, expected, rtol=1e-5, atol=1e-5)
        assert level.raw is level.normed


@torch.no_grad()
def test_swins_patch_tap_lies_on_both_sides_of_its_norm():
    network = make(**TINY_SWIN)
    nn.init.normal_(network.encoder.patch_embed.norm.weight)
    batch = pictures(64, 96)
    level = network.encode(batch, "patch")["patch"]
    raw = network.encoder.patch_embed.proj(batch).permute(0, 2, 3, 1)
    torch.testing.assert_close(level.raw, raw)
    torch.testing.assert_close(level.normed, network.encoder.patch_embed.norm(raw))
    assert level.raw.shape == (2, 16, 24, 12)


@torch.no_grad()
def test_vits_patch_tap_has_no_norm_and_no_positions():
    network = make(backbone="test_vit")
    batch = pictures(64, 96)
    level = network.encode(batch, "patch")["patch"]
    raw = network.encoder.patch_embed.proj(batch).permute(0, 2, 3, 1)
    torch.testing.assert_close(level.raw, raw)
    assert level.raw is level.normed


def test_the_patch_taps_gradient_reaches_the_embedding_alone():
    network = make(**TINY_SWIN)
    network.encode(pictures(64, 64))["patch"].normed.square().sum().backward()
    reached = {name for name, one in network.encoder.named_parameters() if one.grad is not None}
    assert {name.partition(".")[0] for name in reached} == {"patch_embed"}


@torch.no_grad()
def test_looking_at_the_embedding_leaves_no_hook_behind():
    network = make(**TINY_SWIN)
    network.encode(pictures(64, 64))
    with pytest.raises(RuntimeError, match="channels"):
        network.encode(torch.randn(1, 4, 64, 64))
    assert not network.encoder.patch_embed.norm._forward_hooks


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_nothing_is_kept_that_gets_no_gradient(family):
    network = make(**FAMILIES[family]).train()
    network(pictures(64, 64, num_pictures=4)).square().sum().backward()
    unreached = [name for name, one in network.named_parameters() if one.grad is None]
    assert not unreached


def test_layers_behind_the_deepest_stage_are_left_out():
    network = make(backbone="test_resnet", stages=(1, 2))
    assert list(network.taps) == ["stage1", "stage2"]
    assert not [name for name in network.encoder.state_dict() if name.startswith("layer3")]
    assert network(pictures(64, 64)).shape == (2, 5, 64, 64)


def test_the_encoder_has_timms_names_and_timms_random_weights():
    network = make(backbone="test_convnext", seed=3)
    torch.manual_seed(3)
    expected = timm.create_model("test_convnext", pretrained=False, num_classes=0).state_dict()
    assert network.encoder.state_dict().keys() <= expected.keys()
    for name, tensor in network.encoder.state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_stages_can_be_chosen():
    network = make(backbone="test_resnet", stages=[0, 2, 4])
    assert [tap.stride_px for tap in network.taps.values()] == [2, 8, 32]
    assert network(pictures(64, 64)).shape == (2, 5, 64, 64)


@torch.no_grad()
def test_a_backbone_bound_to_one_size_says_which_and_takes_another_as_an_option():
    network = make(backbone="test_vit_relpos")
    assert network(pictures(160, 160)).shape == (2, 5, 160, 160)
    with pytest.raises(UsageError) as caught:
        network.encode(pictures(61, 64))
    assert str(caught.value) == (
        "backbone 'test_vit_relpos' takes pictures of 160x160 px only, got 64x64 (filled up to"
        " multiples of 16); set the network's options.img_size to the side, or choose a backbone"
        " for any size"
    )
    network = make(backbone="test_vit_relpos", options={"img_size": 64})
    assert network(pictures(61, 64)).shape == (2, 5, 61, 64)


@torch.no_grad()
def test_a_picture_of_the_bound_size_is_not_filled_up():
    # stride 64 does not divide 224
    network = make(backbone="efficientvit_m0")
    assert network(pictures(224, 224)).shape == (2, 5, 224, 224)


@torch.no_grad()
def test_a_map_other_than_timm_states_is_refused():
    with torch.device("meta"):
        network = TimmUperNet(num_classes=5, backbone="legacy_xception").eval()
        with pytest.raises(UsageError) as caught:
            network.encode(torch.empty(1, 3, 64, 64))
    assert str(caught.value) == (
        "backbone 'legacy_xception' gives (15, 15, 128) at stage1, but timm states (16, 16, 128)"
        " (rows, columns, channels); choose other stages or another backbone"
    )


def test_a_tap_that_the_network_lacks_is_refused():
    network = make(backbone="test_resnet")
    with pytest.raises(UsageError, match="placement 'patch': this network has stage1, stage2"):
        network.encode(pictures(64, 64), "patch")


@torch.no_grad()
def test_the_auxiliary_head_looks_at_the_last_but_one_stage():
    network = make(backbone="test_resnet", auxiliary=True)
    levels = network.encode(pictures(64, 64))
    expected = network.auxiliary(levels["stage3"].normed.permute(0, 3, 1, 2))
    logits = network.decode_auxiliary(levels, expected.shape[-2:])
    torch.testing.assert_close(logits, expected)
    assert [len(network.get_submodule(name).weight) for name in network.classifiers] == [5, 5]


@pytest.mark.parametrize(
    ("backbone", "billions"),
    [("resnet50", 5.3), ("convnext_tiny", 5.8), ("swin_tiny_patch4_window7_224", 7.4)],
)
def test_an_encoder_costs_what_is_known_of_it(backbone, billions):
    with torch.device("meta"):
        network = TimmUperNet(num_classes=11, backbone=backbone).eval()
        with FlopCounterMode(display=False) as counter:
            network.encode(torch.empty(1, 3, 256, 256))
    assert counter.get_total_flops() / 2e9 == pytest.approx(billions, rel=0.02)


@torch.no_grad()
@pytest.mark.skipif(not REAL_WEIGHTS.exists(), reason="the real weights are not on this machine")
def test_real_weights_of_timm_load_by_prefix_and_give_timms_features():
    state = load_file(REAL_WEIGHTS)
    options = {"pad_type": "same", "bn_eps": 1e-3}
    network = make(backbone="mobilenetv1_100", options=options)
    missing, unexpected = network.load_state_dict(
        {f"encoder.{name}": tensor for name, tensor in state.items()}, strict=False
    )
    assert not unexpected
    assert {name.rpartition(".")[0] for name in missing if name.startswith("encoder.")} == {
        "encoder.blocks.4.1.conv_pw",
        "encoder.blocks.4.1.bn2",
    }
    timms = timm.create_model("mobilenetv1_100", pretrained=False, num_classes=0, **options).eval()
    timms.load_state_dict(state, strict=False)
    ours = []
    network.encoder.blocks[4][0].register_forward_hook(lambda *args: ours.append(args[2]))
    batch = pictures(224, 224)
    levels = network.encode(batch)
    maps = timms.bn1(timms.conv_stem(batch))
    for index in range(4):
        maps = timms.blocks[index](maps)
        if index > 0:
            assert torch.equal(levels[f"stage{index}"].raw, maps.permute(0, 2, 3, 1))
    assert torch.equal(ours[0], timms.blocks[4][0](maps))
    assert ours[0].abs().max() > 1


@torch.no_grad()
@pytest.mark.parametrize("size_px", [(64, 64), (61, 83)], ids=str)
def test_a_symmetric_encoder_sees_values_from_minus_1_to_1(size_px):
    settings = FAMILIES["mobilenet"]
    plain, symmetric = make(**settings), make(**settings, normalisation="symmetric")
    generator = torch.Generator().manual_seed(2)
    photos = torch.randint(0, 256, (2, 3, *size_px), dtype=torch.uint8, generator=generator)
    expected = plain.encode(photos / 127.5 - 1)
    assert symmetric.state_dict().keys() == plain.state_dict().keys()
    for name, level in symmetric.encode(normalise(photos)).items():
        torch.testing.assert_close(level.raw, expected[name].raw, rtol=1e-4, atol=1e-5)
        assert not torch.equal(level.raw, plain.encode(normalise(photos))[name].raw)


@torch.no_grad()
@pytest.mark.skipif(not REAL_WEIGHTS.exists(), reason="the real weights are not on this machine")
def test_real_weights_without_their_end_load_whole_where_the_end_is_left_out():
    real = {"backbone": "mobilenetv1_100", "options": {"pad_type": "same", "bn_eps": 1e-3}}
    network = make(**real, end="blocks.4.0", normalisation="symmetric")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    report = load_weights(network, REAL_WEIGHTS)
    state = load_file(REAL_WEIGHTS)
    read = {name for name in state if not name.startswith("blocks.4.1.")}
    counters = {name for name in before if name.endswith("num_batches_tracked")}
    assert {name.removeprefix("encoder.") for name in report.loaded} == read
    assert {name for name in before if name.startswith("encoder.")} - counters == {
        f"encoder.{name}" for name in read
    }
    for name, tensor in network.encoder.state_dict().items():
        if name in read:
            assert torch.equal(tensor, state[name])
            assert not torch.equal(tensor, before[f"encoder.{name}"])
    assert {why for name, why in report.skipped.items()} == {
        "behind the last stage that the network reads"
    }
    levels = network.encode(normalise(torch.full((1, 3, 96, 96), 200, dtype=torch.uint8)))
    assert all(level.raw.isfinite().all() for level in levels.values())
    assert levels["stage4"].raw.abs().max() > 1
    with pytest.raises(WeightsError, match=r"lacks 'encoder.blocks.4.1.bn2.bias'.*init.may_miss"):
        load_weights(make(**real), REAL_WEIGHTS)


@torch.no_grad()
def test_an_option_to_keep_to_one_size_is_respected():
    network = make(
        backbone="swin_tiny_patch4_window7_224",
        options={"embed_dim": 12, "dynamic_img_size": False, "strict_img_size": True},
    )
    with pytest.raises(UsageError, match="takes pictures of 224x224 px only, got 64x64"):
        network.encode(pictures(64, 64))
