"""Made-up batches have the shapes of a recipe."""

import torch

from tests.training.small import small_recipe
from vsda.bench.made_up import made_up_batch

CLIPS = {"name": "video_swin_upernet", "clip_frames": 3}


def test_pictures_have_the_sizes_of_the_recipe_even_odd_ones():
    batch = made_up_batch(small_recipe(size_px=33), 3)
    assert batch.images.pictures.shape == (4, 3, 33, 33)
    assert batch.images.masks.shape == (4, 33, 33)
    assert batch.videos.pictures.shape == (3, 3, 33, 33)
    assert batch.images.pictures.dtype == batch.images.masks.dtype == torch.uint8


def test_frames_have_no_labels():
    assert made_up_batch(small_recipe(), 3).videos.masks is None


def test_labels_lie_below_the_number_of_classes():
    masks = made_up_batch(small_recipe(batch_images=8), 2).images.masks
    assert masks.unique().tolist() == [0, 1]


def test_network_of_clips_gets_clips_and_images_of_one_frame():
    batch = made_up_batch(small_recipe(network=CLIPS), 3)
    assert batch.images.pictures.shape == (4, 1, 3, 32, 32)
    assert batch.images.masks.shape == (4, 1, 32, 32)
    assert batch.videos.pictures.shape == (3, 3, 3, 32, 32)


def test_pictures_differ_and_repeat():
    first, second = (made_up_batch(small_recipe(), 3) for _ in range(2))
    assert torch.equal(first.images.pictures, second.images.pictures)
    assert not torch.equal(first.images.pictures[0], first.images.pictures[1])


def test_batch_of_another_number_shows_other_scenes():
    first, second = (made_up_batch(small_recipe(), 3, number) for number in range(2))
    pictures = torch.cat([first.images.pictures, second.images.pictures]).flatten(1)
    assert len(pictures.unique(dim=0)) == 8
    assert not torch.equal(first.videos.pictures, second.videos.pictures)
