import itertools

import numpy as np
import pytest

from vsda.synth.clip import make_image, make_video
from vsda.synth.scene import Kind, SceneId
from vsda.synth.styles import IMAGE_STYLE, style_named, styles

NUM_SCENES = 24


def frames_of(style, severity=1.0):
    made = style_named(style).at(severity)
    ids = [SceneId(0, Kind.VAL_VIDEO, index) for index in range(NUM_SCENES)]
    return [make_video(scene_id, made, 2, 64).frames[0] for scene_id in ids]


@pytest.fixture(scope="module")
def images():
    ids = [SceneId(0, Kind.VAL_IMAGE, index) for index in range(NUM_SCENES)]
    return [make_image(scene_id, 64).frames[0] for scene_id in ids]


def brightness_separates(images, frames):
    """The share of pairs in which the image is brighter than the video frame."""
    bright, dark = ([picture.mean() for picture in pictures] for pictures in (images, frames))
    return np.mean([[one > other for other in dark] for one in bright])


def test_without_severity_a_video_frame_is_an_image_bit_for_bit():
    scene_id = SceneId(1, Kind.VAL_VIDEO, 2)
    video, image = (
        make_video(scene_id, style_named("full").at(0.0), 1, 64),
        make_image(scene_id, 64),
    )
    np.testing.assert_array_equal(video.frames, image.frames)
    np.testing.assert_array_equal(video.objects, image.objects)


@pytest.mark.parametrize("style", ["gain", "light", "dim", "full"])
def test_brightness_tells_the_domains_of_dark_styles_apart(images, style):
    assert brightness_separates(images, frames_of(style)) > 0.97


@pytest.mark.parametrize("style", ["none", "lowres"])
def test_brightness_does_not_tell_the_domains_of_bright_styles_apart(images, style):
    assert 0.25 < brightness_separates(images, frames_of(style)) < 0.75


def test_the_gap_grows_with_severity(images):
    shares = [brightness_separates(images, frames_of("dim", part)) for part in (0.0, 0.3, 1.0)]
    assert shares[0] < shares[1] < shares[2]


@pytest.fixture(scope="module")
def like_images():
    return clips_of("none", 1.0)


def clips_of(style, severity):
    made = style_named(style).at(severity)
    ids = [SceneId(0, Kind.VAL_VIDEO, index) for index in range(6)]
    return np.stack([make_video(scene_id, made, 2, 64).frames for scene_id in ids]).astype(int)


@pytest.mark.parametrize("style", [name for name in styles() if name != "none"])
def test_every_style_takes_frames_further_from_images_as_it_grows_stronger(like_images, style):
    severities = (0.0, 0.25, 0.5, 0.75, 1.0)
    distances = [np.abs(clips_of(style, one) - like_images).mean() for one in severities]
    assert distances[0] == 0
    assert all(one < other for one, other in itertools.pairwise(distances))


@pytest.mark.parametrize("style", [name for name in styles() if not style_named(name).framing])
def test_labels_are_the_same_in_every_style_but_those_of_another_framing(style):
    scene_id = SceneId(0, Kind.TRAIN_VIDEO, 3)
    plain, worn = (make_video(scene_id, made, 3, 64) for made in (IMAGE_STYLE, style_named(style)))
    np.testing.assert_array_equal(plain.objects, worn.objects)


def test_a_clip_shows_the_classes_asked_for():
    only = make_image(SceneId(0, Kind.TRAIN_IMAGE, 3), 64, ("dog",))
    assert {thing.look.name for thing in only.scene.things} == {"dog"}


@pytest.mark.parametrize("style", ["none", "blur"])
def test_the_middle_of_a_clip_is_the_same_whatever_its_length(style):
    for index in range(4):
        scene_id = SceneId(0, Kind.TRAIN_VIDEO, index)
        three, seven = (make_video(scene_id, style_named(style), length, 64) for length in (3, 7))
        np.testing.assert_array_equal(three.frames, seven.frames[2:5])


def test_objects_move_between_frames():
    objects = make_video(SceneId(0, Kind.TRAIN_VIDEO, 3), style_named("none"), 4, 64).objects
    assert all((one != other).any() for one, other in itertools.pairwise(objects))
