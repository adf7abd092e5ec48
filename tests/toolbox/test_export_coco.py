"""Exports in COCO's layouts; the reference is what pycocotools and hand-counted pixels say."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from tests.shards.frames import frame, jpeg, make_set
from tests.toolbox.export_frames import (
    INST,
    SEG,
    clip,
    exported,
    files,
    grid,
    names,
    picture,
    still,
)
from vsda.datasets.coco.dataset import CocoOptions
from vsda.errors import ShardError
from vsda.prepare import PrepareOptions, prepare
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples


@pytest.fixture
def scene(tmp_path):
    """One frame with two persons and a dog."""
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=INST)]])
    return f"{tmp_path}/sets"


def load(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def annotations(out, name):
    return json.loads((out / f"annotations/{name}.json").read_bytes())


PERSONS_AND_DOG = [
    {"area": 4, "bbox": [0, 0, 2, 2], "category_id": 1, "iscrowd": 0},
    {"area": 2, "bbox": [0, 3, 2, 1], "category_id": 1, "iscrowd": 0},
    {"area": 4, "bbox": [4, 0, 2, 2], "category_id": 18, "iscrowd": 0},
]


BACKGROUND = {"area": 12, "bbox": [0, 0, 6, 4], "category_id": 0, "iscrowd": 0}


# Panoptic.


def test_panoptic_has_a_segment_per_instance(scene, tmp_path):
    report = exported(scene, tmp_path / "out", "coco-panoptic")
    assert report.segments == 3
    document = annotations(tmp_path / "out", "panoptic_train2017")
    assert document["annotations"] == [
        {
            "image_id": 1,
            "file_name": "davis__bear__00000.png",
            "segments_info": [
                {"id": number} | row
                for number, row in enumerate([*PERSONS_AND_DOG, BACKGROUND], start=1)
            ],
        }
    ]
    assert document["images"] == [
        {"id": 1, "file_name": "davis__bear__00000.jpg", "width": 6, "height": 4}
    ]


def test_panoptic_png_holds_the_ids_and_zero_for_void(scene, tmp_path):
    exported(scene, tmp_path / "out", "coco-panoptic")
    path = tmp_path / "out/annotations/panoptic_train2017/davis__bear__00000.png"
    bands = picture(path).astype(int)
    ids = bands[..., 0] + 256 * bands[..., 1] + 65536 * bands[..., 2]
    np.testing.assert_array_equal(ids, grid("114433", "114433", "444444", "2244.."))


def test_panoptic_images_lie_in_the_folder_of_their_split(scene, tmp_path):
    exported(scene, tmp_path / "out", "coco-panoptic", split="val")
    assert (tmp_path / "out/val2017/davis__bear__00000.jpg").read_bytes() == jpeg(0)
    assert names(tmp_path / "out/annotations") == ["panoptic_val2017", "panoptic_val2017.json"]


def test_a_panoptic_id_above_255_uses_the_second_band(tmp_path):
    from vsda.toolbox.export_pictures import panoptic_png

    path = tmp_path / "ids.png"
    path.write_bytes(panoptic_png(np.array([[1, 256], [65536 + 513, 0]], dtype=np.uint32)))
    assert picture(path).tolist() == [[[1, 0, 0], [0, 1, 0]], [[1, 2, 1], [0, 0, 0]]]


def test_panoptic_without_background_has_no_region_of_it_but_its_category(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=np.full_like(SEG, 18), inst=None)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "coco-panoptic")
    document = annotations(tmp_path / "out", "panoptic_train2017")
    (row,) = document["annotations"]
    assert [(info["category_id"], info["area"]) for info in row["segments_info"]] == [(18, 24)]
    assert len(document["categories"]) == 81
    assert {name: document["categories"][0][name] for name in ("id", "name", "isthing")} == {
        "id": 0,
        "name": "background",
        "isthing": 0,
    }


def test_without_instances_each_class_is_one_segment(tmp_path):
    make_set(tmp_path / "sets", [[still("coco/val2017/000000000139")]])
    report = exported(f"{tmp_path}/sets", tmp_path / "out", "coco-panoptic")
    (row,) = annotations(tmp_path / "out", "panoptic_val2017")["annotations"]
    assert row["segments_info"] == [
        {"id": 1, "area": 6, "bbox": [0, 0, 2, 4], "category_id": 1, "iscrowd": 0},
        {"id": 2, "area": 4, "bbox": [4, 0, 2, 2], "category_id": 18, "iscrowd": 0},
        {"id": 3} | BACKGROUND,
    ]
    assert report.notes == ("1 frames have no inst.png: one region per class",)


def test_what_has_a_class_but_no_instance_is_not_lost(tmp_path):
    inst = INST.copy()
    inst[:, 4:] = 0  # the dog is nobody's
    inst[3, :2] = 255
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=inst)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "coco-panoptic")
    (row,) = annotations(tmp_path / "out", "panoptic_train2017")["annotations"]
    found = [(info["category_id"], info["area"]) for info in row["segments_info"]]
    assert found == [(1, 4), (1, 2), (18, 4), (0, 12)]


def test_an_image_of_coco_gets_its_name_and_number_back(tmp_path):
    samples = [
        still("coco/val2017/000000000139"),
        still("coco/val2017/000000581929"),
        still("voc/val/2007_000033"),
        still("voc/val/2007_000042"),
    ]
    make_set(tmp_path / "sets", [samples])
    exported(f"{tmp_path}/sets", tmp_path / "out", "coco-panoptic")
    document = annotations(tmp_path / "out", "panoptic_val2017")
    assert {row["file_name"]: row["id"] for row in document["images"]} == {
        "000000000139.jpg": 139,
        "000000581929.jpg": 581929,
        "voc__val__2007_000033.jpg": 581930,
        "voc__val__2007_000042.jpg": 581931,
    }


def test_two_images_of_one_number_are_refused(tmp_path):
    make_set(tmp_path / "sets", [[still("coco/val2017/0139"), still("coco/val2017/139")]])
    with pytest.raises(ShardError, match=r"val2017/0139 and coco/val2017/139 would both be image"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "coco-panoptic")


def test_two_keys_of_one_file_name_are_refused(tmp_path):
    samples = [frame(0, "a__b", key="davis/a__b/0"), frame(1, "b", key="davis/a/b__0")]
    make_set(tmp_path / "sets", [samples])
    with pytest.raises(ShardError, match=r"would be train2017/davis__a__b__0.jpg"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "coco-panoptic")


def test_frames_without_labels_are_left_out_and_counted(tmp_path):
    make_set(tmp_path / "sets", [[*clip("bear", 2), frame(7, seg=None, inst=None)]])
    report = exported(f"{tmp_path}/sets", tmp_path / "out", "coco-instances")
    assert (report.frames, report.left_out) == (2, 1)
    assert "1 frames have no seg.png and are left out" in report.notes[0]
    assert len(names(tmp_path / "out/train2017")) == 2


def test_an_image_without_any_class_is_listed_without_annotations(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=np.zeros_like(SEG), inst=None)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "coco-instances")
    document = annotations(tmp_path / "out", "instances_train2017")
    assert (len(document["images"]), document["annotations"]) == (1, [])


# Instances, judged by pycocotools.

OLD_NUMPY = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""pycocotools decodes masks into arrays that say less than numpy 2 asks for."""


