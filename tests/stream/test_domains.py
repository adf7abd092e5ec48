"""The batches of a run, drawn from its sets."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.made_sets import make_images, make_videos
from tests.stream.made_clips import frames, joined, numbers, stills
from tests.training.small import NO_AUGMENTATION
from vsda.errors import RecipeError, ShardError
from vsda.recipes.train import TrainRecipe
from vsda.shards.read import RandomAccessShards
from vsda.stream.domains import Batch, DomainSets, Part, Place, stream_domains
from vsda.stream.loader import Joined
from vsda.taxonomy import class_set

CLASSES = class_set("person,dog")
PLAIN = {"batch_images": 4, "batch_videos": 3, "size_px": 32, "steps": 9, "workers": 0}
CLIPS = {"network": {"name": "video_swin_upernet", "clip_frames": 4}, "batch_labelled_videos": 2}
DRAWN = {
    0: [
        [(92.4, 93.9), (102.4, 105.6), (105.7, 112.4), (111.4, 106.5)],
        [(45.5, 46.7), (44.3, 46.8), (44.9, 47.4)],
        [(160, 256), (176, 256), (512, 512), (64, 256)],
    ],
    4: [
        [(121.8, 126.9), (106.5, 105.8), (150.6, 143.4), (130.0, 124.3)],
        [(47.4, 44.9), (46.8, 44.3), (44.8, 47.1)],
        [(448, 512), (112, 256), (96, 512), (64, 256)],
    ],
}
"""Means of the left and right halves of images and frames, sums of the left half of masks and of
the masks, by step, as they were when a batch had single labelled images and unlabelled frames."""


@pytest.fixture
def sets(tmp_path):
    images = Joined([RandomAccessShards(make_images(tmp_path, 13))])
    videos = Joined([RandomAccessShards(make_videos(tmp_path, 5))])
    return DomainSets(images=images, videos=videos)


@pytest.fixture
def clip_sets(tmp_path):
    """Sets of all three streams; that of the labelled videos has a mask now and then."""
    return DomainSets(
        images=joined(tmp_path, stills(7), name="images"),
        videos=joined(tmp_path, frames("cows", 9), frames("ant", 3), name="videos"),
        labelled_videos=joined(
            tmp_path, frames("bear", 13, labelled={0, 5, 12}), frames("dog", 2), name="labelled"
        ),
    )


def recipe(**settings):
    """Return the plain recipe; what `augmentation` does not name is off."""
    augmentation = settings.pop("augmentation", {"flip": True, "brightness": 0.4})
    changes = {"augmentation": NO_AUGMENTATION | augmentation}
    return TrainRecipe.model_validate(PLAIN | changes | settings)


def batches(sets, start_step=0, **settings):
    place = Place(start_step=start_step)
    return list(stream_domains(recipe(**settings), CLASSES, sets, place))


def tensors(batch):
    """Return every tensor of a batch, None for those that it lacks."""
    parts = [batch.images, batch.videos, batch.labelled_videos]
    return [getattr(part, name, None) for part in parts for name in ("pictures", "masks")]


def same(one, other):
    return all(
        first is second is None or torch.equal(first, second)
        for first, second in zip(tensors(one), tensors(other), strict=True)
    )


def batch_numbers(batch):
    return numbers(batch.videos.pictures)


def halves(pictures):
    pictures = pictures.float()
    return [(each[..., :16].mean().item(), each[..., 16:].mean().item()) for each in pictures]


def test_images_and_frames_are_drawn_as_ever(sets):
    found = batches(sets)
    for step, (images, videos, masks) in DRAWN.items():
        assert halves(found[step].images.pictures) == [pytest.approx(one, abs=1) for one in images]
        assert halves(found[step].videos.pictures) == [pytest.approx(one, abs=1) for one in videos]
        sums = [(one[:, :16].sum().item(), one.sum().item()) for one in found[step].images.masks]
        assert sums == masks


def test_streams_keep_their_own_batch_sizes_and_lengths(sets):
    found = batches(sets)
    assert len(found) == 9
    assert found[0].images.pictures.shape == (4, 3, 32, 32)
    assert found[0].videos.pictures.shape == (3, 3, 32, 32)
    assert set(found[0].images.masks.unique().tolist()) <= {0, 1, 2}


def test_source_only_run_has_no_frames(sets):
    found = batches(DomainSets(images=sets.images))
    assert all(batch.videos is batch.labelled_videos is None for batch in found)


def test_workers_change_nothing(sets):
    assert all(map(same, batches(sets), batches(sets, workers=2)))


def test_a_resumed_stream_goes_on_with_the_same_batches(sets):
    assert all(map(same, batches(sets)[5:], batches(sets, start_step=5)))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_run_goes_on_in_the_middle_of_an_epoch_as_if_nothing_had_been(sets, workers):
    settings = {"augmentation": {"flip": True, "resize": (0.5, 2.0), "hue": 0.1}}
    resumed = batches(sets, start_step=4, workers=workers, prefetch=3, **settings)
    assert all(map(same, batches(sets, **settings)[4:], resumed))


def test_more_workers_than_shards_change_nothing(tmp_path):
    sets = DomainSets(images=joined(tmp_path, stills(5)))
    assert all(map(same, batches(sets, steps=4), batches(sets, steps=4, workers=2)))


def test_no_two_devices_draw_the_same_sample_in_a_step(tmp_path):
    sets = DomainSets(videos=joined(tmp_path, frames("cows", 12)))
    ranks = [
        list(
            stream_domains(
                recipe(batch_videos=6, augmentation={}),
                CLASSES,
                sets,
                Place(rank=rank, world_size=3),
            )
        )
        for rank in range(3)
    ]
    for step in range(0, 9, 2):
        epoch = [
            n for rank in ranks for batch in rank[step : step + 2] for n in batch_numbers(batch)
        ]
        assert sorted(epoch) == (list(range(12)) if step < 8 else sorted(set(epoch)))


def test_a_batch_that_devices_cannot_share_is_refused(sets):
    with pytest.raises(RecipeError, match="batch_images: 4 samples over all devices cannot be"):
        next(stream_domains(recipe(), CLASSES, sets, Place(world_size=3)))


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


def test_a_stream_does_not_depend_on_the_others(clip_sets):
    everything = batches(clip_sets, batch_labelled_videos=2)
    for name in ("images", "videos", "labelled_videos"):
        alone = batches(DomainSets(**{name: getattr(clip_sets, name)}), batch_labelled_videos=2)
        for one, other in zip(everything, alone, strict=True):
            assert torch.equal(getattr(one, name).pictures, getattr(other, name).pictures)


def test_labels_of_images_that_are_not_wanted_are_not_even_read(sets, tmp_path):
    bare = [replace(one, seg=None) for one in stills(5)]
    images = DomainSets(images=joined(tmp_path, bare))
    settings = {"image_labels": False, "labelled_videos": ("some",)}
    assert all(batch.images.masks is None for batch in batches(images, **settings))
    for one, other in zip(batches(sets), batches(sets, **settings), strict=True):
        assert torch.equal(one.images.pictures, other.images.pictures)


def test_images_without_masks_are_refused_where_their_labels_count(tmp_path):
    bare = [replace(one, seg=None) for one in stills(5)]
    with pytest.raises(ShardError, match=r"none of 5 samples has a seg\.png"):
        batches(DomainSets(images=joined(tmp_path, bare)))


def test_labelled_frames_are_those_with_a_mask(clip_sets):
    found = batches(clip_sets, augmentation={}, batch_labelled_videos=5)
    drawn = [number for batch in found for number in numbers(batch.labelled_videos.pictures)]
    assert Counter(drawn) == {0: 18, 5: 9, 12: 9, 1: 9}
    assert all((batch.labelled_videos.masks != 255).all() for batch in found)


def test_colours_of_labelled_videos_change_and_those_of_unlabelled_ones_stay(clip_sets):
    for one, other in zip(
        batches(clip_sets, augmentation={"brightness": 0.4}, batch_labelled_videos=2),
        batches(clip_sets, augmentation={}, batch_labelled_videos=2),
        strict=True,
    ):
        assert torch.equal(one.videos.pictures, other.videos.pictures)
        assert not torch.equal(one.labelled_videos.pictures, other.labelled_videos.pictures)


def test_unlabelled_videos_are_cut_as_images_are_and_keep_their_colours(clip_sets):
    squares = {"resize": (0.5, 2.0)}
    for plain, cut, coloured in zip(
        batches(clip_sets, augmentation={}, batch_labelled_videos=2),
        batches(clip_sets, augmentation=squares, batch_labelled_videos=2),
        batches(clip_sets, augmentation=squares | {"hue": 0.3}, batch_labelled_videos=2),
        strict=True,
    ):
        for name in ("images", "videos", "labelled_videos"):
            parts = [getattr(batch, name).pictures for batch in (plain, cut, coloured)]
            assert not torch.equal(parts[0], parts[1])
            assert torch.equal(parts[1], parts[2]) == (name == "videos")


class TestClips:
    def test_images_are_clips_of_one_frame_and_videos_of_four(self, clip_sets):
        batch = batches(clip_sets, **CLIPS)[0]
        assert batch.images.pictures.shape == (4, 1, 3, 32, 32)
        assert batch.images.masks.shape == (4, 1, 32, 32)
        assert batch.videos.pictures.shape == (3, 4, 3, 32, 32)
        assert batch.videos.masks is None
        assert batch.labelled_videos.pictures.shape == (2, 4, 3, 32, 32)
        assert batch.labelled_videos.masks.shape == (2, 4, 32, 32)
        assert batch.num_pictures == 4 + 3 * 4 + 2 * 4

    def test_a_clip_has_the_stride_of_the_recipe(self, clip_sets):
        sets = DomainSets(videos=clip_sets.videos)
        short = ([0, 2, 2, 2], [1, 1, 1, 1])
        for batch in batches(sets, **CLIPS, clip_stride=2, augmentation={}):
            for clip in numbers(batch.videos.pictures):
                assert np.diff(clip).tolist() == [2, 2, 2] or clip in short

    def test_an_epoch_is_every_frame_once(self, clip_sets):
        sets = DomainSets(videos=clip_sets.videos)
        settings = CLIPS | {"batch_videos": 12, "steps": 2, "augmentation": {}}
        cows = [[start, start + 1, start + 2, start + 3] for start in (*range(6), 5, 5, 5)]
        for batch in batches(sets, **settings):
            clips = numbers(batch.videos.pictures)
            assert sorted(clips) == sorted([*cows, *[[0, 1, 2, 2]] * 3])

    def test_every_labelled_clip_holds_a_frame_with_a_mask(self, clip_sets):
        sets = DomainSets(labelled_videos=clip_sets.labelled_videos)
        for batch in batches(sets, **CLIPS, clip_stride=3):
            labelled = (batch.labelled_videos.masks != 255).flatten(2).any(dim=2)
            assert labelled.any(dim=1).all()

    def test_workers_change_nothing(self, clip_sets):
        alone, helped = (batches(clip_sets, **CLIPS, workers=number) for number in (0, 2))
        assert all(map(same, alone, helped))

    def test_a_resumed_run_goes_on_with_the_same_clips(self, clip_sets):
        settings = CLIPS | {"workers": 2, "augmentation": {"flip": True, "resize": (0.5, 2.0)}}
        undisturbed = batches(clip_sets, **settings)
        resumed = batches(clip_sets, start_step=5, **settings)
        assert len(resumed) == 4
        assert all(map(same, undisturbed[5:], resumed))

    def test_two_ranks_draw_what_one_would(self, clip_sets):
        settings = CLIPS | {"batch_videos": 4, "batch_labelled_videos": 4}
        ranks = [
            list(
                stream_domains(
                    recipe(**settings), CLASSES, clip_sets, Place(rank=rank, world_size=2)
                )
            )
            for rank in range(2)
        ]
        for one, other, both in zip(*ranks, batches(clip_sets, **settings), strict=True):
            for name in ("images", "videos", "labelled_videos"):
                parts = [getattr(batch, name).pictures for batch in (one, other)]
                assert torch.equal(torch.cat(parts), getattr(both, name).pictures)

    def test_a_set_that_contradicts_itself_is_refused(self, tmp_path):
        bear = frames("bear", 6)
        sets = DomainSets(videos=joined(tmp_path, bear[:3], bear[3:]))
        with pytest.raises(ShardError, match="lie in several places"):
            batches(sets, **CLIPS)

    def test_single_pictures_ask_nothing_of_sequences(self, tmp_path):
        bear = frames("bear", 6)
        assert batches(DomainSets(videos=joined(tmp_path, bear[:3], bear[3:])))


def test_a_run_without_any_set_is_refused():
    with pytest.raises(ValueError, match="expected sets of images, videos or labelled videos"):
        batches(DomainSets())


def test_a_batch_goes_to_a_device_as_a_whole():
    part = Part(torch.zeros(2, 4, 3, 8, 8), torch.zeros(2, 4, 8, 8))
    moved = Batch(images=part, labelled_videos=Part(part.pictures)).to(torch.device("meta"))
    assert moved.images.pictures.is_meta
    assert moved.images.masks.is_meta
    assert moved.labelled_videos.pictures.is_meta
    assert moved.labelled_videos.masks is moved.videos is None
    assert moved.num_pictures == 16
