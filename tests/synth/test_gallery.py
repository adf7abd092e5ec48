import io

import numpy as np
import pytest
from PIL import Image

from vsda.errors import UnknownNameError
from vsda.synth.gallery import SEVERITIES, gallery_png

NAMES = ("gain", "diversity", "none")
SIDE_PX, GAP_PX, HEAD_PX = 128, 4, 24


@pytest.fixture(scope="module")
def sheet():
    return np.asarray(Image.open(io.BytesIO(gallery_png(NAMES, 64, 0))))


@pytest.fixture(scope="module")
def cells(sheet):
    """The frames of a gallery by row and column, found from its right border."""
    assert sheet.shape[0] == HEAD_PX + len(NAMES) * (SIDE_PX + GAP_PX)
    left = sheet.shape[1] - len(SEVERITIES) * (SIDE_PX + GAP_PX)
    assert left > 0
    tops = [HEAD_PX + row * (SIDE_PX + GAP_PX) for row in range(len(NAMES))]
    lefts = [left + column * (SIDE_PX + GAP_PX) for column in range(len(SEVERITIES))]
    return [[sheet[y : y + SIDE_PX, x : x + SIDE_PX] for x in lefts] for y in tops]


def test_every_row_begins_with_the_same_frame(cells):
    for row in cells[1:]:
        np.testing.assert_array_equal(row[0], cells[0][0])


def test_a_row_goes_as_far_as_its_style(cells):
    gain, diversity, none = (np.abs(row[-1].astype(int) - row[0]).mean() for row in cells)
    assert gain > 20
    assert diversity > 5
    assert none == 0


def test_a_small_frame_is_enlarged_pixel_by_pixel(cells):
    cell = cells[0][0]
    np.testing.assert_array_equal(cell, cell[::2, ::2].repeat(2, axis=0).repeat(2, axis=1))


def test_severities_are_named_above_and_styles_at_the_left(sheet):
    columns = (sheet[:HEAD_PX] < 128).any(axis=(0, 2))
    assert np.diff(columns.astype(int)).clip(0).sum() >= len(SEVERITIES)
    left = sheet.shape[1] - len(SEVERITIES) * (SIDE_PX + GAP_PX)
    for row in range(len(NAMES)):
        top = HEAD_PX + row * (SIDE_PX + GAP_PX)
        assert (sheet[top : top + SIDE_PX, :left] < 128).any()
        assert (sheet[top : top + SIDE_PX, left - GAP_PX : left] == 255).all()


def test_another_seed_shows_another_scene():
    assert gallery_png(["none"], 32, 0) != gallery_png(["none"], 32, 1)


def test_an_unknown_style_is_refused():
    with pytest.raises(UnknownNameError, match="unknown style 'blurr'"):
        gallery_png(["gain", "blurr"], 64, 0)
