"""Inflated weights against the network of pictures that they come from."""

import pytest
import torch
from timm.layers.pos_embed_rel import resize_rel_pos_bias_table_simple
from torch import nn

from tests.models.test_video_swin_upernet import clips, randomised
from vsda.models.inflate import inflate_bias_table, inflate_patches, inflate_state
from vsda.models.swin_upernet import SwinUperNet
from vsda.models.video_swin_upernet import VideoSwinUperNet

TINY = {
    "num_classes": 3,
    "embed_dim": 16,
    "depths": (2, 2, 2),
    "num_heads": (1, 2, 4),
    "window_size": 4,
    "decoder_channels": 8,
    "auxiliary": True,
}
SIZES = [(64, 64), (61, 83), (96, 32), (5, 3)]
TOLERANCE = 1e-5


def tiny_pair(**settings):
    """Return a network of pictures, and one of clips with its weights."""
    torch.manual_seed(0)
    pictures_network = randomised(SwinUperNet(**TINY)).eval()
    return pictures_network, inflated(pictures_network, VideoSwinUperNet(**TINY | settings))


def inflated(pictures_network, clips_network):
    load(clips_network, inflate_state(pictures_network.state_dict(), clips_network))
    return clips_network.eval()


def load(network, state):
    """Load `state`, which may lack nothing but what follows from the window."""
    report = network.load_state_dict(state, strict=False)
    assert not report.unexpected_keys
    assert all(name.endswith("relative_position_index") for name in report.missing_keys)


def deviations(pictures_network, clips_network, pictures, num_frames):
    """Return name -> greatest deviation of any frame of a clip of one picture, over and over."""
    still = pictures.unsqueeze(1).expand(-1, num_frames, -1, -1, -1)
    levels, expected = clips_network.encode(still), pictures_network.encode(pictures)
    size = tuple(pictures.shape[-2:])
    found = {
        f"{name}.{kind}": greatest(getattr(levels[name], kind), getattr(expected[name], kind))
        for name in expected
        for kind in ("raw", "normed")
    }
    for head in ("decode", "decode_auxiliary"):
        logits = getattr(clips_network, head)(levels, size)
        reference = getattr(pictures_network, head)(expected, size)
        if reference is not None:
            found[head] = greatest(logits.unflatten(0, still.shape[:2]), reference)
    return found


def greatest(of_clips, of_pictures):
    return (of_clips - of_pictures.unsqueeze(1)).abs().max().item()


@torch.no_grad()
def test_the_papers_network_gives_a_still_clip_the_features_of_its_picture():
    torch.manual_seed(0)
    narrow = {"num_classes": 11, "decoder_channels": 64}  # the decoder takes no part in inflation
    pictures_network = randomised(SwinUperNet(**narrow)).eval()
    clips_network = inflated(pictures_network, VideoSwinUperNet(**narrow))
    found = deviations(pictures_network, clips_network, clips(1, 1, 256, 256)[:, 0], 4)
    assert len(found) == 2 * 5 + 1
    assert max(found.values()) <= TOLERANCE


@torch.no_grad()
@pytest.mark.parametrize("size_px", SIZES, ids=str)
@pytest.mark.parametrize(("window_frames", "clip_frames"), [(4, 4), (4, 2), (2, 4), (4, 8), (1, 3)])
def test_any_window_and_any_size_give_a_still_clip_its_pictures_features(
    size_px, window_frames, clip_frames
):
    networks = tiny_pair(window_frames=window_frames, clip_frames=clip_frames)
    found = deviations(*networks, clips(2, 1, *size_px)[:, 0], clip_frames)
    assert len(found) == 2 * 4 + 2
    assert max(found.values()) <= TOLERANCE


@torch.no_grad()
@pytest.mark.parametrize("size_px", SIZES, ids=str)
def test_an_image_without_padding_has_the_features_of_the_picture(size_px):
    networks = tiny_pair(image_padding="none")
    found = deviations(*networks, clips(2, 1, *size_px)[:, 0], 1)
    assert max(found.values()) <= TOLERANCE


@torch.no_grad()
def test_an_image_padded_with_zeros_has_other_features_than_the_picture_but_for_its_patches():
    networks = tiny_pair(image_padding="zeros")
    found = deviations(*networks, clips(2, 1, 64, 64)[:, 0], 1)
    assert found["patch.raw"] <= TOLERANCE
    assert found["patch.normed"] <= TOLERANCE
    assert all(found[f"{stage}.normed"] > 0.1 for stage in ("stage1", "stage2", "stage3"))


@torch.no_grad()
def test_a_table_repeated_row_by_row_gives_other_features():
    pictures_network, clips_network = tiny_pair()
    state = inflate_state(pictures_network.state_dict(), clips_network)
    for name, tensor in pictures_network.state_dict().items():
        if name.endswith("bias_table"):
            state[name] = tensor.repeat_interleave(7, dim=0)
    load(clips_network, state)
    found = deviations(pictures_network, clips_network, clips(2, 1, 64, 64)[:, 0], 4)
    assert all(found[f"{stage}.normed"] > 0.1 for stage in ("stage1", "stage2", "stage3"))


