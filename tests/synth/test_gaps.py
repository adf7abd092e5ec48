import numpy as np
import pytest

from vsda.synth.gaps import GAIN_SPREAD, send, take
from vsda.synth.styles import IMAGE_STYLE, Style

RNG = np.random.default_rng(0)
PHOTO = RNG.random((2, 32, 32, 3), dtype=np.float32)


def grey(light, num_frames=1, side=128):
    return np.full((num_frames, side, side, 3), light, dtype=np.float32)


def linear(display):
    value = display.astype(np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def taken(light, seed=0, **settings):
    return linear(take(light, Style(**settings), np.random.default_rng(seed)))


def test_an_image_is_the_light_itself_on_a_display():
    np.testing.assert_allclose(taken(PHOTO), PHOTO, atol=0.005)


def test_gain_multiplies_light_by_two_to_the_stops_within_its_spread():
    ratios = [taken(grey(0.8), seed, gain_stops=-2).mean() / 0.8 for seed in range(40)]
    assert min(ratios) > 2 ** (-2 * (1 + GAIN_SPREAD)) - 0.003
    assert max(ratios) < 2 ** (-2 * (1 - GAIN_SPREAD)) + 0.003
    assert np.std(ratios) > 0.02


def test_gain_is_the_same_in_all_frames_of_a_clip():
    first, last = taken(grey(0.7, num_frames=2), gain_stops=-2)
    np.testing.assert_array_equal(first, last)


def test_a_cast_moves_red_against_blue_and_leaves_green():
    light = taken(grey(0.4), cast_stops=1.0)[0, 0, 0]
    assert light[1] == pytest.approx(0.4, abs=0.005)
    assert abs(np.log2(light[0] / light[2])) == pytest.approx(1.0, abs=0.03)


def test_casts_are_warm_and_cool():
    reds = {taken(grey(0.4), seed, cast_stops=1.0)[0, 0, 0, 0] > 0.4 for seed in range(10)}
    assert reds == {True, False}


def test_falloff_spans_its_stops_along_its_direction():
    corners = [taken(grey(0.4), seed, falloff_stops=1.0)[0][::127, ::127] for seed in range(20)]
    spans = [np.log2(corner.max() / corner.min()) for corner in corners]
    assert min(spans) > 0.95
    assert max(spans) < np.sqrt(2) + 0.05


@pytest.mark.parametrize("light", [0.1, 0.6])
def test_noise_has_the_variance_of_photons_and_of_reading(light):
    noisy = taken(grey(light), noise_shot=0.06, noise_read=0.02)
    assert noisy.mean() == pytest.approx(light, abs=0.004)
    assert noisy.std() == pytest.approx(np.sqrt(0.06**2 * light + 0.02**2), rel=0.04)


def test_noise_is_new_in_every_frame_and_every_channel():
    first, last = taken(grey(0.5, num_frames=2), noise_shot=0.05) - 0.5
    assert abs(np.corrcoef(first.ravel(), last.ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(first[..., 0].ravel(), first[..., 1].ravel())[0, 1]) < 0.05


def test_blur_spreads_a_point_as_a_gaussian():
    point = np.zeros((1, 33, 33, 3), dtype=np.float32)
    point[0, 16, 16] = 1
    spread = taken(point, blur_px=1.5)[0, ..., 0]
    profile = spread.sum(axis=0)
    offsets = np.arange(-16, 17)
    assert spread.sum() == pytest.approx(1.0, abs=0.02)
    assert np.sqrt((profile * offsets**2).sum() / profile.sum()) == pytest.approx(1.5, rel=0.05)
    np.testing.assert_allclose(profile, spread.sum(axis=1), atol=1e-6)


def test_the_style_does_not_change_which_noise_is_drawn():
    dark, darker = (taken(grey(0.5), gain_stops=g, noise_read=0.02) for g in (0.0, -0.5))
    correlation = np.corrcoef(dark.ravel(), darker.ravel())[0, 1]
    assert correlation > 0.95


def test_sending_without_loss_keeps_every_bit():
    frames = take(PHOTO, IMAGE_STYLE, np.random.default_rng(0))
    np.testing.assert_array_equal(send(frames, IMAGE_STYLE), frames)


def test_low_resolution_keeps_size_and_brightness_and_loses_detail():
    frames = take(PHOTO, IMAGE_STYLE, np.random.default_rng(0))
    small = send(frames, Style(lowres_factor=2))
    assert small.shape == frames.shape
    assert small.mean() == pytest.approx(frames.mean(), abs=2)
    assert small.std() < 0.6 * frames.std()


def test_low_resolution_loses_what_is_finer_than_its_pixels_and_keeps_the_rest():
    frames = take(PHOTO, IMAGE_STYLE, np.random.default_rng(0))
    worn = send(frames, Style(lowres_factor=4))

    def power(clip, low, high):
        spectrum = np.abs(np.fft.fft2(clip[0].astype(float), axes=(0, 1))) ** 2
        across = np.abs(np.fft.fftfreq(32))
        finest = np.maximum(across[:, None], across[None])
        return spectrum[(finest > low) & (finest <= high)].sum()

    assert power(worn, 0.25, 0.5) < 0.02 * power(frames, 0.25, 0.5)
    assert power(worn, 0, 0.04) > 0.7 * power(frames, 0, 0.04)


def test_compression_changes_a_frame_a_little():
    slope = np.linspace(0, 1, 32, dtype=np.float32)[None, None, :, None]
    frames = take(PHOTO * 0.1 + slope * 0.5, IMAGE_STYLE, np.random.default_rng(0))
    shown = send(frames, Style(h264_crf=20))
    assert 0.2 < np.abs(shown.astype(int) - frames).mean() < 8


def test_low_resolution_and_compression_go_together_at_odd_factors():
    frames = take(PHOTO, IMAGE_STYLE, np.random.default_rng(0))
    assert send(frames, Style(lowres_factor=1.7, h264_crf=30)).shape == frames.shape
