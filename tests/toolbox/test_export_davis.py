"""Exports in DAVIS's layout, and what `prepare davis` makes of them."""

import numpy as np
import pytest

from tests.shards.frames import frame, jpeg, make_set
from tests.toolbox.export_frames import SEG, clip, exported, files, grid, names, picture, still
from vsda.datasets.davis.layout import DavisOptions
from vsda.errors import ShardError
from vsda.prepare import PrepareOptions, prepare
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples

INST = grid("11..33", "11..33", "......", "22....")
"""Two persons and a dog, none of them in void."""


def prepared(root, out, class_map=None, **more):
    options = PrepareOptions(
        root=root, out=out, num_workers=1, own=DavisOptions(class_map=class_map), **more
    )
    return prepare("davis", options)


def assert_same_samples(one, other):
    pairs = list(zip(iterate_samples(open_set(one)), iterate_samples(open_set(other)), strict=True))
    assert pairs
    for first, second in pairs:
        assert (first.key, first.jpg, first.facts) == (second.key, second.jpg, second.facts)
        np.testing.assert_array_equal(first.seg, second.seg)
        np.testing.assert_array_equal(first.inst, second.inst)


def test_the_layout_is_that_of_davis(tmp_path):
    make_set(tmp_path / "sets", [[*clip("bear", 2), *clip("a-dog", 1)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert sorted(files(tmp_path / "out")) == [
        ".vsda-export.json",
        "Annotations/480p/a-dog/00000.png",
        "Annotations/480p/bear/00000.png",
        "Annotations/480p/bear/00001.png",
        "ImageSets/2017/train.txt",
        "JPEGImages/480p/a-dog/00000.jpg",
        "JPEGImages/480p/bear/00000.jpg",
        "JPEGImages/480p/bear/00001.jpg",
        "objects.tsv",
    ]
    assert (tmp_path / "out/ImageSets/2017/train.txt").read_text() == "a-dog\nbear\n"


def test_objects_keep_their_ids_and_get_the_class_below_them(tmp_path):
    seg = SEG.copy()
    seg[0:2, 4:] = 0  # the dog is of no chosen class
    make_set(tmp_path / "sets", [[frame(0, seg=seg, inst=INST)]])
    report = exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert (tmp_path / "out/objects.tsv").read_text().splitlines() == [
        "sequence\tobject_id\tcategory\tclass",
        "bear\t1\tperson\tperson",
        "bear\t2\tperson\tperson",
        "bear\t3\t-\t-",
    ]
    assert report.segments == 3


def test_a_sequence_without_objects_is_in_the_table_so_that_it_is_known(tmp_path):
    empty = np.zeros_like(SEG)
    make_set(tmp_path / "sets", [[*clip("bear", 1), frame(0, "cows", seg=empty, inst=empty)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert "cows\t1\t-\t-" in (tmp_path / "out/objects.tsv").read_text().splitlines()
    (report,) = prepared(
        tmp_path / "out", tmp_path / "again", tmp_path / "out/objects.tsv", split="train"
    )
    assert report.outcomes == {"left-out": 1, "ok": 1}


def test_void_outside_of_objects_is_void_in_the_mask(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=INST)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    expected = grid("11..33", "11..33", "......", "22..vv")
    np.testing.assert_array_equal(
        picture(tmp_path / "out/Annotations/480p/bear/00000.png"), expected
    )


def test_full_resolution_has_its_own_folder(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 1)], settings={"resolution": "Full-Resolution"})
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert names(tmp_path / "out/JPEGImages") == ["Full-Resolution"]


def test_without_instances_the_classes_of_a_sequence_are_its_objects_in_every_frame(tmp_path):
    dog_alone = np.where(SEG == 1, 0, SEG).astype(np.uint8)
    frames = [frame(0, seg=dog_alone, inst=None), frame(1, seg=SEG, inst=None)]
    make_set(tmp_path / "sets", [frames])
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    first, second = (
        picture(tmp_path / f"out/Annotations/480p/bear/{number:05d}.png") for number in (0, 1)
    )
    np.testing.assert_array_equal(first, grid("....11", "....11", "......", "....vv"))
    np.testing.assert_array_equal(second, grid("22..11", "22..11", "......", "22..vv"))
    assert (tmp_path / "out/objects.tsv").read_text().splitlines()[1:] == [
        "bear\t1\tdog\tdog",
        "bear\t2\tperson\tperson",
    ]


def test_an_object_of_two_classes_is_refused(tmp_path):
    cat = np.where(SEG == 18, 17, SEG).astype(np.uint8)
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=INST), frame(1, seg=cat, inst=INST)]])
    message = r"bear/00001: object 3 is cat here and dog elsewhere in 'bear'.*'--as folder' keeps"
    with pytest.raises(ShardError, match=message):
        exported(f"{tmp_path}/sets", tmp_path / "out", "davis")


