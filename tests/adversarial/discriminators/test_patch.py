import pytest
import torch
from torch import nn

from vsda.adversarial.discriminators import (
    ClipPatchDiscriminator,
    PatchDiscriminator,
    check_patch_map,
)
from vsda.errors import UsageError

KINDS = [PatchDiscriminator, ClipPatchDiscriminator]
SMALL = (4, 5, 6)


def moved_logits(discriminator, clip, place):
    """Return which logits change when the token at `place` does."""
    changed = clip.clone()
    changed[place] += 1
    return (discriminator(clip) - discriminator(changed)).abs() > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("side", "left"), [(12, 1), (16, 2), (19, 2), (32, 6), (64, 14)])
def test_each_frame_gets_a_map_of_logits(kind, side, left):
    logits = kind(3, SMALL)(torch.randn(2, 4, side, side, 3))
    assert logits.shape == (2, 4, left, left)


def test_the_papers_clips_of_512_pixels_give_30_by_30_logits_per_frame():
    features = torch.randn(1, 4, 128, 128, 96)
    with torch.no_grad():
        assert PatchDiscriminator(96)(features).shape == (1, 4, 30, 30)
        assert ClipPatchDiscriminator(96, SMALL)(features).shape == (1, 4, 30, 30)


@pytest.mark.parametrize("kind", KINDS)
def test_maps_need_not_be_square(kind):
    assert kind(3, SMALL)(torch.randn(1, 1, 12, 24, 3)).shape == (1, 1, 1, 4)


def test_single_frames_get_maps_of_logits():
    discriminator = PatchDiscriminator(3, SMALL)
    frames = torch.randn(4, 16, 16, 3)
    logits = discriminator(frames)
    assert logits.shape == (4, 2, 2)
    torch.testing.assert_close(discriminator(frames[0]), logits[0])
    torch.testing.assert_close(discriminator(frames.unflatten(0, (2, 2))).flatten(0, 1), logits)


@pytest.mark.parametrize("kind", KINDS)
def test_four_convolutions_of_kernel_four_with_leaky_relus_and_no_norm(kind):
    discriminator = kind(96)
    layers = discriminator.convolutions
    assert [layer.kernel_size[-2:] for layer in layers] == [(4, 4)] * 4
    assert [layer.stride[-1] for layer in layers] == [2, 2, 1, 1]
    assert [layer.out_channels for layer in layers] == [64, 128, 256, 1]
    assert discriminator.activation.negative_slope == 0.2
    convolution = nn.Conv2d if kind is PatchDiscriminator else nn.Conv3d
    leaves = [module for module in discriminator.modules() if not list(module.children())]
    assert {type(leaf) for leaf in leaves} == {convolution, nn.LeakyReLU}


def test_equals_the_same_layers_in_a_row():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(3, SMALL)
    first, second, third, last = discriminator.convolutions
    plain = nn.Sequential(
        first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), third, nn.LeakyReLU(0.2), last
    )
    frames = torch.randn(2, 20, 16, 3)
    expected = plain(frames.permute(0, 3, 1, 2))[:, 0]
    torch.testing.assert_close(discriminator(frames), expected)


def test_a_logit_sees_34_tokens_along_each_side():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(2, SMALL).double()
    frames = torch.randn(1, 64, 64, 2, dtype=torch.float64, requires_grad=True)
    discriminator(frames)[0, 6, 6].backward()
    rows = frames.grad[0].abs().sum(dim=(1, 2)).nonzero().flatten()
    assert len(rows) == 34
    assert int(rows[-1] - rows[0]) == 33


def test_frames_of_a_clip_are_judged_by_themselves_in_two_dimensions():
    torch.manual_seed(0)
    moved = moved_logits(PatchDiscriminator(3, SMALL), torch.randn(1, 4, 12, 12, 3), (0, 1, 6, 6))
    assert moved.flatten().tolist() == [False, True, False, False]


