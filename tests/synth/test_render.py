import dataclasses

import numpy as np
import pytest

from vsda.synth.catalogue import looks
from vsda.synth.render import Renderer, object_mask
from vsda.synth.scene import Kind, SceneId, make_scene

SIZE_PX = 64


def scene_with(num_things, kind=Kind.TRAIN_VIDEO):
    """The first scene with so many objects, its camera standing still."""
    scenes = (make_scene(SceneId(0, kind, index)) for index in range(100))
    scene = next(scene for scene in scenes if len(scene.things) == num_things)
    return dataclasses.replace(scene, camera_velocity=(0.0, 0.0))


def one_thing(**changes):
    scene = scene_with(1)
    return dataclasses.replace(scene, things=(dataclasses.replace(scene.things[0], **changes),))


def touched(scene, **when):
    """Where the objects of a scene change the picture by more than the last bits of a mean."""
    empty = Renderer(dataclasses.replace(scene, things=()), SIZE_PX).render(**when)
    return (np.abs(Renderer(scene, SIZE_PX).render(**when).light - empty.light) > 1e-5).any(axis=2)


def beside(mask):
    """Pixels of the mask and their eight neighbours."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifts = [(down, right) for down in range(3) for right in range(3)]
    return np.any([padded[d : d + height, r : r + width] for d, r in shifts], axis=0)


@pytest.mark.parametrize("look", looks(), ids=lambda look: look.name)
def test_the_mask_covers_what_the_object_paints_up_to_half_covered_pixels(look):
    scene = one_thing(look=look)
    mask = Renderer(scene, SIZE_PX).render().objects == 1
    painted = touched(scene)
    assert mask.sum() > 100
    assert painted[mask].all()
    assert not (painted & ~beside(mask)).any()


def test_wheels_have_holes_that_show_the_ground():
    look = next(look for look in looks() if look.name == "bicycle")
    scene = one_thing(look=look, half_size=0.45, centre=(0.5, 0.5), angle=0.0, stretch=1.0)
    picture = Renderer(scene, SIZE_PX).render()
    in_left_wheel = (round((0.5 + 0.45 * 0.45) * 64), round((0.5 - 0.45 * 0.66) * 64))
    assert picture.objects[in_left_wheel] == 0
    assert not touched(scene)[in_left_wheel]


def test_of_two_objects_in_one_place_the_later_one_is_in_front():
    scene = scene_with(2)
    back, front = scene.things
    here = dataclasses.replace(back, centre=front.centre)
    objects = Renderer(dataclasses.replace(scene, things=(here, front)), SIZE_PX).render().objects
    alone = Renderer(dataclasses.replace(scene, things=(front,)), SIZE_PX).render().objects
    np.testing.assert_array_equal(objects == 2, alone == 1)


def test_a_pixel_belongs_to_the_object_that_fills_half_of_it():
    owners = np.array(
        [[1, 1, 0, 1, 1, 2, 2, 0], [0, 0, 0, 0, 1, 2, 1, 0]],
        dtype=np.uint8,
    )
    np.testing.assert_array_equal(object_mask(owners, 2), [[1, 0, 2, 0]])


def test_a_picture_has_the_size_asked_for():
    picture = Renderer(scene_with(1), 96).render()
    assert picture.light.shape == (96, 96, 3)
    assert picture.objects.shape == (96, 96)


def test_a_larger_picture_shows_the_same_scene():
    scene = scene_with(1)
    small, large = (Renderer(scene, size).render().light for size in (32, 128))
    averaged = large.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(averaged - small).mean() < 0.05


def test_an_object_moves_by_its_velocity():
    scene = one_thing(velocity=(4 / 64, -2 / 64), spin=0.0, centre=(0.5, 0.5), half_size=0.2)
    renderer = Renderer(scene, SIZE_PX)
    now, later = renderer.render(0.0).objects, renderer.render(1.0).objects
    np.testing.assert_array_equal(np.roll(now, (-2, 4), axis=(0, 1)), later)


def test_the_camera_moves_the_ground():
    still = dataclasses.replace(scene_with(1), things=())
    moving = dataclasses.replace(still, camera_velocity=(3 / 64, 1 / 64))
    now, later = (Renderer(moving, SIZE_PX).render(time).light for time in (0.0, 1.0))
    np.testing.assert_array_equal(now[1:, 3:], later[:-1, :-3])
    np.testing.assert_array_equal(
        Renderer(still, SIZE_PX).render(0.0).light, Renderer(still, SIZE_PX).render(2.0).light
    )


def test_a_camera_that_runs_far_stops_at_the_end_of_the_ground():
    scene = dataclasses.replace(scene_with(1), things=(), camera_velocity=(0.1, -0.1))
    renderer = Renderer(scene, SIZE_PX)
    np.testing.assert_array_equal(renderer.render(50.0).light, renderer.render(60.0).light)


def test_an_object_outside_the_frame_leaves_no_trace():
    scene = one_thing(centre=(2.0, -1.0))
    assert not Renderer(scene, SIZE_PX).render().objects.any()
    assert not touched(scene).any()


def test_an_open_shutter_smears_a_moving_object_along_its_way_only():
    scene = one_thing(velocity=(8 / 64, 0.0), centre=(0.5, 0.5), half_size=0.2)
    sharp, blurred = touched(scene), touched(scene, shutter_share=1.0)
    assert blurred.any(axis=0).sum() == pytest.approx(sharp.any(axis=0).sum() + 8, abs=1)
    np.testing.assert_array_equal(blurred.any(axis=1), sharp.any(axis=1))


def test_an_exposure_of_several_frames_smears_over_all_of_them_and_along_the_way_only():
    scene = one_thing(velocity=(4 / 64, 0.0), centre=(0.5, 0.5), half_size=0.2)
    sharp, blurred = touched(scene), touched(scene, shutter_share=6.0)
    assert blurred.any(axis=0).sum() == pytest.approx(sharp.any(axis=0).sum() + 24, abs=1)
    np.testing.assert_array_equal(blurred.any(axis=1), sharp.any(axis=1))


@pytest.mark.parametrize("shutter_share", [0.9, 4.0, 8.0])
def test_a_small_bright_object_leaves_a_smear_without_ripples(shutter_share):
    scene = one_thing(
        look=next(look for look in looks() if look.name == "backpack"),
        velocity=(0.1, 0.0),
        centre=(0.5, 0.5),
        half_size=4 / SIZE_PX,
    )
    empty = Renderer(dataclasses.replace(scene, things=()), SIZE_PX)
    when = {"shutter_share": shutter_share}
    paint = np.abs(Renderer(scene, SIZE_PX).render(**when).light - empty.render(**when).light)
    way_px = 0.1 * SIZE_PX * shutter_share
    inside = slice(*(round(32 + sign * min(way_px / 4, 24)) for sign in (-1, 1)))
    profile = paint.sum(axis=(0, 2))[inside]
    steps = np.abs(np.diff(profile)) / profile.mean()
    assert steps.max() < 0.5


@pytest.mark.parametrize("time", [-3.5, 0.0, 3.5])
def test_a_background_that_is_painted_as_far_as_needed_shows_the_same(time):
    scenes = [make_scene(SceneId(0, Kind.TRAIN_VIDEO, index)) for index in range(6)]
    for scene in scenes:
        whole, part = Renderer(scene, SIZE_PX), Renderer(scene, SIZE_PX, 3.5 + 2)
        one, other = (renderer.render(time, 4.0) for renderer in (whole, part))
        np.testing.assert_array_equal(one.light, other.light)


def test_the_mask_shows_the_middle_of_the_smear():
    scene = one_thing(velocity=(8 / 64, 0.0), centre=(0.5, 0.5), half_size=0.2)
    sharp = np.flatnonzero(touched(scene).any(axis=0))
    blurred = np.flatnonzero(touched(scene, shutter_share=1.0).any(axis=0))
    assert sharp[0] - blurred[0] == blurred[-1] - sharp[-1] == 4


def test_motion_blur_keeps_all_light_of_the_scene():
    scene = one_thing(velocity=(6 / 64, 3 / 64), centre=(0.5, 0.5), half_size=0.2)
    flat = dataclasses.replace(scene.ground, saturation=0.0, texture="plain")
    scene = dataclasses.replace(scene, ground=flat)
    renderer = Renderer(scene, SIZE_PX)
    sharp, blurred = renderer.render().light, renderer.render(shutter_share=1.0).light
    assert blurred.mean() == pytest.approx(sharp.mean(), rel=0.01)
    assert blurred.var() < sharp.var()


def test_motion_blur_does_not_touch_the_mask():
    renderer = Renderer(scene_with(3), SIZE_PX)
    np.testing.assert_array_equal(
        renderer.render(1.0).objects, renderer.render(1.0, shutter_share=1.0).objects
    )


def test_the_shutter_does_not_matter_where_nothing_moves():
    scene = one_thing(velocity=(0.0, 0.0))
    renderer = Renderer(scene, SIZE_PX)
    np.testing.assert_allclose(
        renderer.render().light, renderer.render(shutter_share=0.9).light, rtol=1e-5
    )
