"""Weights from pixel counts, and where they come from."""

import math
from typing import get_args

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tests.made_sets import make_images, make_sample, make_set, make_videos
from vsda.recipes.train import ClassWeightSettings
from vsda.sample import Sample
from vsda.taxonomy import IGNORE_INDEX, class_set
from vsda.training.class_weights import (
    FORMULAS,
    Counts,
    class_weights,
    count_classes,
    inverse_frequency,
    inverse_log,
    inverse_sqrt,
    median_frequency,
)

CLASSES = class_set("person,dog")
THREE = Counts((36, 9, 3), (3, 2, 1))
"""Shares of pixels 3/4, 3/16 and 1/16."""


def three_images(folder):
    """A set of three 4 x 4 images: persons, a dog, ignored pixels and cakes, which are no class."""
    samples = []
    for number, values in enumerate(
        (
            [1] * 4 + [18] * 3 + [61] * 2,
            [1] * 5 + [IGNORE_INDEX],
            [IGNORE_INDEX] * 3 + [61] * 4,
        )
    ):
        seg = np.zeros(16, dtype=np.uint8)
        seg[: len(values)] = values
        samples.append(with_mask(number, seg.reshape(4, 4)))
    return make_set(folder, "three", samples)


def with_mask(number, seg):
    made = make_sample(number, size_px=len(seg), sequence=None)
    return Sample(key=made.key, jpg=made.jpg, seg=seg, inst=None, facts=made.facts)


def test_every_formula_of_the_recipe_is_there():
    assert set(FORMULAS) == set(get_args(ClassWeightSettings.model_fields["formula"].annotation))


def test_counts_are_those_of_the_masks_without_the_ignored_pixels(tmp_path):
    """48 pixels, 4 ignored: 9 of person in two frames, 3 of dog in one, the rest background."""
    counts = count_classes([three_images(tmp_path)], CLASSES)
    assert counts == Counts((32, 9, 3), (3, 2, 1))


def test_counts_of_several_sets_are_added(tmp_path):
    sets = [three_images(tmp_path / name) for name in "ab"]
    assert count_classes(sets, CLASSES) == Counts((64, 18, 6), (6, 4, 2))


def test_inverse_log_by_hand():
    raw = [1 / math.log(1.02 + share) for share in (0.75, 0.1875, 0.0625)]
    assert raw == pytest.approx([1.7514, 5.3036, 12.6146], rel=1e-4)
    assert inverse_log(THREE) == pytest.approx([value / (sum(raw) / 3) for value in raw])


def test_inverse_frequency_by_hand():
    """1/36, 4/36 and 12/36 have the mean 17/108."""
    assert inverse_frequency(THREE) == pytest.approx([3 / 17, 12 / 17, 36 / 17])


def test_inverse_frequency_is_the_balanced_weight_of_scikit_learn():
    pixels = np.repeat([0, 1, 2], THREE.pixels)
    reference = compute_class_weight("balanced", classes=np.arange(3), y=pixels)
    assert inverse_frequency(THREE) == pytest.approx(reference / reference.mean())


def test_inverse_sqrt_by_hand():
    """1/6, 1/3 and 1/sqrt(3)."""
    mean = (1 / 6 + 1 / 3 + 1 / math.sqrt(3)) / 3
    expected = [1 / 6 / mean, 1 / 3 / mean, 1 / math.sqrt(3) / mean]
    assert inverse_sqrt(THREE) == pytest.approx(expected)


def test_median_frequency_by_hand():
    """12, 4.5 and 3 pixels per frame with the class: 1/12, 2/9 and 1/3 have the mean 23/108."""
    assert median_frequency(THREE) == pytest.approx([9 / 23, 24 / 23, 36 / 23])


def test_median_frequency_spares_a_class_that_is_rare_but_large():
    rare_and_large = Counts((80, 10, 10), (10, 10, 1))
    weights = median_frequency(rare_and_large)
    assert weights[2] < weights[1]
    assert inverse_frequency(rare_and_large)[2] == inverse_frequency(rare_and_large)[1]


