"""The three sources of labels on the real samples, where an image has more than one."""

import numpy as np
import pytest
from PIL import Image

from tests.fake_coco import CocoTree

PERSON_IMAGE = 785
PANOPTIC_IMAGES = (142238, 439180)


@pytest.fixture
def real(real_samples, tmp_path):
    """Make a folder of links to the real files, with `instances(name)` to choose one of two."""
    coco = real_samples / "coco"
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    for name in ("val2017", "stuffthingmaps"):
        (root / name).symlink_to(coco / name)
    for name in ("panoptic_val2017", "panoptic_val2017.json"):
        (root / "annotations" / name).symlink_to(coco / "annotations" / name)

    def instances(name):
        tree = CocoTree(root, "val")
        tree.file().symlink_to(coco / "annotations" / name)
        return tree

    return instances


def test_outlines_of_a_person_are_the_map_but_for_one_pixel_in_a_thousand(real):
    tree = real("person_instances_val2017.json")
    outlined = tree.read(PERSON_IMAGE, "instances", classes="person").seg
    mapped = tree.read(PERSON_IMAGE, "stuffthingmaps", classes="person").seg
    known = mapped != 255
    agreement = (outlined == mapped)[known].mean()
    both, either = (outlined & mapped == 1)[known].sum(), (outlined | mapped == 1)[known].sum()
    assert 0.9985 < agreement < 1  # measured: 0.99899; the map's outline is a pixel off in places
    assert both / either > 0.985  # measured: 0.990


def test_panoptic_masks_are_those_of_their_detection_format_but_for_void(real, real_samples):
    tree = real("panoptic_coco_detection_format.json")
    for number in PANOPTIC_IMAGES:
        png = real_samples / f"coco/annotations/panoptic_val2017/{number:012d}.png"
        void = np.asarray(Image.open(png)).max(axis=2) == 0
        regions, outlines = tree.read(number, "panoptic"), tree.read(number, "instances")
        assert void.any()
        assert (regions.inst == 255)[~void].any(), "no crowd to compare"
        for one, other in ((regions.seg, outlines.seg), (regions.inst, outlines.inst)):
            np.testing.assert_array_equal(one[~void], other[~void])
            assert (one[void] == 255).all()
            assert (other[void] == 0).all()


def test_what_is_in_the_real_files_is_read_without_a_failure(real):
    tree = real("person_instances_val2017.json")
    for labels, num_units in (("stuffthingmaps", 8), ("instances", 4), ("panoptic", 2)):
        listing = tree.listing(labels)
        assert (len(listing.units), listing.failures) == (num_units, ())
        for unit in listing.units:
            assert tree.read(int(unit.items[0].frame), labels) is not None
