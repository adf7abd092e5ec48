"""What is special to VideoSwinUperNet: time, the frames that fill a clip up, its settings."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.video.swin_transformer import SwinTransformer3d

from vsda.errors import UsageError
from vsda.models.network import Tap
from vsda.models.swin_upernet import SwinUperNet
from vsda.models.video_swin_upernet import VideoSwinUperNet

TINY = {
    "num_classes": 3,
    "embed_dim": 16,
    "depths": (2, 2, 2),
    "num_heads": (1, 2, 4),
    "window_size": 3,
    "decoder_channels": 8,
}
STAGES = ["stage1", "stage2", "stage3"]
NORMS = ["norm0", "norm1", "norm2"]


def tiny(**settings):
    torch.manual_seed(0)
    return randomised(VideoSwinUperNet(**TINY | settings)).eval()


@torch.no_grad()
def randomised(network):
    """Return `network` as if trained: nothing at its neutral first value, attention uneven."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias_table"):
            parameter.normal_(std=0.5)
        elif parameter.ndim == 2:
            parameter.normal_(std=parameter.shape[1] ** -0.5)
        elif parameter.ndim == 1:
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return network


def clips(num_clips, num_frames, *size_px):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(num_clips, num_frames, 3, *size_px, generator=generator)


def same(levels, others):
    assert levels.keys() == others.keys()
    return all(
        torch.equal(levels[name].raw, others[name].raw)
        and torch.equal(levels[name].normed, others[name].normed)
        for name in levels
    )


def torchvisions(network, *, num_heads, depths, window):
    """Return torchvision's classifier with the weights of `network`, its norm those of the end."""
    encoder = network.encoder
    classifier = SwinTransformer3d(
        patch_size=[1, 4, 4],
        embed_dim=encoder.taps["patch"].channels,
        depths=list(depths),
        num_heads=list(num_heads),
        window_size=list(window),
    ).eval()
    convolution, _, norm = encoder.features[0]
    classifier.patch_embed.proj.load_state_dict(convolution.state_dict())
    classifier.patch_embed.norm.load_state_dict(norm.state_dict())
    classifier.features.load_state_dict(nn.Sequential(*encoder.features[1:]).state_dict())
    classifier.norm.load_state_dict(encoder.get_submodule(f"norm{len(depths) - 1}").state_dict())
    return classifier


def outputs(classifier, frames):
    """Return what the patch embedding, each of the features and the norm give for `frames`."""
    seen = []
    modules = [classifier.patch_embed, *classifier.features, classifier.norm]
    hooks = [
        module.register_forward_hook(lambda *call: seen.append(call[-1])) for module in modules
    ]
    classifier(frames)
    for hook in hooks:
        hook.remove()
    return seen


def assert_agrees(levels, expected):
    embedded, *features, normed = expected
    stages = [name for name in levels if name != "patch"]
    assert torch.equal(levels["patch"].normed, embedded)
    for name, tokens in zip(stages, features[::2], strict=True):
        assert torch.equal(levels[name].raw, tokens)
    assert torch.equal(levels[stages[-1]].normed, normed)


@pytest.fixture(scope="module")
def swin_t():
    """The paper's network, with torchvision's attention."""
    torch.manual_seed(0)
    network = VideoSwinUperNet(num_classes=11, image_padding="none", attention="plain")
    return randomised(network).eval()


@torch.no_grad()
@pytest.mark.parametrize("num_frames", [4, 2, 1])
def test_the_papers_encoder_with_plain_attention_is_torchvisions_bit_for_bit(swin_t, num_frames):
    reference = torchvisions(
        swin_t, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), window=(4, 7, 7)
    )
    batch = clips(1, num_frames, 224, 224)
    assert_agrees(swin_t.encode(batch), outputs(reference, batch.movedim(1, 2)))


@torch.no_grad()
@pytest.mark.parametrize(("window_frames", "num_frames"), [(2, 4), (2, 3), (4, 6), (1, 4)])
def test_plain_windows_shift_over_time_as_torchvisions_do(window_frames, num_frames):
    network = tiny(window_frames=window_frames, clip_frames=num_frames, attention="plain")
    window = (window_frames, 3, 3)
    reference = torchvisions(network, depths=(2, 2, 2), num_heads=(1, 2, 4), window=window)
    batch = clips(2, num_frames, 61, 83)
    assert_agrees(network.encode(batch), outputs(reference, batch.movedim(1, 2)))


