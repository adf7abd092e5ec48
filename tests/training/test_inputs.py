"""What a run reads, and whose pixels weigh its classes."""

import numpy as np
import pytest

from tests.made_sets import make_images, make_sample, make_set
from tests.training.small import DOMAIN, small_recipe
from vsda.training.class_weights import count_classes, inverse_log
from vsda.training.inputs import open_inputs


@pytest.fixture
def places(tmp_path):
    """A set of images and one of frames that show the dog alone."""
    images = make_images(tmp_path, 6)
    frames = [make_sample(2 * i + 1, size_px=32, sequence="clip") for i in range(3)]
    videos = make_set(tmp_path, "videos", frames)
    return images, videos


def inputs(places, **settings):
    images, videos = (f"{found.folder}/{found.index.name}" for found in places)
    named = {"images": (images,), "videos": (), "labelled_videos": (videos,)}
    return open_inputs(small_recipe(**named | settings))


def test_a_joint_run_weighs_its_classes_by_both_of_its_labelled_sets(places):
    found = inputs(places)
    assert found.weights.sets == ("images", "videos")
    counted = count_classes(places, found.classes)
    assert found.weights.values == pytest.approx(inverse_log(counted))
    assert not found.weights.uses_target_labels


def test_images_without_labels_weigh_nothing(places):
    found = inputs(places, image_labels=False, adversarial=DOMAIN)
    assert found.weights.sets == ("videos",)
    assert found.weights.values == pytest.approx(
        inverse_log(count_classes(places[1:], found.classes))
    )


def test_a_run_opens_only_what_it_streams(places):
    found = inputs(places, image_labels=False)
    assert (found.image_sets, len(found.labelled_video_sets)) == ((), 1)
    domains = found.domains()
    assert domains.images is None
    assert domains.videos is None
    assert np.array_equal(len(domains.labelled_videos), 3)
