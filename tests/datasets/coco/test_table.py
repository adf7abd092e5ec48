import json
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fake_coco import CocoTree, box
from vsda.datasets.coco import table as coco_table
from vsda.datasets.coco.instances import INSTANCES
from vsda.datasets.coco.panoptic import PANOPTIC
from vsda.datasets.coco.rows import Thing
from vsda.datasets.coco.table import read_table
from vsda.errors import DatasetError

BOX = box(1, 1, 4, 4)


@pytest.fixture
def tree(tmp_path):
    return CocoTree(tmp_path).image(1).image(2).thing(2, "dog", BOX).thing(2, "person", BOX, id=7)


def table_of(tree, **members):
    return read_table(tree.save(**members).file(), INSTANCES)


def fault_of(tree):
    """Return what is wrong with image 2, after a look that nothing is with image 1."""
    images = table_of(tree).images
    assert images["000000000001"].fault is None
    assert images["000000000002"].annotation == b""
    return images["000000000002"].fault


def test_the_rows_of_an_image_are_in_the_order_of_their_ids(tree):
    image = table_of(tree).images["000000000002"]
    assert image.things == (Thing(1, False), Thing(18, False))
    said = json.loads(image.annotation)
    assert (said["width"], said["height"]) == (8, 8)
    assert [row["id"] for row in said["annotations"]] == [7, 100]


def test_the_lists_of_a_file_may_stand_in_any_order(tree):
    expected = table_of(tree)
    members = {name: getattr(tree, name) for name in ("categories", "annotations", "images")}
    tree.file().write_text(json.dumps(members))
    assert read_table(tree.file(), INSTANCES) == expected


def test_an_image_without_rows_shows_nothing(tree):
    image = table_of(tree).images["000000000001"]
    assert (image.things, image.fault) == ((), None)


def test_rows_that_are_not_wanted_are_not_kept(tree):
    image = read_table(tree.save().file(), INSTANCES, keeps_rows=False).images["000000000002"]
    assert len(image.things) == 2
    assert image.annotation == b""


def test_a_crowd_does_not_show_its_class(tree):
    image = table_of(tree.thing(2, "car", BOX, iscrowd=1)).images["000000000002"]
    assert image.categories() == {1, 18}
    assert image.categories(with_crowds=True) == {1, 3, 18}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, r"annotations\[2\]\.id: expected a whole number, got None"),
        ({"id": True}, r"annotations\[2\]\.id: expected a whole number, got True"),
        ({"id": 7}, r"annotations\[2\]\.id: 7 occurs twice"),
        ({"category_id": "1"}, r"annotations\[2\]\.category_id: expected a whole number, got '1'"),
        ({"category_id": 12}, r"annotations\[2\]: category_id 12 is not among its categories"),
        ({"iscrowd": 2}, r"annotations\[2\]\.iscrowd: expected 0 or 1, got 2"),
        ({"iscrowd": []}, r"annotations\[2\]\.iscrowd: expected 0 or 1, got \[\]"),
        ({"iscrowd": False}, r"annotations\[2\]\.iscrowd: expected 0 or 1, got False"),
    ],
)
def test_a_broken_annotation_costs_its_image(tree, change, message):
    tree.thing(2, "dog", BOX, **change)
    assert re.match(f"instances_train2017.json: {message}", fault_of(tree))


@pytest.mark.parametrize("key", ["id", "category_id", "iscrowd", "segmentation"])
def test_a_missing_key_of_an_annotation_costs_its_image(tree, key):
    tree.thing(2, "dog", BOX)
    del tree.annotations[2][key]
    assert f"annotations[2].{key}: expected" in fault_of(tree)
    assert fault_of(tree).endswith("got nothing")


def test_an_image_with_absurdly_many_annotations_is_refused(tree, monkeypatch):
    monkeypatch.setattr(coco_table, "MAX_THINGS", 1)
    assert "image 2 has 2 annotations in" in fault_of(tree)
    monkeypatch.setattr(coco_table, "MAX_THINGS", 2)
    monkeypatch.setattr(coco_table, "MAX_ANNOTATION_BYTES", 100)
    assert fault_of(tree).endswith("bytes, expected at most 2 in 100")