def test_frames_of_a_clip_are_judged_together_in_three_dimensions():
    torch.manual_seed(0)
    clip = torch.randn(1, 12, 12, 12, 3)
    moved = moved_logits(ClipPatchDiscriminator(3, SMALL), clip, (0, 6, 6, 6))
    # four kernels of three frames reach four frames to each side
    assert moved.flatten().nonzero().flatten().tolist() == list(range(2, 11))


def test_an_image_is_judged_as_the_still_that_repeats_it():
    torch.manual_seed(0)
    discriminator = ClipPatchDiscriminator(3, SMALL)
    image = torch.randn(2, 1, 16, 16, 3)
    still = discriminator(image.expand(2, 4, 16, 16, 3))
    torch.testing.assert_close(still, discriminator(image).expand_as(still))


def test_two_dimensions_on_a_still_equal_three_with_summed_kernels():
    torch.manual_seed(0)
    clips, frames = ClipPatchDiscriminator(3, SMALL), PatchDiscriminator(3, SMALL)
    with torch.no_grad():
        for thick, flat in zip(clips.convolutions, frames.convolutions, strict=True):
            flat.weight.copy_(thick.weight.sum(dim=2))
            flat.bias.copy_(thick.bias)
    image = torch.randn(2, 1, 16, 16, 3)
    torch.testing.assert_close(clips(image), frames(image))


def test_what_moves_differs_from_the_still_in_three_dimensions_alone():
    torch.manual_seed(0)
    clip = torch.randn(1, 4, 16, 16, 3)
    for kind, tells in ((PatchDiscriminator, False), (ClipPatchDiscriminator, True)):
        discriminator = kind(3, SMALL)
        moving, still = discriminator(clip)[:, 0], discriminator(clip[:, :1])[:, 0]
        assert torch.allclose(moving, still) != tells


def test_the_gradient_of_three_dimensions_is_deterministic():
    torch.manual_seed(0)
    discriminator = ClipPatchDiscriminator(3, SMALL)
    clip = torch.randn(1, 4, 12, 12, 3, requires_grad=True)
    torch.use_deterministic_algorithms(True)
    try:
        discriminator(clip).sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    assert clip.grad.ne(0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_gives_no_logit_and_a_gradient(kind):
    features = torch.empty(0, 4, 12, 12, 3, requires_grad=True)
    logits = kind(3, SMALL)(features)
    assert logits.numel() == 0
    logits.sum().backward()
    assert features.grad.shape == features.shape


@pytest.mark.parametrize("kind", KINDS)
def test_training_and_evaluation_agree_and_draw_nothing(kind):
    discriminator, clips = kind(3, SMALL), torch.randn(2, 2, 12, 12, 3)
    before = torch.get_rng_state()
    assert torch.equal(discriminator.train()(clips), discriminator.eval()(clips))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_too_small_is_refused_with_what_to_choose(kind):
    message = (
        "a PatchGAN got maps of 8 x 16 tokens, expected at least 12 x 12; choose a shallower "
        "adversarial.placement or a larger size_px"
    )
    with pytest.raises(UsageError, match=message):
        kind(3)(torch.ones(1, 1, 8, 16, 3))
    with pytest.raises(UsageError, match=message):
        check_patch_map(8, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_another_number_of_widths_is_refused(kind):
    with pytest.raises(ValueError, match=r"channels: got \(64, 64\), expected 3 widths"):
        kind(3, [64, 64])


@pytest.mark.parametrize("kind", KINDS)
def test_another_number_of_channels_is_refused(kind):
    with pytest.raises(ValueError, match="expected 3 channels in the last dimension"):
        kind(3)(torch.ones(1, 1, 12, 12, 4))


def test_three_dimensions_refuse_what_has_no_time():
    with pytest.raises(
        ValueError, match=r"expected \(N, T, h, w, C\); give images as clips of one"
    ):
        ClipPatchDiscriminator(3)(torch.ones(2, 12, 12, 3))
