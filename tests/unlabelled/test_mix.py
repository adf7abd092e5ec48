import pytest
import torch

from vsda.taxonomy import IGNORE_INDEX
from vsda.unlabelled.mix import drawn_pixels, pasted


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def mask_of(*classes):
    """Return a mask (1, 1, n) with a pixel of each class."""
    return torch.tensor([[classes]], dtype=torch.uint8)


@pytest.mark.parametrize(
    ("classes", "half"), [((3,), 0), ((0, 3), 1), ((0, 1, 3), 2), ((0, 1, 2, 3), 2)]
)
def test_half_of_the_classes_is_drawn_rounded_up_but_never_all(classes, half):
    for seed in range(5):
        assert drawn_pixels(mask_of(*classes), 4, generator(seed)).sum() == half


def test_a_class_is_drawn_with_all_of_its_pixels():
    masks = torch.randint(0, 4, (6, 9, 9), dtype=torch.uint8, generator=generator())
    drawn = drawn_pixels(masks, 4, generator())
    for mask, pixels in zip(masks, drawn, strict=True):
        taken = {int(number) for number in mask[pixels].unique()}
        left = {int(number) for number in mask[~pixels].unique()}
        assert len(taken) == len(left) == 2
        assert not taken & left


def test_pixels_without_a_label_are_never_drawn_and_are_no_class():
    mask = mask_of(0, 1, IGNORE_INDEX, IGNORE_INDEX)
    for seed in range(5):
        drawn = drawn_pixels(mask, 3, generator(seed))
        assert drawn.sum() == 1
        assert not drawn[mask == IGNORE_INDEX].any()
    assert not drawn_pixels(mask_of(IGNORE_INDEX), 3, generator()).any()


def test_every_class_has_its_turn_and_the_seed_decides():
    mask = mask_of(0, 1, 2, 3)
    found = {tuple(drawn_pixels(mask, 4, generator(seed))[0, 0].tolist()) for seed in range(60)}
    assert len(found) == 6  # of 4 over 2
    assert torch.equal(drawn_pixels(mask, 4, generator(3)), drawn_pixels(mask, 4, generator(3)))


def test_pasting_takes_colours_and_labels_from_one_place():
    over, under = torch.ones(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)
    pixels = torch.tensor([[[True, False], [False, False]], [[False, False], [False, True]]])
    colours = pasted(over, under, pixels)
    labels = pasted(over[:, 0], under[:, 0], pixels)
    assert torch.equal(colours, labels[:, None].expand_as(colours))
    assert torch.equal(labels.bool(), pixels)


def test_a_still_is_pasted_over_all_frames_of_a_clip():
    over, under = torch.ones(2, 1, 3, 4, 4), torch.zeros(2, 5, 3, 4, 4)
    pixels = torch.rand(2, 1, 4, 4, generator=generator()) > 0.5
    found = pasted(over, under, pixels)
    assert found.shape == under.shape
    for frame in range(5):
        assert torch.equal(found[:, frame, 0].bool(), pixels[:, 0])
