import itertools

import numpy as np
import pytest

from vsda.synth.clip import make_image, make_video
from vsda.synth.scene import Kind, SceneId
from vsda.synth.styles import style_named

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


def test_light_and_codec_leave_labels_as_they_are():
    scene_id = SceneId(0, Kind.TRAIN_VIDEO, 3)
    plain, worn = (make_video(scene_id, style_named(name), 3, 64) for name in ("none", "light"))
    np.testing.assert_array_equal(plain.objects, worn.objects)
    assert not np.array_equal(plain.frames, worn.frames)


def test_the_middle_of_a_clip_is_the_same_whatever_its_length():
    scene_id = SceneId(0, Kind.TRAIN_VIDEO, 3)
    three, seven = (make_video(scene_id, style_named("none"), length, 64) for length in (3, 7))
    np.testing.assert_array_equal(three.frames, seven.frames[2:5])


def test_objects_move_between_frames():
    objects = make_video(SceneId(0, Kind.TRAIN_VIDEO, 3), style_named("none"), 4, 64).objects
    assert all((one != other).any() for one, other in itertools.pairwise(objects))