@torch.no_grad()
def test_swapped_frames_swap_their_features_right_after_inflation():
    _, clips_network = tiny_pair()
    batch, order = clips(1, 4, 64, 64), [2, 0, 3, 1]
    swapped = clips_network.encode(batch[:, order])
    for name, level in clips_network.encode(batch).items():
        torch.testing.assert_close(swapped[name].raw, level.raw[:, order], rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_patches_of_two_frames_share_the_weight():
    pictures_network, clips_network = tiny_pair(image_padding="none")
    embedding = clips_network.encoder.features[0]
    embedding[0] = nn.Conv3d(3, 16, kernel_size=(2, 4, 4), stride=(2, 4, 4))
    load(clips_network, inflate_state(pictures_network.state_dict(), clips_network))
    pictures = clips(2, 1, 64, 64)[:, 0]
    still = pictures.unsqueeze(1).expand(-1, 4, -1, -1, -1)
    expected = pictures_network.encode(pictures, "patch")["patch"].raw.unsqueeze(1)

    found = clips_network.encode(still, "patch")["patch"].raw
    assert found.shape[1] == 2
    torch.testing.assert_close(found, expected.expand_as(found), rtol=0, atol=TOLERANCE)

    embedding[0].weight.mul_(2)  # what a division left out would give
    doubled = clips_network.encode(still, "patch")["patch"].raw
    assert (doubled - expected).abs().max() > 0.1


def test_each_frame_of_a_patch_has_its_share_of_the_weight():
    weight = torch.arange(48.0).view(1, 3, 4, 4)
    assert torch.equal(inflate_patches(weight, 1), weight.unsqueeze(2))
    assert torch.equal(inflate_patches(weight, 3).sum(2), weight)
    assert torch.equal(inflate_patches(weight, 4)[:, :, 3], weight / 4)


def test_a_table_is_repeated_as_a_whole():
    table = torch.arange(18.0).view(9, 2)
    found = inflate_bias_table(table, (3, 2, 2))
    assert found.shape == (45, 2)
    assert torch.equal(found, torch.cat([table] * 5))


def test_the_papers_table_grows_from_169_to_1183_rows():
    assert inflate_bias_table(torch.zeros(169, 3), (4, 7, 7)).shape == (1183, 3)


@pytest.mark.parametrize(("from_side", "to_side"), [(7, 12), (7, 4), (12, 7)])
def test_a_table_of_another_window_is_resized_as_timm_does(from_side, to_side):
    table = torch.randn((2 * from_side - 1) ** 2, 3, generator=torch.Generator().manual_seed(1))
    shape = ((2 * to_side - 1) ** 2, 3)
    expected = resize_rel_pos_bias_table_simple(table, (to_side, to_side), shape)
    found = inflate_bias_table(table, (2, to_side, to_side))
    torch.testing.assert_close(found, expected.repeat(3, 1), rtol=0, atol=1e-6)


@torch.no_grad()
def test_another_window_of_the_network_takes_resized_tables():
    pictures_network, clips_network = tiny_pair(window_size=7)
    name = "encoder.features.1.0.attn.relative_position_bias_table"
    assert len(pictures_network.state_dict()[name]) == 7 * 7
    assert len(clips_network.state_dict()[name]) == 7 * 13 * 13


def test_both_networks_have_the_same_names():
    pictures_network, clips_network = tiny_pair()
    assert pictures_network.state_dict().keys() == clips_network.state_dict().keys()


def test_norms_and_heads_are_kept_as_they_are():
    pictures_network, clips_network = tiny_pair()
    state = inflate_state(pictures_network.state_dict(), clips_network)
    changed = [
        name
        for name, tensor in pictures_network.state_dict().items()
        if state.get(name) is not tensor
        and not (name in state and torch.equal(state[name], tensor))
    ]
    kinds = {name.rpartition(".")[2] for name in changed}
    assert kinds == {"relative_position_bias_table", "relative_position_index", "weight"}
    assert [name for name in changed if name.endswith(".weight")] == ["encoder.features.0.0.weight"]
    norms = {f"encoder.norm{stage}.{kind}" for stage in range(3) for kind in ("weight", "bias")}
    assert norms <= state.keys()


def test_what_follows_from_the_window_is_left_out():
    _, clips_network = tiny_pair()
    names = ["relative_position_index", "attn_mask"]
    state = {f"encoder.features.1.1.attn.{name}": torch.zeros(4, 4) for name in names}
    assert inflate_state(state, clips_network) == {}


def test_what_does_not_fit_comes_back_as_it_is():
    _, clips_network = tiny_pair()
    state = {
        "decoder.conv_seg.weight": torch.zeros(150, 8, 1, 1),
        "head.weight": torch.zeros(2, 2, 2, 2),
        "encoder.features.1.0.attn.relative_position_bias_table": torch.zeros(50, 1),
        "encoder.features.1.1.attn.relative_position_bias_table": torch.zeros(64, 1),
    }
    found = inflate_state(state, clips_network)
    assert all(found[name] is tensor for name, tensor in state.items())
    assert found.keys() == state.keys()


def test_the_state_that_is_inflated_stays_as_it_was():
    pictures_network, clips_network = tiny_pair()
    before = {name: tensor.clone() for name, tensor in pictures_network.state_dict().items()}
    with torch.no_grad():
        for tensor in clips_network.parameters():
            tensor.zero_()
    assert all(
        torch.equal(before[name], now) for name, now in pictures_network.state_dict().items()
    )
