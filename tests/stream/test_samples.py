"""Draws to samples."""

import pytest
import torch

from tests.stream.made_clips import brightness, frames, is_flipped, joined, numbers, stills
from vsda.errors import ShardError
from vsda.stream.clips import ClipShape
from vsda.stream.order import Draw
from vsda.stream.samples import Look, Samples
from vsda.stream.transforms import Augmentation
from vsda.taxonomy import class_set

CLASSES = class_set("person,dog")
FLIP = Augmentation(flip=True)
EVERYTHING = Augmentation(flip=True, brightness=0.6, contrast=0.5, saturation=0.5, hue=0.3)


def look(clip=4, augmentation=None, seed=0):
    shape = None if clip is None else ClipShape(frames=clip)
    change = augmentation or Augmentation()
    return Look(size_px=32, augmentation=change, seed=(seed, 0), clip=shape)


def test_a_clip_holds_neighbours(tmp_path):
    (clip,) = Samples(joined(tmp_path, frames("bear", 9)), look())[Draw(0, 3)]
    assert numbers(clip) == [3, 4, 5, 6]


def test_a_clip_near_the_end_is_moved_into_its_sequence(tmp_path):
    samples = Samples(joined(tmp_path, [*frames("bear", 6), *frames("cows", 6)]), look())
    assert numbers(samples[Draw(0, 5)][0]) == [2, 3, 4, 5]


def test_a_clip_of_a_short_sequence_holds_its_last_frame(tmp_path):
    samples = Samples(joined(tmp_path, frames("bear", 3), frames("cows", 4)), look(), CLASSES)
    for position in range(3):
        clip, masks = samples[Draw(0, position)]
        assert numbers(clip) == [0, 1, 2, 2]
        assert torch.equal(clip[3], clip[2])
        assert masks[:3].unique().tolist() == [1, 2]
        assert masks[3].unique().tolist() == [255]


def test_a_clip_of_a_still_image_is_that_image_all_along(tmp_path):
    (clip,) = Samples(joined(tmp_path, stills(3)), look())[Draw(0, 1)]
    assert numbers(clip) == [1, 1, 1, 1]


def test_a_single_picture_has_no_time(tmp_path):
    shards = joined(tmp_path, frames("bear", 9))
    picture, mask = Samples(shards, look(clip=None), CLASSES)[Draw(0, 3)]
    assert picture.shape == (3, 32, 32)
    assert mask.shape == (32, 32)
    clip, masks = Samples(shards, look(clip=1), CLASSES)[Draw(0, 3)]
    assert torch.equal(clip, picture[None])
    assert torch.equal(masks, mask[None])


def test_frames_without_a_mask_are_ignored_in_clips_and_never_drawn(tmp_path):
    samples = Samples(joined(tmp_path, frames("bear", 9, labelled={2, 8})), look(), CLASSES)
    assert len(samples) == 2
    clip, masks = samples[Draw(0, 0)]
    assert numbers(clip) == [2, 3, 4, 5]
    assert masks[0].unique().tolist() == [1, 2]
    assert masks[1:].unique().tolist() == [255]
    clip, masks = samples[Draw(0, 1)]
    assert numbers(clip) == [5, 6, 7, 8]
    assert masks[:3].unique().tolist() == [255]
    assert masks[3].unique().tolist() == [1, 2]


def test_samples_that_are_left_out_are_told_once_for_each_set(tmp_path, caplog):
    shards = joined(tmp_path, frames("bear", 9, labelled={2, 8}), stills(2))
    with caplog.at_level("INFO", "vsda"):
        assert len(Samples(shards, look(clip=None), CLASSES)) == 4
    assert caplog.messages == [
        f"{tmp_path}/clips: 7 of 11 samples have no seg.png, so they are never drawn for their "
        "labels; the first is made/bear/00000"
    ]


def test_nothing_is_told_of_a_set_with_all_its_masks(tmp_path, caplog):
    with caplog.at_level("INFO", "vsda"):
        Samples(joined(tmp_path, frames("bear", 4)), look(clip=None), CLASSES)
        Samples(joined(tmp_path, frames("bear", 4, labelled=())), look(clip=None))
    assert not caplog.messages


def test_labelled_videos_without_any_mask_are_refused(tmp_path):
    shards = joined(tmp_path, frames("bear", 5, labelled=()))
    with pytest.raises(ShardError, match=r"clips: none of 5 samples has a seg\.png; prepare"):
        Samples(shards, look(), CLASSES)


def test_a_clip_is_flipped_as_a_whole_and_its_masks_with_it(tmp_path):
    samples = Samples(joined(tmp_path, frames("bear", 9)), look(augmentation=FLIP), CLASSES)
    seen = set()
    for index in range(30):
        clip, masks = samples[Draw(index, index % 9)]
        (flipped,) = set(is_flipped(clip))
        assert (masks[:, :, 0] == (2 if flipped else 1)).all()
        assert (masks[:, :, -1] == (1 if flipped else 2)).all()
        seen.add(flipped)
    assert seen == {False, True}


def test_the_colours_of_a_clip_change_as_a_whole(tmp_path):
    change = Augmentation(brightness=0.6)
    samples = Samples(joined(tmp_path, frames("bear", 9)), look(augmentation=change))
    seen = []
    for index in range(20):
        factors = brightness(samples[Draw(index, 0)][0])
        assert factors.amax() - factors.amin() < 0.05
        seen.append(factors[0].item())
    assert max(seen) - min(seen) > 0.5


def test_a_clip_is_augmented_as_its_frames_would_be_one_by_one(tmp_path):
    shards = joined(tmp_path, frames("bear", 9))
    clips, singles = (Samples(shards, look(clip, EVERYTHING)) for clip in (4, None))
    for index in range(6):
        one_by_one = [singles[Draw(index, position)][0] for position in range(4)]
        assert torch.equal(clips[Draw(index, 0)][0], torch.stack(one_by_one))


def test_a_sample_depends_on_the_draw_and_the_seed_alone(tmp_path):
    shards = joined(tmp_path, frames("bear", 9))
    change = Augmentation(flip=True, brightness=0.6)
    samples = Samples(shards, look(augmentation=change))
    first = samples[Draw(7, 3)][0]
    samples[Draw(8, 1)]
    assert torch.equal(samples[Draw(7, 3)][0], first)
    assert torch.equal(Samples(shards, look(augmentation=change))[Draw(7, 3)][0], first)
    assert not torch.equal(Samples(shards, look(augmentation=change, seed=1))[Draw(7, 3)][0], first)
