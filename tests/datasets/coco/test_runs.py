import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from tests.fake_coco import box, lengths, region
from vsda.datasets.coco import runs as coco_runs
from vsda.datasets.coco.runs import Canvas, num_pixels
from vsda.errors import ItemError, Outcome

MASKS = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 1)
)


def drawn(segmentation, height_px=8, width_px=8):
    flat = np.zeros(height_px * width_px, dtype=np.uint8)
    for start, end in Canvas(height_px, width_px).runs(segmentation):
        flat[start:end] = 1
    return flat.reshape(width_px, height_px).T


def decoded(run_lengths):
    """Return the mask as pycocotools gives it."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return coco_mask.decode(run_lengths)


def refused(segmentation, height_px=8, width_px=8):
    with pytest.raises(ItemError) as caught:
        Canvas(height_px, width_px).runs(segmentation)
    return caught.value


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], 0),
        ([(3, 5), (0, 2)], 4),
        ([(0, 4), (0, 4)], 4),
        ([(0, 9), (1, 2), (3, 5), (8, 12)], 12),
    ],
)
def test_a_pixel_that_several_runs_cover_counts_once(runs, expected):
    assert num_pixels(np.array(runs, dtype=np.int64).reshape(-1, 2)) == expected


def test_counts_run_down_the_columns_and_start_outside():
    expected = [[0, 1, 0], [1, 1, 0]]
    np.testing.assert_array_equal(drawn({"size": [2, 3], "counts": [1, 3, 2]}, 2, 3), expected)
    np.testing.assert_array_equal(drawn({"size": [2, 3], "counts": [0, 6]}, 2, 3), np.ones((2, 3)))


@settings(max_examples=200, deadline=None)
@given(MASKS, st.booleans())
def test_run_lengths_give_the_mask_back(mask, compressed):
    segmentation = lengths(mask, compressed=compressed)
    np.testing.assert_array_equal(drawn(segmentation, *mask.shape), mask)


def test_large_differences_in_compressed_counts_are_read():
    mask = np.zeros((3000, 3000), dtype=np.uint8)
    mask[5:7, 10] = mask[100:2900, 2000:2900] = 1
    np.testing.assert_array_equal(drawn(lengths(mask, compressed=True), 3000, 3000), mask)


def test_a_polygon_covers_the_pixels_inside():
    np.testing.assert_array_equal(drawn(box(1, 2, 4, 6)), region(1, 2, 4, 6))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(-10, 33), st.floats(-10, 27)), min_size=3, max_size=9),
        min_size=1,
        max_size=3,
    )
)
def test_polygons_are_drawn_as_by_pycocotools(corners):
    polygons = [[value for corner in polygon for value in corner] for polygon in corners]
    expected = decoded(coco_mask.merge(coco_mask.frPyObjects(polygons, 17, 23)))
    np.testing.assert_array_equal(drawn(polygons, 17, 23), expected)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, "expected polygons or run lengths, got None"),
        ("abc", "expected polygons or run lengths, got 'abc'"),
        ([], "expected polygons or run lengths, got an empty list"),
        ([[]], "an even number of at least 6 numbers"),
        ([[1, 2, 3, 4]], r"at least 6 numbers, got \[1, 2, 3, 4\]"),
        ([[1, 2, 3, 4, 5, 6, 7]], "an even number"),
        ([1, 2, 3, 4, 5, 6], "at least 6 numbers, got 1"),
        ([[1, 2, 3, 4, 5, "6"]], "at least 6 numbers"),
        ([[1, 2, 3, 4, 5, True]], "at least 6 numbers"),
        ([[1, 2, 3, 4, 5, float("inf")]], "outside of its image of 8x8"),
        ([[1, 2, 3, 4, 5, float("nan")]], "outside of its image"),
        ([[1, 2, 3, 4, 5, 10**400]], "outside of its image"),
        ([[1, 2, 3, 4, 5, 18.1]], "outside of its image"),
        ([[1, 2, 3, 4, -10.1, 6]], "outside of its image"),
        ({"size": [8, 8]}, "expected counts as a text or whole numbers, got None"),
        ({"size": [8, 8], "counts": []}, r"run lengths must be in 0\.\.64"),
        ({"size": [8, 8], "counts": [64.0]}, "expected counts"),
        ({"size": [8, 8], "counts": [True, 63]}, "expected counts"),
        ({"size": [8, 8], "counts": [-1, 65]}, r"must be in 0\.\.64"),
        ({"size": [8, 8], "counts": [-1, 33, 32]}, r"must be in 0\.\.64"),
        ({"size": [8, 8], "counts": [10**30]}, "must be numbers of pixels"),
        ({"size": [8, 8], "counts": [2**63 - 1, 2**63 - 1, 66]}, r"must be in 0\.\.64"),
        ({"size": [8, 8], "counts": [60, 3]}, "add up to 63, expected 64"),
        ({"size": [8, 8], "counts": [60, 5]}, "add up to 65, expected 64"),
        ({"size": [8, 8], "counts": ""}, "that are cut or hold other characters"),
        ({"size": [8, 8], "counts": "\x00\x00"}, "cut or hold other"),
        ({"size": [8, 8], "counts": "p0"}, "cut or hold other"),
        ({"size": [8, 8], "counts": "äö"}, "expected counts"),
        ({"size": [8, 8], "counts": "P2P"}, "cut or hold other"),
        ({"size": [8, 8], "counts": "P" * 50 + "1"}, "with a number that no image has"),
        ({"size": [8, 8], "counts": "PPPPPP1"}, "with a number that no image has"),
        ({"size": [8, 8], "counts": "o0" * 3}, r"must be in 0\.\.64|add up"),
    ],
)
def test_what_pycocotools_must_not_see_is_refused(segmentation, message):
    error = refused(segmentation)
    assert error.outcome == Outcome.UNREADABLE
    assert re.search(message, str(error))


@pytest.mark.parametrize("size", [None, [8, 9], [9, 8], [8], "88", [8, 8, 1], [-8, -8]])
def test_run_lengths_of_another_size_are_a_size_mismatch(size):
    error = refused({"size": size, "counts": [64]})
    assert error.outcome == Outcome.SIZE_MISMATCH
    assert "those of its image are [8, 8] (height, width)" in str(error)


def test_a_picture_that_is_too_large_to_draw_is_refused():
    with pytest.raises(ItemError, match="65536x65536 pixels, more than the 134217728"):
        Canvas(1 << 16, 1 << 16)


def test_outlines_that_take_minutes_are_refused_also_if_each_is_short():
    canvas = Canvas(11_000, 11_000)
    zigzag = [[value for i in range(60) for value in (11_000 * (i % 2), i)]]
    for _ in range(3):
        canvas.runs(zigzag)
    with pytest.raises(ItemError, match=r"outlines of the image take \d+ steps to draw"):
        canvas.runs(zigzag)


def test_objects_that_cover_the_image_thousands_of_times_are_refused(monkeypatch):
    monkeypatch.setattr(coco_runs, "_MOST_PAINTED_PX", 130)
    canvas = Canvas(8, 8)
    canvas.runs({"size": [8, 8], "counts": [0, 64]})
    canvas.runs({"size": [8, 8], "counts": [0, 64]})
    with pytest.raises(ItemError, match="the objects of the image cover 192 pixels"):
        canvas.runs({"size": [8, 8], "counts": [0, 64]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["size", "counts"]), inner),
    max_leaves=20,
)
RUN_LENGTHS = st.fixed_dictionaries(
    {
        "size": st.just([8, 8]),
        "counts": st.text("0123oOPp_`@", max_size=30) | st.lists(st.integers(-3, 70)),
    }
)


@settings(max_examples=400, deadline=None)
@given(JSON | RUN_LENGTHS | st.lists(st.lists(st.floats(-20, 30) | st.integers())))
def test_any_json_is_runs_inside_the_image_or_an_error(segmentation):
    try:
        runs = Canvas(8, 8).runs(segmentation)
    except ItemError:
        return
    assert runs.dtype == np.int64
    assert (runs[:, 0] < runs[:, 1]).all()
    assert ((runs >= 0) & (runs <= 64)).all()


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(min_codepoint=48, max_codepoint=111), min_size=1, max_size=12))
def test_compressed_counts_are_what_pycocotools_reads(text):
    segmentation = {"size": [8, 8], "counts": text}
    try:
        found = drawn(segmentation)
    except ItemError:
        return
    np.testing.assert_array_equal(found, decoded(segmentation))


def test_hostile_polygons_do_not_end_the_process(tmp_path):
    script = tmp_path / "fuzz.py"
    script.write_text(
        "import numpy as np\n"
        "from vsda.datasets.coco.runs import Canvas\n"
        "random = np.random.default_rng(0)\n"
        "for _ in range(4000):\n"
        "    height, width = (int(side) for side in random.integers(1, 40, 2))\n"
        "    number = 2 * int(random.integers(3, 12))\n"
        "    corners = random.uniform(-10, 10 + min(height, width), number)\n"
        "    corners = corners.round(int(random.integers(0, 3))).tolist()\n"
        "    Canvas(height, width).runs([corners])\n"
    )
    done = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