@OLD_NUMPY
def test_pycocotools_finds_the_instances(scene, tmp_path):
    exported(scene, tmp_path / "out", "coco-instances")
    coco = load(tmp_path / "out/annotations/instances_train2017.json")
    rows = coco.loadAnns(coco.getAnnIds(imgIds=coco.getImgIds()))
    assert [{name: row[name] for name in PERSONS_AND_DOG[0]} for row in rows] == PERSONS_AND_DOG
    expected = [INST == 1, INST == 2, INST == 3]
    for row, mask in zip(rows, expected, strict=True):
        on_class = mask & (SEG != 0) & (SEG != 255)
        np.testing.assert_array_equal(coco.annToMask(row), on_class)
    assert isinstance(rows[0]["segmentation"]["counts"], str)


@OLD_NUMPY
def test_pycocotools_finds_random_instances_again(tmp_path):
    rng = np.random.default_rng(7)
    samples = []
    for number in range(20):
        seg = rng.choice([0, 1, 18, 90, 255], size=(4, 6)).astype(np.uint8)
        inst = rng.choice([0, 1, 2, 254, 255], size=(4, 6)).astype(np.uint8)
        samples.append(frame(number, seg=seg, inst=inst))
    make_set(tmp_path / "sets", [samples])
    exported(f"{tmp_path}/sets", tmp_path / "out", "coco-instances")
    coco = load(tmp_path / "out/annotations/instances_train2017.json")
    for sample, image_id in zip(samples, sorted(coco.getImgIds()), strict=True):
        seg = np.zeros_like(sample.seg)
        for row in coco.loadAnns(coco.getAnnIds(imgIds=[image_id])):
            mask = coco.annToMask(row).astype(bool)
            assert not seg[mask].any()
            assert row["area"] == mask.sum()
            assert len(set(np.where(sample.inst == 255, 0, sample.inst)[mask])) == 1
            seg[mask] = row["category_id"]
        np.testing.assert_array_equal(seg, np.where(sample.seg == 255, 0, sample.seg))


