import numpy as np
import pytest

from vsda.synth.textures import TEXTURES, tone

U = np.linspace(-2, 2, 81, dtype=np.float32)[None, :]
V = np.linspace(-1, 3, 81, dtype=np.float32)[:, None]


@pytest.mark.parametrize("name", TEXTURES)
def test_tones_fill_the_grid_and_lie_between_the_two_colours(name):
    tones = tone(name, U, V, 0.3)
    assert tones.shape == (81, 81)
    assert 0 <= tones.min() <= tones.max() <= 1


@pytest.mark.parametrize("name", sorted(TEXTURES.keys() - {"plain"}))
def test_both_tones_occur_in_every_texture_but_plain(name):
    assert 0.05 < tone(name, U, V, 0.0).mean() < 0.95


def test_plain_shows_the_first_colour_only():
    assert not tone("plain", U, V, 0.0).any()


def test_stripes_change_to_the_right_and_bands_downwards():
    assert (np.ptp(tone("stripes", U, V, 0.0), axis=0) == 0).all()
    assert (np.ptp(tone("bands", U, V, 0.0), axis=1) == 0).all()


def test_checks_alternate_every_half_period():
    middle = np.float32([0.25, 0.75])
    np.testing.assert_array_equal(
        tone("checks", middle[None], middle[:, None], 0.0), [[0, 1], [1, 0]]
    )


def test_a_phase_moves_the_pattern():
    moved = tone("stripes", U, V, 0.5)
    np.testing.assert_array_equal(moved, tone("stripes", U + 0.5, V, 0.0))
    assert not np.array_equal(moved, tone("stripes", U, V, 0.0))
