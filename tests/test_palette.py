import itertools

import numpy as np
import pytest

from vsda.manifests import coco_classes
from vsda.palette import class_colour, overlay
from vsda.taxonomy import shared_classes

PERSON = 1


def lightness_and_hue(colour):
    """CIELAB of an sRGB colour, where distances are about what the eye sees (CIE 1976, D65)."""
    share = np.asarray(colour) / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    to_xyz = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    x, y, z = np.cbrt(to_xyz @ linear / [0.9505, 1, 1.0888])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours):
    labs = [lightness_and_hue(colour) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(labs, 2))


def test_the_shared_classes_are_far_apart_from_each_other_and_from_void():
    colours = [class_colour(coco_id) for coco_id in shared_classes("davis").ids]
    assert len(colours) == 10
    assert nearest([*colours, class_colour(255)]) > 30


def test_all_classes_differ():
    colours = [class_colour(row.id) for row in coco_classes()]
    assert len(colours) == 80
    assert nearest([*colours, class_colour(0), class_colour(255)]) > 9


def test_background_is_black_and_ids_without_a_class_are_grey():
    assert class_colour(0) == (0, 0, 0)
    assert class_colour(255) == class_colour(12) == (128, 128, 128)


def test_background_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(overlay(image, np.zeros((5, 7), np.uint8), 0.9), image)


def test_a_class_is_tinted_inside_and_outlined_in_its_colour():
    image = np.full((7, 7, 3), 100, dtype=np.uint8)
    mask = np.zeros((7, 7), dtype=np.uint8)
    mask[2:5, 2:5] = PERSON
    drawn = overlay(image, mask, opacity=0.25)
    colour = np.array(class_colour(PERSON))
    assert np.array_equal(drawn[3, 3], np.rint(100 + (colour - 100) * 0.25))
    for place in [(2, 2), (2, 3), (4, 4), (3, 2)]:
        assert np.array_equal(drawn[place], colour)
    assert np.array_equal(drawn[1, 3], [100, 100, 100])


def test_a_mask_that_fills_the_picture_has_no_outline():
    image = np.full((4, 4, 3), 100, dtype=np.uint8)
    drawn = overlay(image, np.full((4, 4), PERSON, np.uint8), opacity=0.5)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 1


def test_two_classes_that_touch_are_both_outlined():
    mask = np.repeat(np.array([[1, 1, 1, 18, 18, 18]], dtype=np.uint8), 4, axis=0)
    drawn = overlay(np.zeros((4, 6, 3), np.uint8), mask)
    assert tuple(drawn[0, 2]) == class_colour(1)
    assert tuple(drawn[0, 3]) == class_colour(18)


def test_void_is_hatched_in_two_greys():
    drawn = overlay(np.zeros((16, 16, 3), np.uint8), np.full((16, 16), 255, np.uint8), opacity=1.0)
    values, counts = np.unique(drawn.reshape(-1, 3), axis=0, return_counts=True)
    assert values.tolist() == [[128, 128, 128], [205, 205, 205]]
    assert counts.tolist() == [128, 128]
    assert tuple(drawn[0, 0]) != tuple(drawn[0, 4])
    assert tuple(drawn[0, 4]) == tuple(drawn[4, 0])


def test_the_picture_itself_is_not_changed():
    image = np.full((3, 3, 3), 9, dtype=np.uint8)
    overlay(image, np.full((3, 3), PERSON, np.uint8))
    assert np.array_equal(image, np.full((3, 3, 3), 9))


def test_image_and_mask_of_different_size_are_refused():
    with pytest.raises(ValueError, match=r"image \(3, 3, 3\) and mask \(3, 4\) do not fit"):
        overlay(np.zeros((3, 3, 3), np.uint8), np.zeros((3, 4), np.uint8))