def test_annotation_ids_are_unique_over_splits_and_start_at_1(tmp_path):
    samples = [
        still(f"coco/{split}2017/{number:012d}")
        for number, split in enumerate(("train", "train", "val"), start=1)
    ]
    make_set(tmp_path / "sets", [samples])
    exported(f"{tmp_path}/sets", tmp_path / "out", "coco-instances")
    ids = [
        row["id"]
        for split in ("train", "val")
        for row in annotations(tmp_path / "out", f"instances_{split}2017")["annotations"]
    ]
    assert ids == [1, 2, 3, 4, 5, 6]


def test_categories_are_all_of_coco(scene, tmp_path):
    exported(scene, tmp_path / "out", "coco-instances")
    coco = load(tmp_path / "out/annotations/instances_train2017.json")
    assert len(coco.getCatIds()) == 80
    assert coco.loadCats([18])[0]["name"] == "dog"


def test_void_is_told_to_become_background(scene, tmp_path):
    report = exported(scene, tmp_path / "out", "coco-instances")
    assert report.notes == (
        "1 frames have void regions, which became background: an instances file cannot say them; "
        "'--as coco-panoptic' keeps them",
    )


# There and back, by `prepare coco`.


def prepared(root, out, labels):
    own = CocoOptions(labels=labels)
    options = PrepareOptions(root=root, out=out, split="val", classes="all", num_workers=1, own=own)
    prepare("coco", options)
    return list(iterate_samples(open_set(f"{out}/coco-val")))


def test_real_panoptic_labels_come_back_sample_by_sample(real_samples, tmp_path):
    before = prepared(real_samples / "coco", tmp_path / "sets", "panoptic")
    exported(f"{tmp_path}/sets", tmp_path / "out", "coco-panoptic")
    after = prepared(tmp_path / "out", tmp_path / "again", "panoptic")
    assert len(before) == 2
    for first, second in zip(before, after, strict=True):
        assert (first.key, first.jpg, first.facts) == (second.key, second.jpg, second.facts)
        np.testing.assert_array_equal(first.seg, second.seg)
        np.testing.assert_array_equal(first.inst, second.inst)


def test_frames_with_instances_come_back_from_the_panoptic_layout(scene, tmp_path):
    exported(scene, tmp_path / "out", "coco-panoptic", split="val")
    (sample,) = prepared(tmp_path / "out", tmp_path / "again", "panoptic")
    assert (sample.key, sample.jpg) == ("coco/val2017/davis__bear__00000", jpeg(0))
    np.testing.assert_array_equal(sample.seg, SEG)
    np.testing.assert_array_equal(sample.inst, grid("11..33", "11..33", "......", "22..vv"))


def test_frames_with_instances_come_back_from_the_instances_layout_without_void(scene, tmp_path):
    exported(scene, tmp_path / "out", "coco-instances", split="val")
    (sample,) = prepared(tmp_path / "out", tmp_path / "again", "instances")
    np.testing.assert_array_equal(sample.seg, np.where(SEG == 255, 0, SEG))
    np.testing.assert_array_equal(sample.inst, grid("11..33", "11..33", "......", "22...."))


def test_a_url_gets_the_same_files(scene, tmp_path, s3):
    from tests.s3 import s3_objects

    exported(scene, f"{s3}/out", "coco-panoptic")
    exported(scene, tmp_path / "out", "coco-panoptic")
    assert s3_objects(f"{s3}/out") == files(tmp_path / "out")
