import numpy as np
import pytest

from vsda.synth.codec import through_h264

AXIS = np.linspace(0, 1, 64)


@pytest.fixture(scope="module")
def frames():
    """Eight frames in which a bright square goes from left to right over a slope."""
    ground = (60 + 60 * AXIS)[:, None, None] * np.ones((64, 64, 3))
    clip = np.repeat(ground[None], 8, axis=0).astype(np.uint8)
    for index, frame in enumerate(clip):
        frame[20:36, 6 * index : 6 * index + 16] = (230, 80, 60)
    return clip


def error(shown, frames):
    return np.abs(shown.astype(int) - frames).mean()


def test_every_frame_comes_back_in_its_place(frames):
    shown = through_h264(frames, 20)
    assert shown.shape == frames.shape
    errors = [[error(one, other) for other in frames] for one in shown]
    assert np.argmin(errors, axis=1).tolist() == list(range(8))


def test_a_higher_rate_factor_loses_more(frames):
    errors = [error(through_h264(frames, crf), frames) for crf in (12, 28, 44)]
    assert 0 < errors[0] < errors[1] < errors[2]
    assert errors[0] < 3


def test_the_same_frames_give_the_same_bytes(frames):
    np.testing.assert_array_equal(through_h264(frames, 28), through_h264(frames, 28))


def test_one_frame_is_a_clip_too(frames):
    assert through_h264(frames[:1], 23).shape == (1, 64, 64, 3)
