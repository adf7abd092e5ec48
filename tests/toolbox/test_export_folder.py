"""Exports as folders of images and masks."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shards.frames import frame, jpeg, make_set
from tests.toolbox.export_frames import INST, SEG, clip, exported, files, picture, still
from vsda.datasets.folder.options import FolderOptions
from vsda.errors import ShardError
from vsda.palette import class_colour
from vsda.prepare import PrepareOptions, prepare
from vsda.sample import FrameFacts
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples


def test_every_part_of_a_sample_has_its_folder(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 1), [still("coco/val2017/000000000139")]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    assert sorted(files(tmp_path / "out")) == [
        ".vsda-export.json",
        "classes.csv",
        "facts/000000000139.json",
        "facts/bear/00000.json",
        "images/000000000139.jpg",
        "images/bear/00000.jpg",
        "instances/bear/00000.png",
        "masks/000000000139.png",
        "masks/bear/00000.png",
    ]


def test_masks_hold_coco_ids_and_show_the_colours_of_the_classes(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=INST)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    path = tmp_path / "out/masks/bear/00000.png"
    np.testing.assert_array_equal(picture(path), SEG)
    with Image.open(path) as image:
        assert image.mode == "P"
        shown = image.convert("RGB")
        assert [shown.getpixel(at) for at in ((0, 0), (4, 0), (2, 0), (4, 3))] == [
            class_colour(1),
            class_colour(18),
            (0, 0, 0),
            class_colour(255),
        ]
    np.testing.assert_array_equal(picture(tmp_path / "out/instances/bear/00000.png"), INST)


def test_a_mask_has_eight_bits_whatever_its_values(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 1)])
    exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    data = (tmp_path / "out/masks/bear/00000.png").read_bytes()
    assert (data[24], data[25]) == (8, 3)  # bit depth and colour type of the PNG's header


def test_classes_are_those_that_occur_and_background_and_ignore(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=None)], [frame(1, "cows")]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    text = (tmp_path / "out/classes.csv").read_text()
    assert list(csv.DictReader(text.splitlines())) == [
        {"value": "0", "class": "background"},
        {"value": "1", "class": "person"},
        {"value": "18", "class": "dog"},
        {"value": "255", "class": "ignore"},
    ]


def test_frames_without_labels_are_images_and_facts(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 1, seg=None, inst=None)])
    report = exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    assert (report.frames, report.left_out, report.files) == (1, 0, 3)
    assert not (tmp_path / "out/masks").exists()


def test_facts_come_back_as_they_were(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 2)])
    exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    data = (tmp_path / "out/facts/bear/00001.json").read_bytes()
    assert FrameFacts.from_json(data) == frame(1).facts
    assert json.loads(data)["sequence"] == "bear"


def test_a_sequence_in_a_folder_stays_in_it(tmp_path):
    sample = frame(0, "group/bear", key="davis/group-bear/00000")
    make_set(tmp_path / "sets", [[sample]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    assert (tmp_path / "out/images/group/bear/00000.jpg").read_bytes() == jpeg(0)


@pytest.mark.parametrize("layout", ["folder", "coco-panoptic", "coco-instances", "davis"])
def test_a_value_that_is_no_class_of_coco_is_refused(tmp_path, layout):
    seg = SEG.copy()
    seg[0, 0] = 12  # a gap in COCO's ids
    make_set(tmp_path / "sets", [[frame(0, seg=seg, inst=None)]])
    with pytest.raises(ShardError, match=r"bear/00000: its seg.png holds \[12\], which are no ids"):
        exported(f"{tmp_path}/sets", tmp_path / "out", layout)
    assert not (tmp_path / "out").exists()


# There and back, by `prepare folder`.


def prepared(root, out):
    """Prepare an export as a user's own folder; return the samples by sequence and frame."""
    own = FolderOptions(
        name="again", images=Path("images"), masks=Path("masks"), class_map=root / "classes.csv"
    )
    options = PrepareOptions(
        root=root, out=out, split="train", classes="all", num_workers=1, own=own
    )
    (report,) = prepare("folder", options)
    assert report.num_failed == 0
    samples = iterate_samples(open_set(f"{out}/again-train"))
    return {(sample.facts.sequence, sample.facts.frame): sample for sample in samples}


def assert_come_back(sets, out, again):
    before = [row for place in sets for row in iterate_samples(open_set(place))]
    exported(sets, out, "folder")
    after = prepared(out, again)
    assert len(before) == len(after) > 0
    for sample in before:
        found = after[sample.facts.sequence, sample.facts.frame]
        assert found.jpg == sample.jpg
        np.testing.assert_array_equal(found.seg, sample.seg)


def test_sequences_and_stills_come_back(tmp_path):
    make_set(tmp_path / "a", [[frame(0, seg=SEG, inst=INST), frame(1, seg=SEG)], clip("cows", 2)])
    assert_come_back([f"{tmp_path}/a/davis-train"], tmp_path / "out", tmp_path / "again")
    make_set(tmp_path / "b", [[still("voc/train/2007_000033"), still("voc/train/x")]])
    assert_come_back([f"{tmp_path}/b/davis-train"], tmp_path / "out2", tmp_path / "again2")


def test_real_coco_comes_back(real_samples, tmp_path):
    options = PrepareOptions(root=real_samples / "coco", out=tmp_path / "sets", num_workers=1)
    prepare("coco", options)
    sets = [f"{tmp_path}/sets/coco-{split}" for split in ("train", "val")]
    assert_come_back(sets, tmp_path / "out", tmp_path / "again")
