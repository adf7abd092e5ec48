"""Weights from pixel counts, and where they come from."""

import math

import pytest

from tests.made_sets import make_images, make_videos
from vsda.recipes.train import ClassWeightSettings
from vsda.taxonomy import class_set
from vsda.training.class_weights import class_weights, inverse_log_weights, project_counts

CLASSES = class_set("person,dog")


def test_weights_follow_the_documented_formula():
    raw = [1 / math.log(1.02 + share) for share in (0.9, 0.1, 0.0)]
    expected = [weight / (sum(raw) / 3) for weight in raw]
    assert inverse_log_weights([90, 10, 0]) == pytest.approx(expected)


def test_absent_class_has_a_finite_weight():
    assert all(math.isfinite(weight) for weight in inverse_log_weights([0, 0, 0]))


def test_counts_outside_the_classes_are_background_and_ignored_pixels_do_not_count():
    assert project_counts({0: 5, 1: 2, 18: 3, 44: 7, 255: 100}, CLASSES) == [12, 2, 3]


@pytest.mark.parametrize(
    ("source", "sets", "leak"), [("images", ("images",), False), ("videos", ("videos",), True)]
)
def test_source_of_the_counts_is_recorded(tmp_path, source, sets, leak):
    images, videos = [make_images(tmp_path)], [make_videos(tmp_path)]
    found = class_weights(ClassWeightSettings(source=source), CLASSES, images, videos)
    assert (found.source, found.sets, found.uses_target_labels) == (source, sets, leak)


def test_labels_of_the_videos_do_not_change_the_default_weights(tmp_path):
    images = [make_images(tmp_path)]
    few, many = ([make_videos(tmp_path / str(n), n)] for n in (1, 6))
    settings = ClassWeightSettings()
    assert class_weights(settings, CLASSES, images, few) == class_weights(
        settings, CLASSES, images, many
    )


def test_without_weights_all_are_one(tmp_path):
    found = class_weights(ClassWeightSettings(source="none"), CLASSES, [], [])
    assert found.values == (1.0, 1.0, 1.0)