@torch.no_grad()
@pytest.mark.parametrize(("size_px", "agree"), [((48, 48), True), ((32, 48), False)])
def test_torchvisions_attention_is_another_once_a_map_is_smaller_than_a_window(size_px, agree):
    network = tiny(attention="plain")
    reference = torchvisions(network, depths=(2, 2, 2), num_heads=(1, 2, 4), window=(4, 3, 3))
    batch = clips(2, 4, *size_px)
    found = network.encode(batch)["stage3"].normed
    deviation = (outputs(reference, batch.movedim(1, 2))[-1] - found).abs().max()
    assert (deviation == 0) if agree else (deviation > 0.1)


def test_the_papers_network_has_these_taps(swin_t):
    assert swin_t.taps == {
        "patch": Tap(channels=96, stride_px=4),
        "stage1": Tap(channels=96, stride_px=4),
        "stage2": Tap(channels=192, stride_px=8),
        "stage3": Tap(channels=384, stride_px=16),
        "stage4": Tap(channels=768, stride_px=32),
    }
    assert swin_t.clip_frames == 4
    assert swin_t.window == (4, 7, 7)


def on_meta(network_class=VideoSwinUperNet, **settings):
    with torch.device("meta"):
        return network_class(num_classes=11, **settings).eval()


def multiply_adds(network, *shape, until=None):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.encode(torch.empty(shape, device="meta"), until)
    return counter.get_total_flops() // 2


def test_a_clip_of_the_paper_costs_what_was_measured_elsewhere():
    network = on_meta()
    normed = []
    for name, layer in network.encoder.named_modules():
        # torchvision's classifier has the last of the norms after the stages only
        if isinstance(layer, nn.LayerNorm) and name not in {"norm0", "norm1", "norm2"}:
            layer.register_forward_pre_hook(lambda _, args: normed.append(args[0].numel()))
    products = multiply_adds(network, 1, 4, 3, 512, 512)
    assert products / 1e9 == pytest.approx(112.33, abs=0.005)
    # the 112.7 count five operations for each number that is normalised
    assert (products + 5 * sum(normed)) / 1e9 == pytest.approx(112.7, abs=0.05)
    assert normed[0] == 65_536 * 96


def test_an_image_costs_a_picture_without_padding_and_a_clip_with_it():
    picture = multiply_adds(on_meta(SwinUperNet), 1, 3, 256, 256)
    image, filled = 1, 4
    assert multiply_adds(on_meta(image_padding="none"), 1, image, 3, 256, 256) == picture
    clip = multiply_adds(on_meta(), 1, filled, 3, 256, 256)
    assert multiply_adds(on_meta(), 1, image, 3, 256, 256) == clip > 4 * picture
    patches = 64 * 64 * 4 * 4 * 3 * 96
    assert multiply_adds(on_meta(), 1, image, 3, 256, 256, until="patch") == patches


@pytest.mark.parametrize(("tap", "num_reached"), [("normed", 4896), ("raw", 4704)])
def test_at_the_patch_tap_gradients_reach_the_patch_embedding_alone(swin_t, tap, num_reached):
    swin_t.zero_grad()
    level = swin_t.encode(clips(1, 2, 32, 32), until="patch")["patch"]
    getattr(level, tap).square().sum().backward()
    reached = [parameter for parameter in swin_t.parameters() if parameter.grad is not None]
    swin_t.zero_grad()
    assert sum(parameter.numel() for parameter in reached) == num_reached


@torch.no_grad()
def test_levels_have_the_announced_shapes():
    network = tiny()
    levels = network.encode(clips(2, 4, 61, 83))
    for name, tap in network.taps.items():
        shape = (2, 4, *tap.map_size((61, 83)), tap.channels)
        assert levels[name].raw.shape == levels[name].normed.shape == shape


