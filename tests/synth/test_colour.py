import numpy as np
import pytest

from vsda.synth.colour import encode, hsv


@pytest.mark.parametrize(
    ("light", "display"),
    [(0.0, 0), (1.0, 255), (0.5, 188), (0.2140411, 127), (0.0015176, 5), (-1.0, 0), (7.0, 255)],
)
def test_display_values_follow_the_srgb_curve_and_are_clipped(light, display):
    assert abs(int(encode(np.float32([light]))[0]) - display) <= (light == 0.2140411)


def test_brighter_light_never_has_a_lower_display_value_and_every_value_occurs():
    values = encode(np.linspace(0, 1, 200_000, dtype=np.float32))
    assert (np.diff(values.astype(int)) >= 0).all()
    assert len(np.unique(values)) == 256


@pytest.mark.parametrize(
    ("hue", "expected"),
    [(0, (1, 0, 0)), (1 / 3, (0, 1, 0)), (2 / 3, (0, 0, 1)), (1 / 6, (1, 1, 0)), (-1, (1, 0, 0))],
)
def test_hues_go_round_from_red_over_green_and_blue(hue, expected):
    np.testing.assert_allclose(hsv(hue, 1, 1), expected, atol=1e-6)


def test_no_saturation_is_grey_of_the_given_display_brightness():
    np.testing.assert_array_equal(encode(hsv(0.4, 0, 100 / 255)), [100, 100, 100])
