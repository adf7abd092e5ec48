import numpy as np
import pytest

from vsda.pages.regions import bounds, crop, highlight, shrunk


def scene():
    picture = np.full((60, 80, 3), 100, dtype=np.uint8)
    mask = np.zeros((60, 80), dtype=bool)
    mask[20:30, 40:60] = True
    return picture, mask


def test_the_region_stays_its_outline_is_yellow_and_the_rest_is_dimmed():
    shown = highlight(*scene())
    assert (shown[20:30, 40:60] == 100).all()
    assert (shown[19, 45] == (255, 221, 0)).all()
    assert (shown[25, 60] == (255, 221, 0)).all()
    assert (shown[5, 5] == 38).all()


def test_a_region_of_another_size_is_refused():
    with pytest.raises(ValueError, match="do not fit together"):
        highlight(scene()[0], np.zeros((3, 3), dtype=bool))


def test_bounds_are_those_of_the_region_or_of_the_frame_without_one():
    assert bounds(scene()[1]) == (40, 20, 60, 30)
    assert bounds(np.zeros((6, 8), dtype=bool)) == (0, 0, 8, 6)


def test_a_crop_has_a_margin_and_ends_at_the_frame():
    # a quarter of 48 pixels on each side: rows 8 to 42, columns 28 to 72
    assert crop(*scene()).shape == (34, 44, 3)
    picture, mask = scene()
    mask[:] = False
    mask[:5, :5] = True
    assert crop(picture, mask).shape == (17, 17, 3)
    assert crop(picture, np.zeros_like(mask)).shape == picture.shape


def test_a_picture_is_shrunk_with_its_proportions_and_never_grows():
    assert shrunk(scene()[0], 40).shape == (30, 40, 3)
    assert shrunk(scene()[0], 400).shape == (60, 80, 3)