@torch.no_grad()
def test_each_level_is_given_before_and_after_its_norm():
    network = tiny()
    levels = network.encode(clips(2, 4, 48, 48))
    norms = [network.encoder.features[0][2], *map(network.encoder.get_submodule, NORMS)]
    for level, norm in zip(levels.values(), norms, strict=True):
        assert torch.equal(norm(level.raw), level.normed)
        assert not torch.equal(level.raw, level.normed)


@torch.no_grad()
@pytest.mark.parametrize("image_padding", ["zeros", "none"])
def test_a_picture_is_a_clip_of_one_frame_and_comes_back_without_time(image_padding):
    network = tiny(image_padding=image_padding)
    batch = clips(2, 1, 48, 48)
    levels = network.encode(batch[:, 0])
    for name, level in network.encode(batch).items():
        assert torch.equal(levels[name].raw, level.raw.squeeze(1))
        assert torch.equal(levels[name].normed, level.normed.squeeze(1))
    assert torch.equal(network(batch[:, 0]), network(batch).squeeze(1))


@torch.no_grad()
@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_a_short_clip_is_filled_up_with_zeros_that_no_level_holds(num_frames):
    network = tiny()
    batch = clips(2, num_frames, 48, 48)
    padded = functional.pad(batch, (0, 0, 0, 0, 0, 0, 0, 4 - num_frames))
    whole = network.encode(padded)
    for name, level in network.encode(batch).items():
        torch.testing.assert_close(level.raw, whole[name].raw[:, :num_frames], rtol=0, atol=1e-6)
        torch.testing.assert_close(
            level.normed, whole[name].normed[:, :num_frames], rtol=0, atol=1e-6
        )
    assert network(batch).shape == (2, num_frames, 3, 48, 48)


@torch.no_grad()
@pytest.mark.parametrize("stage", STAGES)
def test_the_zeros_leak_into_the_given_frame_through_attention(stage):
    batch = clips(2, 1, 48, 48)
    filled, bare = (
        tiny(image_padding=padding).encode(batch)[stage].normed for padding in ("zeros", "none")
    )
    assert (filled - bare).abs().max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("num_frames", [1, 2, 4])
def test_at_the_patch_tap_nothing_leaks_and_nothing_is_filled_up(num_frames):
    network = tiny()
    batch = clips(2, num_frames, 61, 83)
    frames_seen = []
    network.encoder.features[0].get_submodule("0").register_forward_pre_hook(
        lambda _, args: frames_seen.append(args[0].shape[2])
    )
    shallow = network.encode(batch, until="patch")
    deep = network.encode(batch)["patch"]
    assert frames_seen == [num_frames, 4]
    assert list(shallow) == ["patch"]
    torch.testing.assert_close(shallow["patch"].raw, deep.raw, rtol=0, atol=1e-6)
    torch.testing.assert_close(shallow["patch"].normed, deep.normed, rtol=0, atol=1e-6)


@torch.no_grad()
def test_without_padding_a_clip_stays_as_short_as_it_is():
    network = tiny(image_padding="none")
    frames_seen = []
    network.encoder.features[1].register_forward_pre_hook(
        lambda _, args: frames_seen.append(args[0].shape[1])
    )
    network.encode(clips(1, 3, 48, 48))
    assert frames_seen == [3]


@torch.no_grad()
@pytest.mark.parametrize("until", ["patch", *STAGES])
def test_nothing_deeper_than_the_tap_is_computed(until):
    network = tiny()
    batch = clips(1, 2, 48, 48)
    calls = []
    for index, part in enumerate(network.encoder.features):
        part.register_forward_hook(lambda *_, index=index: calls.append(index))
    levels = network.encode(batch, until=until)
    depth = ["patch", *STAGES].index(until)
    assert list(levels) == ["patch", *STAGES][: depth + 1]
    # at the patch tap the parts of the patch embedding are called, not the whole
    assert calls == list(range(1, 2 * depth))


@torch.no_grad()
def test_a_side_that_is_no_multiple_of_the_patch_is_filled_up_with_zeros():
    network = tiny()
    batch = clips(1, 4, 46, 31)
    assert same(network.encode(batch), network.encode(functional.pad(batch, (0, 1, 0, 2))))