IMAGE = {"id": 3, "file_name": "3.jpg", "width": 8, "height": 8}


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("images", 5, r"images\[2\]: expected an object, got 5"),
        ("images", IMAGE | {"id": "3"}, r"images\[2\]\.id: expected a whole number, got '3'"),
        ("images", IMAGE | {"id": 1}, r"images\[2\]\.id: 1 is also that of images\[0\]"),
        ("images", IMAGE | {"width": 0}, r"width: expected a whole number of at least 1, got 0"),
        ("images", IMAGE | {"height": 8.0}, r"height: expected a whole number of .*, got 8\.0"),
        ("images", {"id": 3, "width": 8, "height": 8}, r"file_name: expected .* got nothing"),
        ("images", IMAGE | {"file_name": "000000000001.jpg"}, r"file_name: .*1\.jpg occurs twice"),
        ("annotations", [], r"annotations\[2\]: expected an object, got \[\]"),
        ("annotations", {"id": 1}, r"annotations\[2\]\.image_id: expected a whole .* got nothing"),
        ("annotations", {"image_id": 9}, r"annotations\[2\]\.image_id: 9 is not among its images"),
        ("categories", {"id": 1, "name": "person"}, r"categories\[133\]\.id: 1 occurs twice"),
        ("categories", {"name": "cat"}, r"categories\[133\]\.id: expected a whole number"),
        ("categories", {"id": 12, "name": "hat"}, "category 12 is 'hat', .* no such category"),
    ],
)
def test_a_broken_file_is_told_with_the_row(tree, name, row, message):
    getattr(tree, name).append(row)
    with pytest.raises(DatasetError, match=message) as caught:
        table_of(tree)
    assert str(caught.value).startswith(f"{tree.file()}: {name}[")


@pytest.mark.parametrize(
    "file_name",
    [
        *("../1.jpg", "/etc/1.jpg", "a/1.jpg", "a\\1.jpg", "..jpg", ".jpg", "1.png", "", 5, None),
        *("a\0.jpg", "a\n.jpg", "\ud800.jpg", "x" * 300 + ".jpg"),
    ],
)
def test_an_image_cannot_name_what_lies_elsewhere(tree, file_name):
    tree.images.append(IMAGE | {"file_name": file_name})
    with pytest.raises(DatasetError, match=r"images\[2\]\.file_name: expected the name of a \.jpg"):
        table_of(tree)


def test_categories_must_be_those_of_coco(tree):
    with pytest.raises(DatasetError, match="category 1 is 'dog', expected COCO's: person"):
        table_of(tree, categories=[{"id": 1, "name": "dog"}])


@pytest.mark.parametrize("name", ["images", "annotations", "categories"])
def test_each_list_must_be_there(tree, name):
    with pytest.raises(DatasetError, match=f"'{name}' is missing"):
        table_of(tree, **{name: None})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"segments_info": {}}, r"segments_info: expected a list of objects, got \{\}"),
        ({"segments_info": [5]}, r"segments_info: expected a list of objects, got \[5\]"),
        ({"file_name": "../2.png"}, r"file_name: expected the name of a \.png file"),
        ({"segments_info": [{"id": 0}]}, r"segments_info\[0\]\.id: .*at least 1, got 0"),
        ({"segments_info": [{"id": 1 << 24}]}, r"id: expected a number up to 16777215 once"),
        ({"segments_info": [{"id": 5}, {"id": 5}]}, r"segments_info\[1\]\.id: .* once, got 5"),
        ({"segments_info": [{"category_id": None}]}, r"\[0\]\.category_id: expected a whole"),
        ({"segments_info": [{"category_id": 999}]}, r"category_id 999 is not among"),
    ],
)
def test_a_broken_panoptic_row_costs_its_image(tmp_path, row, message):
    tree = CocoTree(tmp_path).image(2)
    segment = {"id": 3, "category_id": 1, "iscrowd": 0}
    if isinstance(row.get("segments_info"), list):
        infos = [segment | one if isinstance(one, dict) else one for one in row["segments_info"]]
        row = {"segments_info": infos}
    tree.annotations = [{"image_id": 2, "file_name": "2.png", "segments_info": [segment]} | row]
    table = read_table(tree.save("panoptic").file("panoptic"), PANOPTIC)
    assert re.search(message, table.images["000000000002"].fault)


def test_two_panoptic_rows_of_an_image_cost_it(tmp_path):
    tree = CocoTree(tmp_path).image(2)
    tree.annotations = [{"image_id": 2, "file_name": "2.png", "segments_info": []}] * 2
    table = read_table(tree.save("panoptic").file("panoptic"), PANOPTIC)
    fault = table.images["000000000002"].fault
    assert fault == "panoptic_train2017.json: annotations[1].image_id: 2 occurs twice"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 300) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([INSTANCES, PANOPTIC]),
    member=st.sampled_from(["images", "annotations", "categories"]),
    key=st.sampled_from(
        ["id", "image_id", "file_name", "width", "iscrowd", "category_id", "segments_info", "name"]
    ),
    value=JSON,
)
def test_any_value_anywhere_is_a_table_or_an_error(tmp_path_factory, kind, member, key, value):
    tree = CocoTree(tmp_path_factory.mktemp("coco")).image(1).thing(1, "dog", BOX)
    tree.annotations[0] |= {"file_name": "1.png", "segments_info": []}
    getattr(tree, member)[0][key] = value
    with suppress(DatasetError):
        assert len(read_table(tree.save(kind.name).file(kind.name), kind).images) == 1
