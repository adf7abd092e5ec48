import base64
import io

import numpy as np
import pytest
from PIL import Image

from vsda.palette import class_colour
from vsda.report.layers import fit, legend, mask_uri, photo_uri


def _open(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def _rgba(uri):
    return np.asarray(_open(uri).convert("RGBA"))


def test_large_pictures_shrink_to_the_long_side():
    assert fit(np.zeros((480, 854, 3))) == (320, 180)
    assert fit(np.zeros((640, 320))) == (160, 320)


def test_small_pictures_keep_their_size():
    assert fit(np.zeros((64, 48, 3))) == (48, 64)


def test_thin_pictures_keep_one_pixel():
    assert fit(np.zeros((1, 5000))) == (320, 1)


def test_classes_are_opaque_and_background_is_clear():
    mask = np.array([[0, 1], [18, 0]], dtype=np.uint8)

    layer = _rgba(mask_uri(mask, (2, 2)))

    assert layer[..., 3].tolist() == [[0, 255], [255, 0]]
    assert tuple(layer[0, 1, :3]) == class_colour(1)
    assert tuple(layer[1, 0, :3]) == class_colour(18)


@pytest.mark.parametrize("other", [0, 1])
def test_pixels_that_do_not_count_are_hatched(other):
    mask = np.full((30, 30), 255, dtype=np.uint8)
    mask[0] = other

    alpha = _rgba(mask_uri(mask, (30, 30)))[1:, :, 3]

    assert set(np.unique(alpha)) == {0, 255}
    assert 0.4 < (alpha == 255).mean() < 0.6


def test_mask_with_every_value_is_drawn():
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)

    layer = _rgba(mask_uri(mask, (16, 16)))

    assert tuple(layer[0, 1]) == (*class_colour(1), 255)
    assert layer[0, 0, 3] == 0


def test_mask_of_another_size_is_resized_without_mixing_classes():
    mask = np.zeros((4, 4), dtype=np.uint8)
    mask[:, 2:] = 18

    layer = _rgba(mask_uri(mask, (9, 9)))

    assert {tuple(pixel) for pixel in layer[layer[..., 3] == 255]} == {(*class_colour(18), 255)}


def test_photo_is_a_jpeg_of_the_asked_size():
    picture = _open(photo_uri(np.full((40, 80, 3), 90, dtype=np.uint8), (20, 10)))

    assert (picture.format, picture.size) == ("JPEG", (20, 10))


def test_legend_names_ids_that_no_class_has():
    names = {swatch.name: swatch.hatched for swatch in legend([0, 1, 255, 12])}

    assert names == {"person": False, "id 12": False, "not counted": True}