@pytest.mark.parametrize("formula", FORMULAS.values())
def test_mean_weight_is_one_and_rarer_classes_weigh_more(formula):
    weights = formula(THREE)
    assert sum(weights) == pytest.approx(3)
    assert weights[0] < weights[1] < weights[2]


@pytest.mark.parametrize("formula", ["inverse-frequency", "inverse-sqrt", "median-frequency"])
def test_absent_class_has_the_weight_of_the_rarest_one(formula):
    weights = FORMULAS[formula](Counts((90, 10, 0), (10, 2, 0)))
    assert weights[2] == weights[1] > weights[0]


def test_absent_class_has_the_largest_weight_by_inverse_log():
    raw = [1 / math.log(1.02 + share) for share in (0.9, 0.1, 0.0)]
    assert raw[2] == pytest.approx(50.498, rel=1e-4)
    assert inverse_log(Counts((90, 10, 0), (10, 2, 0))) == pytest.approx(
        [value / (sum(raw) / 3) for value in raw]
    )


@pytest.mark.parametrize("formula", FORMULAS.values())
def test_without_a_labelled_pixel_all_weights_are_one(formula):
    assert formula(Counts((0, 0, 0), (0, 0, 0))) == pytest.approx((1.0, 1.0, 1.0))


def test_recipe_chooses_the_formula(tmp_path):
    images = [three_images(tmp_path)]
    for formula, function in FORMULAS.items():
        found = class_weights(ClassWeightSettings(formula=formula), CLASSES, images, [])
        assert found.values == function(count_classes(images, CLASSES))


def test_labelled_images_are_counted_and_on_record(tmp_path):
    images, videos = [make_images(tmp_path)], [make_videos(tmp_path)]
    found = class_weights(ClassWeightSettings(), CLASSES, images, videos)
    assert (found.source, found.sets, found.uses_target_labels) == ("labelled", ("images",), False)


def test_all_labelled_sets_are_counted_together(tmp_path):
    labelled = [make_images(tmp_path), make_videos(tmp_path)]
    found = class_weights(ClassWeightSettings(), CLASSES, labelled, labelled[1:])
    assert (found.sets, found.uses_target_labels) == (("images", "videos"), False)
    assert found.values == inverse_log(count_classes(labelled, CLASSES))


def test_labels_of_unlabelled_videos_are_a_leak_on_record(tmp_path):
    images, videos = [make_images(tmp_path)], [make_videos(tmp_path)]
    found = class_weights(ClassWeightSettings(source="videos"), CLASSES, images, videos)
    assert (found.source, found.sets, found.uses_target_labels) == ("videos", ("videos",), True)


def test_weights_of_labelled_videos_are_no_leak(tmp_path):
    """The paper's weights, in a run that has a right to them."""
    images, videos = make_images(tmp_path), make_videos(tmp_path)
    found = class_weights(ClassWeightSettings(source="videos"), CLASSES, [images, videos], [videos])
    assert (found.sets, found.uses_target_labels) == (("videos",), False)
    assert found.values == inverse_log(count_classes([videos], CLASSES))


@pytest.mark.parametrize("formula", FORMULAS)
def test_constant_target_labels_do_not_change_the_weights_of_an_unlabelled_run(tmp_path, formula):
    images = [make_images(tmp_path)]
    constant = [with_mask(i, np.full((4, 4), 18, dtype=np.uint8)) for i in range(4)]
    settings = ClassWeightSettings(formula=formula)
    true, edited = (
        class_weights(settings, CLASSES, images, [videos])
        for videos in (make_videos(tmp_path), make_set(tmp_path / "edited", "videos", constant))
    )
    assert true == edited


def test_without_weights_all_are_one(tmp_path):
    found = class_weights(ClassWeightSettings(source="none"), CLASSES, [], [])
    assert found.values == (1.0, 1.0, 1.0)
    assert not found.uses_target_labels