def test_a_class_where_there_is_no_object_is_refused(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=np.zeros_like(INST))]])
    with pytest.raises(ShardError, match="pixels whose object id is 0 are person"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "davis")


def test_instances_in_some_frames_only_are_refused(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=SEG, inst=INST), frame(1, seg=SEG, inst=None)]])
    with pytest.raises(ShardError, match="object ids would mean two things"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "davis")


def test_still_images_are_refused(tmp_path):
    make_set(tmp_path / "sets", [[still("coco/val2017/000000000139")]])
    with pytest.raises(ShardError, match="is a still image, and DAVIS has sequences only"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "davis")


def test_a_sequence_in_a_folder_is_refused(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, "a/b", key="davis/a-b/00000")]])
    with pytest.raises(ShardError, match=r"'a/b', has a slash, which DAVIS does not take"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "davis")


def test_a_frame_without_a_mask_is_an_image_and_counted(tmp_path):
    make_set(tmp_path / "sets", [[*clip("bear", 1), frame(1, seg=None, inst=None)]])
    report = exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert report.notes == ("1 frames have no mask: image only",)
    assert names(tmp_path / "out/JPEGImages/480p/bear") == ["00000.jpg", "00001.jpg"]
    assert names(tmp_path / "out/Annotations/480p/bear") == ["00000.png"]


def test_one_sequence_in_two_splits_is_refused(tmp_path):
    from dataclasses import replace

    make_set(tmp_path / "a", [clip("bear", 1)])
    late = frame(5, inst=frame(5).seg)
    make_set(tmp_path / "b", [[replace(late, facts=replace(late.facts, split="val"))]])
    with pytest.raises(ShardError, match="'bear' is in the splits train and val"):
        exported([f"{tmp_path}/a", f"{tmp_path}/b"], tmp_path / "out", "davis")


# There and back.


def test_instances_and_classes_come_back(tmp_path):
    make_set(tmp_path / "sets", [[frame(number, seg=SEG, inst=INST) for number in (0, 1)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    prepared(
        tmp_path / "out",
        tmp_path / "again",
        tmp_path / "out/objects.tsv",
        classes="all",
        split="train",
    )
    (first, _) = iterate_samples(open_set(f"{tmp_path}/again/davis-train"))
    assert (first.key, first.jpg) == ("davis/bear/00000", jpeg(0))
    np.testing.assert_array_equal(first.seg, SEG)
    np.testing.assert_array_equal(first.inst, np.where(SEG == 255, 255, INST))


def test_classes_come_back_without_instances(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 2, inst=None)])
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    prepared(tmp_path / "out", tmp_path / "again", tmp_path / "out/objects.tsv", split="train")
    for sample in iterate_samples(open_set(f"{tmp_path}/again/davis-train")):
        np.testing.assert_array_equal(sample.seg, frame(0).seg)


def test_objects_that_are_void_come_back_with_outside_ignore(tmp_path):
    seg = np.where(INST == 3, 255, SEG).astype(np.uint8)
    make_set(tmp_path / "sets", [[frame(0, seg=seg, inst=INST)]])
    report = exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert report.notes == ("some objects are void: read them back with --outside ignore",)
    prepared(
        tmp_path / "out",
        tmp_path / "again",
        tmp_path / "out/objects.tsv",
        split="train",
        outside="ignore",
    )
    (sample,) = iterate_samples(open_set(f"{tmp_path}/again/davis-train"))
    np.testing.assert_array_equal(sample.seg, seg)


def test_masks_that_stayed_as_they_were_come_back(tmp_path):
    make_set(tmp_path / "sets", [[frame(0, seg=None, inst=INST)]])
    exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert (tmp_path / "out/objects.tsv").read_text().splitlines()[1:] == [
        f"bear\t{number}\t-\t-" for number in (1, 2, 3)
    ]
    prepared(tmp_path / "out", tmp_path / "again", remap="none", split="train")
    (sample,) = iterate_samples(open_set(f"{tmp_path}/again/davis-train"))
    np.testing.assert_array_equal(sample.inst, INST)


def test_real_davis_comes_back_sample_by_sample(real_samples, tmp_path):
    prepared(real_samples / "davis", tmp_path / "sets", split="val")
    report = exported(f"{tmp_path}/sets", tmp_path / "out", "davis")
    assert (report.frames, report.sequences, report.segments) == (112, 4, 4)
    prepared(tmp_path / "out", tmp_path / "again", tmp_path / "out/objects.tsv", split="val")
    assert_same_samples(f"{tmp_path}/sets/davis-val", f"{tmp_path}/again/davis-val")
