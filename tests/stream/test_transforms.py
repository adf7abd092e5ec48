"""Decoding, resizing, projecting, augmenting."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vsda.errors import ShardError
from vsda.stream.geometry import View
from vsda.stream.transforms import (
    Augmentation,
    augment,
    decode_resized,
    draw_colours,
    normalise,
    show_mask,
)
from vsda.taxonomy import class_set

SAME = bytes(range(256))


def jpeg(array, mode="RGB"):
    buffer = io.BytesIO()
    Image.fromarray(array).convert(mode).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def colours(seed):
    return draw_colours(np.random.default_rng(seed))


def shown(mask, size_px, classes=SAME):
    """Return the (H, W) mask as a sample has it."""
    out = np.empty((size_px, size_px), np.uint8)
    show_mask(mask, View(), classes, out)
    return out


def test_image_is_resized_to_a_square_and_keeps_its_layout():
    picture = np.zeros((480, 854, 3), dtype=np.uint8)
    picture[:240, :, 0] = 255
    image = decode_resized(jpeg(picture), 64)
    assert image.shape == (3, 64, 64)
    assert image.dtype == torch.uint8
    assert image[0, 10].float().mean() > 240
    assert image[0, 50].float().mean() < 15


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_image_of_another_colour_mode_becomes_rgb(mode):
    assert decode_resized(jpeg(np.full((9, 9, 3), 128, np.uint8), mode), 8).shape == (3, 8, 8)


def test_cut_image_is_told():
    data = jpeg(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    with pytest.raises(ShardError, match="cannot be decoded"):
        decode_resized(data[: len(data) // 2], 64)


def test_mask_is_resized_without_new_ids():
    mask = np.zeros((480, 854), dtype=np.uint8)
    mask[100:300, 200:500] = 77
    assert set(np.unique(shown(mask, 64))) == {0, 77}


def test_classes_are_numbered_in_the_order_of_their_ids():
    mask = np.array([[0, 1, 18, 44, 255]] * 5, dtype=np.uint8)
    table = class_set("dog,person").projection().tobytes()
    assert shown(mask, 5, table).tolist() == [[0, 1, 2, 0, 255]] * 5


def test_normalised_mean_colour_is_zero():
    mean = torch.tensor([0.485, 0.456, 0.406]).mul(255).round().to(torch.uint8)
    assert normalise(mean.view(1, 3, 1, 1)).abs().max() < 0.01


def test_normalised_pictures_are_contiguous_whatever_their_layout():
    images = torch.arange(2 * 4 * 5 * 3, dtype=torch.uint8).view(2, 4, 5, 3).permute(0, 3, 1, 2)
    assert normalise(images).is_contiguous()
    assert torch.equal(normalise(images), normalise(images.contiguous()))


def test_augmentation_off_changes_nothing():
    image = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)
    assert torch.equal(augment(image, Augmentation(), colours(0)), image)


def test_brightness_stays_within_its_reach():
    image = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    change = Augmentation(brightness=0.5)
    values = [int(augment(image, change, colours(seed))[0, 0, 0]) for seed in range(50)]
    assert min(values) < 70
    assert max(values) > 130
    assert 49 <= min(values) <= max(values) <= 150


def test_a_smaller_image_is_averaged_and_not_picked_from():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = decode_resized(jpeg(np.repeat(board[..., None], 3, axis=2).astype(np.uint8)), 40)
    assert image.float().std() < 60


def test_saturation_changes_colours_and_not_grey():
    grey = torch.arange(48, dtype=torch.uint8).view(1, 4, 12).expand(3, 4, 12)
    red = torch.stack([torch.full((4, 4), value, dtype=torch.uint8) for value in (140, 90, 90)])
    change = Augmentation(saturation=0.9)
    for seed in range(5):
        same = augment(grey, change, colours(seed))
        assert (same.int() - grey.int()).abs().max() <= 1
        changed = augment(red, change, colours(seed)).float()
        luma = torch.tensor([0.299, 0.587, 0.114])
        assert (changed[:, 0, 0] @ luma).item() == pytest.approx(104.95, abs=2)
        assert not torch.equal(changed, red.float())
