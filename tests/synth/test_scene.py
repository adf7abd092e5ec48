import dataclasses
from collections import Counter

import numpy as np
import pytest

from vsda.synth.catalogue import looks
from vsda.synth.scene import TYPICAL_SHARE, Kind, SceneId, make_scene
from vsda.synth.styles import Style

MANY = [make_scene(SceneId(0, Kind.TRAIN_IMAGE, index)) for index in range(600)]
THINGS = [thing for scene in MANY for thing in scene.things]


def test_the_same_identity_gives_the_same_scene():
    scene_id, style = SceneId(3, Kind.VAL_VIDEO, 7), Style(framing=0.5, untypical=0.5, repeats=0.5)
    assert make_scene(scene_id, style) == make_scene(scene_id, style)


def test_no_two_scenes_of_any_split_or_seed_are_alike():
    ids = [SceneId(seed, kind, index) for seed in (0, 1) for kind in Kind for index in range(50)]
    looks_of = {
        repr([dataclasses.replace(scene, scene_id=ids[0])]) for scene in map(make_scene, ids)
    }
    assert len(looks_of) == len(ids)


def test_scenes_hold_one_to_three_objects_equally_often():
    counts = Counter(len(scene.things) for scene in MANY)
    assert set(counts) == {1, 2, 3}
    assert min(counts.values()) > 150


def test_every_class_is_equally_frequent():
    counts = Counter(thing.look.name for thing in THINGS)
    assert len(counts) == len(looks())
    assert min(counts.values()) > 0.7 * len(THINGS) / len(looks())


def test_hue_is_typical_of_the_class_in_about_seven_of_ten():
    apart = np.array([abs(thing.surface.hue_turns - thing.look.hue_turns) for thing in THINGS])
    near = (np.minimum(apart % 1, 1 - apart % 1) < 0.07).mean()
    by_chance = (1 - TYPICAL_SHARE) * 0.14
    assert near == pytest.approx(TYPICAL_SHARE + by_chance, abs=0.04)


def test_texture_is_typical_of_the_class_in_about_seven_of_ten():
    same = np.mean([thing.surface.texture == thing.look.texture for thing in THINGS])
    assert same == pytest.approx(TYPICAL_SHARE + (1 - TYPICAL_SHARE) / 6, abs=0.04)


def test_framing_moves_and_shrinks_objects_and_changes_nothing_else():
    scene_id = SceneId(0, Kind.TRAIN_VIDEO, 4)
    composed, passing = make_scene(scene_id), make_scene(scene_id, Style(framing=1.0))
    for one, other in zip(composed.things, passing.things, strict=True):
        assert one.centre != other.centre
        assert other.half_size < one.half_size
        same_pose = {"centre": one.centre, "half_size": one.half_size}
        assert dataclasses.replace(other, **same_pose) == one
    assert dataclasses.replace(passing, things=composed.things) == composed


def test_images_are_composed_around_the_middle_and_passing_cameras_are_not():
    def mean_distance(framing):
        style = Style(framing=framing)
        scenes = [make_scene(SceneId(0, Kind.VAL_VIDEO, index), style) for index in range(200)]
        centres = np.array([thing.centre for scene in scenes for thing in scene.things])
        return np.abs(centres - 0.5).max(axis=1).mean()

    assert mean_distance(0.0) < 0.22
    assert mean_distance(1.0) > 0.3
    assert mean_distance(0.0) < mean_distance(0.5) < mean_distance(1.0)
