"""Draws to samples."""

import pytest
import torch

from tests.stream.made_clips import brightness, frames, is_flipped, joined, numbers, stills
from vsda.errors import ShardError
from vsda.stream.clips import ClipShape
from vsda.stream.order import Draw
from vsda.stream.samples import Look, Samples
from vsda.stream.transforms import GREY, Augmentation
from vsda.taxonomy import class_set

CLASSES = class_set("person,dog")
FLIP = Augmentation(flip=True)
EVERYTHING = Augmentation(flip=True, brightness=0.6, contrast=0.5, saturation=0.5, hue=0.3)


SQUARES = Augmentation(resize=(0.5, 2.0))


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


class TestSquares:
    def test_a_clip_is_cut_as_a_whole(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        samples = Samples(shards, look(augmentation=SQUARES), CLASSES)
        starts = set()
        for index in range(20):
            clip, masks = samples[Draw(index, 0)]
            assert torch.equal(masks, masks[:1].expand_as(masks))
            blue = clip[:, 2].float()
            assert (blue - blue[:1]).abs().max() < 12
            starts.add(tuple(blue[0].sum(dim=0).tolist()))
        assert len(starts) > 10

    def test_masks_are_cut_as_their_pictures_are(self, tmp_path):
        change = Augmentation(flip=True, resize=(0.5, 2.0))
        samples = Samples(joined(tmp_path, frames("bear", 9)), look(augmentation=change), CLASSES)
        for index in range(30):
            clip, masks = samples[Draw(index, index % 9)]
            beside = (masks.roll(shift, dims=-1) for shift in (1, -1))
            sure = torch.stack([masks == other for other in beside]).all(dim=0)
            assert (clip[:, 2][sure & (masks == 2)] > 100).all()
            assert (clip[:, 2][sure & (masks == 1)] < 100).all()

    def test_what_lies_outside_has_no_label_and_keeps_its_grey_whatever_the_colours(self, tmp_path):
        change = Augmentation(resize=(0.5, 0.5), brightness=0.6, contrast=0.5, saturation=0.5)
        samples = Samples(joined(tmp_path, frames("bear", 9)), look(augmentation=change), CLASSES)
        grey = torch.tensor(GREY).view(1, 3, 1)
        for index in range(10):
            clip, masks = samples[Draw(index, 0)]
            outside = masks == 255
            assert outside.float().mean() == 0.75
            assert (clip.movedim(1, -1)[outside] == grey.squeeze(-1)).all()

    def test_a_range_of_one_squeezes_the_whole_picture(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        plain, one = (
            Samples(shards, look(augmentation=Augmentation(flip=True, resize=reach)), CLASSES)
            for reach in ((1.0, 1.0), (1, 1))
        )
        for index in range(8):
            for first, second in zip(plain[Draw(index, 0)], one[Draw(index, 0)], strict=True):
                assert torch.equal(first, second)
        _, masks = plain[Draw(0, 0)]
        assert masks[0].unique(return_counts=True)[1].tolist() == [512, 512]

    def test_squares_change_neither_flips_nor_colours(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        changes = [
            Augmentation(flip=True, brightness=0.6),
            Augmentation(flip=True, brightness=0.6, resize=(1.0, 1.01), max_class_share=0.75),
        ]
        plain, cut = (Samples(shards, look(augmentation=change), CLASSES) for change in changes)
        for index in range(12):
            one, other = plain[Draw(index, 0)][0], cut[Draw(index, 0)][0]
            assert is_flipped(one) == is_flipped(other)
            assert torch.allclose(brightness(one), brightness(other), atol=0.05)

    def test_a_square_of_one_class_is_drawn_again(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        shares = {}
        for most in (0.7, 1.0):
            change = Augmentation(resize=(2.0, 2.0), max_class_share=most)
            samples = Samples(shards, look(clip=None, augmentation=change), CLASSES)
            masks = [samples[Draw(index, 0)][1] for index in range(40)]
            shares[most] = max((mask == 1).float().mean().item() for mask in masks)
        assert shares[0.7] <= 0.72
        assert shares[1.0] > 0.9

    def test_where_labels_are_not_read_no_square_is_drawn_again(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        changes = [Augmentation(resize=(2.0, 2.0), max_class_share=most) for most in (0.7, 1.0)]
        one, other = (Samples(shards, look(augmentation=change)) for change in changes)
        for index in range(10):
            assert torch.equal(one[Draw(index, 0)][0], other[Draw(index, 0)][0])


def test_samples_of_a_step_are_those_that_are_drawn_one_by_one(tmp_path):
    samples = Samples(joined(tmp_path, frames("bear", 9)), look(augmentation=EVERYTHING), CLASSES)
    draws = [Draw(index, index % 9) for index in range(5)]
    together, damaged = samples.__getitems__(draws)
    assert damaged == ()
    for number, draw in enumerate(draws):
        for one, whole in zip(samples[draw], together, strict=True):
            assert torch.equal(one, whole[number])


def test_pictures_are_channels_last_in_memory(tmp_path):
    samples = Samples(joined(tmp_path, frames("bear", 9)), look(clip=None))
    (pictures,), _ = samples.__getitems__([Draw(0, 0), Draw(1, 1)])
    assert pictures.is_contiguous(memory_format=torch.channels_last)
