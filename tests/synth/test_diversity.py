"""What objects look like, and which classes there are: what changes in the scenes themselves."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from vsda.synth.catalogue import looks
from vsda.synth.scene import NUM_INDIVIDUALS, TYPICAL_SHARE, Kind, SceneId, make_scene
from vsda.synth.styles import Style

FEW = ("dog", "car", "bird")


def things(classes=(), kind=Kind.TRAIN_VIDEO, **settings):
    """The objects of the same 300 scenes, whatever the settings."""
    ids = [SceneId(0, kind, index) for index in range(300)]
    scenes = [make_scene(scene_id, Style(**settings), classes) for scene_id in ids]
    return [thing for scene in scenes for thing in scene.things]


PLAIN = things()


def has_hue(thing):
    apart = abs(thing.surface.hue_turns - thing.look.hue_turns) % 1
    return min(apart, 1 - apart) < 0.07


def has_texture(thing):
    return thing.surface.texture == thing.look.texture


def same_but_for(thing, other, *names):
    """Whether two objects are alike apart from these of their fields and their surfaces'."""
    own = {name: getattr(thing, name) for name in names if hasattr(thing, name)}
    painted = {name: getattr(thing.surface, name) for name in names if hasattr(thing.surface, name)}
    surface = dataclasses.replace(other.surface, **painted)
    return thing == dataclasses.replace(other, **own | {"surface": surface})


def test_untypical_objects_differ_in_hue_and_texture_alone():
    others = things(untypical=1.0)
    assert all(
        same_but_for(one, other, "hue_turns", "texture")
        for one, other in zip(PLAIN, others, strict=True)
    )


def test_no_hue_and_no_texture_is_typical_at_the_full_setting():
    others = things(untypical=1.0)
    assert np.mean([has_hue(thing) for thing in others]) == pytest.approx(0.14, abs=0.04)
    assert np.mean([has_texture(thing) for thing in others]) == pytest.approx(1 / 6, abs=0.05)


def test_half_of_the_typical_objects_lose_their_hue_at_half_the_setting():
    shares = [np.mean([has_hue(thing) for thing in things(untypical=part)]) for part in (0, 0.5, 1)]
    assert shares[1] == pytest.approx((shares[0] + shares[2]) / 2, abs=0.04)
    assert shares[0] > TYPICAL_SHARE


def test_hue_and_texture_are_lost_apart():
    others = things(untypical=0.5)
    lost = Counter(
        (one.surface.hue_turns != other.surface.hue_turns, has_texture(other))
        for one, other in zip(PLAIN, others, strict=True)
        if has_hue(one) and has_texture(one)
    )
    assert len(lost) == 4
    assert min(lost.values()) > 0.15 * sum(lost.values())


@pytest.mark.parametrize(
    ("setting", "field"),
    [("untypical", "hue_turns"), ("untypical", "texture"), ("repeats", "phase")],
)
def test_what_changes_at_a_low_setting_is_changed_in_the_same_way_at_a_higher_one(setting, field):
    plain, low, high = (
        [getattr(thing.surface, field) for thing in things(**{setting: part})]
        for part in (0.0, 0.3, 0.6)
    )
    changed = [one != other for one, other in zip(plain, low, strict=True)]
    assert 0.1 < np.mean(changed) < 0.4
    assert all(
        one == other for one, other, is_new in zip(low, high, changed, strict=True) if is_new
    )
    assert low != high


def test_repeats_leave_few_looks_and_change_nothing_else():
    others = things(repeats=1.0)
    assert len({thing.surface for thing in others}) == NUM_INDIVIDUALS * len(looks()) == 16
    assert len({thing.surface for thing in PLAIN}) == len(PLAIN)
    for one, other in zip(PLAIN, others, strict=True):
        assert dataclasses.replace(other, surface=one.surface) == one


def test_half_of_the_objects_are_repeated_at_half_the_setting():
    pool = {thing.surface for thing in things(repeats=1.0)}
    shown = [thing.surface in pool for thing in things(repeats=0.5)]
    assert np.mean(shown) == pytest.approx(0.5, abs=0.06)


def test_every_split_and_seed_has_its_own_individuals():
    train, val = (
        {thing.surface for thing in things(repeats=1.0, kind=kind)}
        for kind in (Kind.TRAIN_VIDEO, Kind.VAL_VIDEO)
    )
    other = make_scene(SceneId(1, Kind.TRAIN_VIDEO, 0), Style(repeats=1.0)).things
    assert not train & val
    assert not train & {thing.surface for thing in other}


def test_individuals_are_as_typical_as_other_objects():
    """Over many seeds, as one has but 16 individuals."""
    style = Style(repeats=1.0)
    shown = [make_scene(SceneId(seed, Kind.TRAIN_VIDEO, 0), style).things[0] for seed in range(400)]
    expected = TYPICAL_SHARE + (1 - TYPICAL_SHARE) * 0.14
    assert np.mean([has_hue(thing) for thing in shown]) == pytest.approx(expected, abs=0.06)


def test_untypical_individuals_have_lost_their_hue_too():
    style = Style(repeats=1.0, untypical=1.0)
    shown = [make_scene(SceneId(seed, Kind.TRAIN_VIDEO, 0), style).things[0] for seed in range(400)]
    assert np.mean([has_hue(thing) for thing in shown]) == pytest.approx(0.14, abs=0.05)


def test_classes_that_are_left_out_become_others_and_stay_what_they_were_besides():
    for one, other in zip(PLAIN, things(classes=FEW), strict=True):
        if one.look.name in FEW:
            assert other == one
        else:
            assert other.look.name in FEW
            assert same_but_for(one, other, "look", "hue_turns", "texture")


def test_the_classes_that_take_the_place_of_others_are_equally_frequent():
    counts = Counter(thing.look.name for thing in things(classes=FEW))
    assert min(counts.values()) > 0.8 * len(PLAIN) / len(FEW)


def test_looks_are_typical_of_the_class_that_took_the_place():
    shown = [
        other
        for one, other in zip(PLAIN, things(classes=FEW), strict=True)
        if one.look != other.look
    ]
    expected = TYPICAL_SHARE + (1 - TYPICAL_SHARE) * 0.14
    assert np.mean([has_hue(thing) for thing in shown]) == pytest.approx(expected, abs=0.06)


def test_all_classes_by_name_are_as_none_by_name():
    assert things(classes=[look.name for look in reversed(looks())]) == PLAIN


def test_cameras_and_streams_do_not_change_the_scene():
    style = Style(shutter_share=4, blur_px=1, gain_stops=-1, noise_read=0.1, h264_crf=40)
    scene_id = SceneId(0, Kind.VAL_VIDEO, 1)
    assert make_scene(scene_id, style) == make_scene(scene_id)
