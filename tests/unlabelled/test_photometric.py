import pytest
import torch
from torchvision.transforms.v2 import functional

from vsda.unlabelled.photometric import Photometric, blurred

ALL = {
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.4,
    "hue": 0.1,
    "blur_px": 1.5,
    "noise": 0.1,
}


def pictures(*leading, size_px=16):
    numbers = torch.Generator().manual_seed(1)
    shape = (*leading, 3, size_px, size_px)
    return torch.randint(60, 180, shape, dtype=torch.uint8, generator=numbers)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_nothing_that_may_change_leaves_pictures_themselves():
    given = pictures(2)
    assert Photometric().changed(given, generator()) is given


@pytest.mark.parametrize("name", ALL)
def test_each_setting_changes_each_picture_in_its_own_way(name):
    same = pictures(1).expand(3, 3, 16, 16)
    found = Photometric(**{name: ALL[name]}).changed(same, generator(1))
    assert found.dtype == torch.float32
    assert found.shape == same.shape
    assert 0 <= found.min() <= found.max() <= 255
    assert not torch.equal(found[0], same[0].float())
    assert not torch.equal(found[0], found[1])


def test_the_seed_decides_and_the_global_numbers_are_left_alone():
    before = torch.get_rng_state()
    one, again, other = (
        Photometric(**ALL).changed(pictures(2), generator(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_a_clip_changes_as_a_whole():
    still = pictures(2, 1).expand(2, 4, 3, 16, 16)
    found = Photometric(**ALL | {"noise": 0.0}).changed(still, generator())
    for frame in range(1, 4):
        torch.testing.assert_close(found[:, frame], found[:, 0])
    assert not torch.equal(found[0], found[1])


def test_colours_change_as_torchvisions_do():
    given = pictures(1)[0].float()
    draws = 2 * torch.rand(6, 1, generator=generator()) - 1
    for number, (name, operation) in enumerate(
        {
            "brightness": functional.adjust_brightness,
            "contrast": functional.adjust_contrast,
            "saturation": functional.adjust_saturation,
        }.items()
    ):
        found = Photometric(**{name: 0.5}).changed(given[None], generator())[0]
        factor = 1 + 0.5 * float(draws[number])
        torch.testing.assert_close(found, 255 * operation(given / 255, factor), atol=0.02, rtol=0)


def test_hue_turns_round_the_grey_axis():
    grey = torch.full((4, 3, 2, 2), 90.0)
    turned = Photometric(hue=0.5).changed(grey, generator())
    torch.testing.assert_close(turned, grey, atol=1e-3, rtol=0)
    given = pictures(4).float()
    found = Photometric(hue=0.05).changed(given, generator())
    torch.testing.assert_close(found.mean(dim=1), given.mean(dim=1), atol=1e-3, rtol=0)
    assert (found - given).abs().max() > 3


def test_blur_is_torchvisions_with_a_deviation_for_each_picture():
    given = pictures(3).float()
    sigma_px = torch.tensor([0.0, 0.7, 1.4])
    found = blurred(given, sigma_px, radius_px=5)
    torch.testing.assert_close(found[0], given[0], atol=1e-3, rtol=0)
    for number in (1, 2):
        expected = functional.gaussian_blur(given[number], [11, 11], [float(sigma_px[number])])
        inner = (..., slice(5, -5), slice(5, -5))  # it mirrors at the border
        torch.testing.assert_close(found[number][inner], expected[inner], atol=1e-2, rtol=0)


def test_one_setting_does_not_change_anothers_draws():
    alone = Photometric(brightness=0.3).changed(pictures(2), generator())
    beside = Photometric(brightness=0.3, saturation=1e-9).changed(pictures(2), generator())
    torch.testing.assert_close(alone, beside)
