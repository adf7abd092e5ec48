import numpy as np
import pytest

from vsda.errors import ManifestError
from vsda.synth.catalogue import grounds, looks, outline, read_ground, read_look, read_part
from vsda.taxonomy import shared_classes


def test_there_are_eight_classes_all_shared_with_davis():
    assert len(looks()) == 8
    assert {look.name for look in looks()} <= set(shared_classes("davis").names)


def test_classes_differ_in_their_typical_hue():
    hues = np.array([look.hue_turns for look in looks()])
    apart = np.abs(hues[:, None] - hues[None])
    np.fill_diagonal(apart, 0.5)
    assert np.minimum(apart, 1 - apart).min() >= 0.06


@pytest.mark.parametrize("look", looks(), ids=lambda look: look.name)
def test_every_class_has_an_outline_within_its_square(look):
    corners = np.concatenate([polygon for part in outline(look.name) for polygon in part.polygons])
    assert np.abs(corners).max() <= 1.1
    assert np.ptp(corners, axis=0).max() >= 1.4


def test_a_class_without_outline_is_an_error():
    with pytest.raises(ManifestError, match=r"shapes.tsv: no rows for the class 'zebra'"):
        outline("zebra")


def test_grounds_are_stuff():
    assert len(grounds()) == 10
    assert {ground.label: ground.stuff_value for ground in grounds()}["grass"] == 123


def test_an_ellipse_has_its_corners_on_the_curve():
    (corners,) = read_part(["car", "ellipse", "1", "0.5 0 0.2 0.4"]).polygons
    np.testing.assert_allclose(((corners - [0.5, 0]) / [0.2, 0.4]) ** 2 @ [1, 1], 1)


def test_a_stroke_is_one_box_a_piece_longer_by_half_its_width():
    (box,) = read_part(["car", "stroke", "1", "0.2 0 0 1 0"]).polygons
    np.testing.assert_allclose(box.min(axis=0), [-0.05, -0.1])
    np.testing.assert_allclose(box.max(axis=0), [1.05, 0.1])
    assert len(read_part(["car", "stroke", "1", "0.2 0 0 1 0 1 1"]).polygons) == 2


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["car", "ellipse", "1", "0 0 1"], "got 'ellipse' with 3"),
        (["car", "polygon", "1", "0 0 1 1"], "got 'polygon' with 4"),
        (["car", "stroke", "1", "0.1 0 0 1"], "got 'stroke' with 4"),
        (["car", "circle", "1", "0 0 1 1"], "got 'circle' with 4"),
        (["car", "ellipse", "1.5", "0 0 1 1"], r"shade must lie in \[0, 1\], got 1.5"),
    ],
)
def test_a_wrong_part_is_refused(cells, message):
    with pytest.raises(ManifestError, match=message):
        read_part(cells)


def test_a_class_that_coco_lacks_is_refused():
    with pytest.raises(ManifestError, match="'unicorn' is not a COCO class"):
        read_look(["unicorn", "0", "plain"])


def test_an_unknown_texture_is_refused():
    with pytest.raises(ManifestError, match="unknown texture 'fur'; known: plain, stripes"):
        read_look(["dog", "0", "fur"])


@pytest.mark.parametrize("label", ["lava", "person"])
def test_a_background_that_is_not_stuff_is_refused(label):
    with pytest.raises(ManifestError, match=f"'{label}' is not a stuff label"):
        read_ground([label, "0", "0", "plain"])
