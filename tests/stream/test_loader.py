"""Shards to batches."""

import pytest
import torch

from tests.made_sets import make_images, make_videos
from vsda.recipes.train import TrainRecipe
from vsda.shards.read import RandomAccessShards
from vsda.stream.domains import DomainSets, Place, stream_domains
from vsda.stream.loader import Joined
from vsda.taxonomy import class_set

CLASSES = class_set("person,dog")


@pytest.fixture
def sets(tmp_path):
    images = Joined([RandomAccessShards(make_images(tmp_path, 13))])
    videos = Joined([RandomAccessShards(make_videos(tmp_path, 5))])
    return DomainSets(images=images, videos=videos)


def recipe(**settings):
    values = {"batch_images": 4, "batch_videos": 3, "size_px": 32, "steps": 9, "workers": 0}
    augmentation = {"flip": True, "brightness": 0.4}
    return TrainRecipe.model_validate(values | {"augmentation": augmentation} | settings)


def batches(sets, start_step=0, **settings):
    place = Place(start_step=start_step)
    return list(stream_domains(recipe(**settings), CLASSES, sets, place))


def same(one, other):
    return all(
        torch.equal(first, second)
        for first, second in (
            (one.images.pictures, other.images.pictures),
            (one.images.masks, other.images.masks),
            (one.videos.pictures, other.videos.pictures),
        )
    )


def test_streams_keep_their_own_batch_sizes_and_lengths(sets):
    found = batches(sets)
    assert len(found) == 9
    assert found[0].images.pictures.shape == (4, 3, 32, 32)
    assert found[0].videos.pictures.shape == (3, 3, 32, 32)
    assert set(found[0].images.masks.unique().tolist()) <= {0, 1, 2}


def test_source_only_run_has_no_frames(sets):
    found = list(stream_domains(recipe(), CLASSES, DomainSets(images=sets.images), Place()))
    assert all(batch.videos is None for batch in found)


def test_workers_change_nothing(sets):
    assert all(map(same, batches(sets), batches(sets, workers=2)))


def test_a_resumed_stream_goes_on_with_the_same_batches(sets):
    assert all(map(same, batches(sets)[5:], batches(sets, start_step=5)))


def test_image_and_mask_are_flipped_together(sets):
    for batch in batches(sets, augmentation={"flip": True}):
        for image, mask in zip(batch.images.pictures.float(), batch.images.masks, strict=True):
            redder = image[0] - image[2]
            person, dog = mask == 1, mask == 2
            assert not person.any() or redder[person].mean() > 100
            assert not dog.any() or redder[dog].mean() < -100


def test_some_images_are_flipped(sets):
    plain = batches(sets, augmentation={})
    flipped = batches(sets, augmentation={"flip": True})
    differ = [
        not torch.equal(a, b)
        for one, other in zip(plain, flipped, strict=True)
        for a, b in zip(one.images.pictures, other.images.pictures, strict=True)
    ]
    assert 0.2 < sum(differ) / len(differ) < 0.8


def test_joined_sets_are_read_in_order(tmp_path):
    first = RandomAccessShards(make_images(tmp_path / "a", 3))
    second = RandomAccessShards(make_videos(tmp_path / "b", 2))
    joined = Joined([first, second])
    assert len(joined) == 5
    assert joined.read(3, ("jpg",)) == second.read(0, ("jpg",))
    assert joined.read(2, ("jpg",)) == first.read(2, ("jpg",))