@torch.no_grad()
def test_the_order_of_the_frames_matters():
    network = tiny()
    batch, order = clips(1, 4, 48, 48), [2, 0, 3, 1]
    levels, shuffled = network.encode(batch), network.encode(batch[:, order])
    assert torch.equal(levels["patch"].normed[:, order], shuffled["patch"].normed)
    for stage in STAGES:
        assert (levels[stage].normed[:, order] - shuffled[stage].normed).abs().max() > 0.1
    assert not torch.allclose(network(batch)[:, order], network(batch[:, order]), atol=1e-3)


@pytest.mark.parametrize(
    ("until", "frames_reached"),
    [("patch", [1]), ("stage1", [0, 1, 2, 3]), ("stage3", [0, 1, 2, 3])],
)
def test_a_frame_sees_the_others_from_the_first_stage_on(until, frames_reached):
    batch = clips(1, 4, 48, 48).requires_grad_()
    tiny().encode(batch, until)[until].normed[:, 1].square().sum().backward()
    assert batch.grad.abs().amax((0, 2, 3, 4)).nonzero().flatten().tolist() == frames_reached


@torch.no_grad()
def test_each_frame_is_decoded_without_regard_to_the_others():
    network = tiny(auxiliary=True)
    levels = network.encode(clips(2, 3, 48, 48))
    second = {
        name: type(level)(level.raw[1:, 2:], level.normed[1:, 2:]) for name, level in levels.items()
    }
    for decode in (network.decode, network.decode_auxiliary):
        logits = decode(levels, (48, 48))
        assert logits.shape == (6, 3, 48, 48)
        torch.testing.assert_close(decode(second, (48, 48)), logits[5:], rtol=0, atol=1e-5)


@torch.no_grad()
def test_forward_is_the_two_steps_with_clips_and_frames_apart():
    network = tiny()
    batch = clips(2, 3, 61, 83)
    logits = network.decode(network.encode(batch), (61, 83))
    assert torch.equal(network(batch), logits.view(2, 3, 3, 61, 83))


def test_there_is_no_auxiliary_head_unless_asked_for():
    assert tiny().decode_auxiliary({}, (8, 8)) is None


@pytest.mark.parametrize("num_frames", [0, 5])
def test_clips_of_a_wrong_length_are_refused(num_frames):
    with pytest.raises(UsageError) as caught:
        tiny().encode(clips(1, num_frames, 16, 16))
    assert str(caught.value) == (
        f"clips of {num_frames} frames: this network takes 1 to 4; cut them into shorter ones, or"
        " raise clip_frames"
    )


def test_an_unknown_tap_is_refused():
    with pytest.raises(UsageError, match="placement 'stage4': this network has patch, stage1, "):
        tiny().encode(clips(1, 1, 16, 16), until="stage4")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"image_padding": "edge"}, "image_padding='edge': expected 'zeros' or 'none'"),
        ({"clip_frames": 0}, "window_frames=4, clip_frames=0: expected positive numbers"),
        ({"window_frames": 0}, "window_frames=0, clip_frames=4: expected positive numbers"),
        ({"depths": (2, 2)}, "expected one positive number per stage in both"),
        ({"num_heads": (1, 3, 4)}, "3 heads do not divide the 32 channels of stage 2"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, complaint):
    with pytest.raises(UsageError, match=complaint):
        VideoSwinUperNet(**TINY | settings)


def test_the_drop_path_rises_to_its_rate_at_the_last_block():
    network = tiny(drop_path_rate=0.5)
    rates = [m.p for m in network.modules() if type(m).__name__ == "StochasticDepth"]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_torchvisions_classifier_is_left_behind_and_all_norms_are_the_authors():
    encoder = tiny().encoder
    assert [name for name, _ in encoder.named_children()] == ["features", *NORMS]
    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-5}


def test_a_padded_image_trains_every_parameter():
    network = tiny(auxiliary=True, drop_path_rate=0.0).train()
    levels = network.encode(clips(4, 1, 48, 48))
    logits = network.decode(levels, (48, 48)), network.decode_auxiliary(levels, (48, 48))
    sum(part.square().sum() for part in logits).backward()
    unreached = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert not unreached
