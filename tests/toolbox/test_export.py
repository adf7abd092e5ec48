"""What holds for every layout: nothing outside of the target, complete or absent, same bytes."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tests.places import memory  # noqa: F401  fixture
from tests.s3 import s3_objects
from tests.shards.frames import copy_files, flipped, frame, jpeg, make_set
from tests.toolbox.export_frames import clip, exported, files, hostile_set, names, raw_facts, still
from vsda.errors import ShardError, UnknownNameError, UsageError
from vsda.sample import legal_key
from vsda.storage import list_names
from vsda.toolbox.export import LAYOUT_NAMES

MARKER = ".vsda-export.json"


@pytest.fixture
def davis(tmp_path):
    """A set of two shards: three frames of bear, two of cows, one of dog."""
    make_set(tmp_path / "sets", [clip("bear", 3), [*clip("cows", 2), *clip("dog", 1)]])
    return f"{tmp_path}/sets/davis-train"


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_the_same_set_gives_the_same_bytes(davis, tmp_path, layout):
    first = exported(davis, tmp_path / "a", layout)
    second = exported(davis, tmp_path / "b", layout)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert replace(first, out="") == replace(second, out="")
    assert first.frames == 6
    assert first.sequences == 3
    assert first.files == len(files(tmp_path / "a")) - 1  # the marker


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_urls_are_read_and_written_like_folders(davis, tmp_path, memory, layout):  # noqa: F811
    import fsspec

    copy_files(tmp_path / "sets", f"{memory}/sets")
    exported(f"{memory}/sets", f"{memory}/out", layout)
    exported(davis, tmp_path / "out", layout)
    filesystem = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}/out/"
    found = {path.removeprefix(root): filesystem.cat_file(path) for path in filesystem.find(root)}
    assert found == files(tmp_path / "out")
    assert list_names(memory) == ["out", "sets"]  # no lock is left


def test_images_keep_their_bytes(davis, tmp_path):
    exported(davis, tmp_path / "out", "folder")
    assert (tmp_path / "out/images/bear/00002.jpg").read_bytes() == jpeg(2)


def test_nothing_is_left_beside_an_export(davis, tmp_path):
    exported(davis, tmp_path / "out", "folder")
    assert names(tmp_path) == ["out", "sets"]


def test_only_the_named_sequences_are_read_and_written(davis, tmp_path):
    tar = tmp_path / "sets/davis-train-000000.tar"
    tar.write_bytes(flipped(tar.read_bytes(), 9000))  # the shard of bear, which is not asked for
    report = exported(davis, tmp_path / "out", "folder", sequences=("dog",))
    assert (report.frames, report.sequences) == (1, 1)
    assert names(tmp_path / "out/images") == ["dog"]


def test_a_sequence_that_no_set_has_is_named_with_the_nearest(davis, tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown sequence 'beer'. Did you mean 'bear'"):
        exported(davis, tmp_path / "out", "folder", sequences=("beer",))
    assert not (tmp_path / "out").exists()


def test_a_damaged_set_leaves_no_export(davis, tmp_path):
    tar = tmp_path / "sets/davis-train-000001.tar"
    tar.write_bytes(flipped(tar.read_bytes(), 9000))
    with pytest.raises(ShardError, match=r"000001.tar: its hash is not the one in the index"):
        exported(davis, tmp_path / "out", "folder")
    assert names(tmp_path) == ["sets"]


def test_two_sets_with_one_key_are_refused_before_anything_is_written(davis, tmp_path):
    make_set(tmp_path / "more", [[frame(1, "cows")]], name="again")
    with pytest.raises(ShardError, match=r"davis/cows/00001 is in .*davis-train and in .*again"):
        exported([davis, f"{tmp_path}/more"], tmp_path / "out", "folder")
    assert not (tmp_path / "out").exists()


def test_two_samples_of_one_file_name_are_refused(tmp_path):
    make_set(tmp_path / "sets", [[still("voc/train/0007"), still("coco/train2017/0007")]])
    with pytest.raises(ShardError, match=r"two files of the export would be images/0007.jpg"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    assert names(tmp_path) == ["sets"]


def test_two_samples_of_one_file_name_are_refused_on_a_url(tmp_path, memory):  # noqa: F811
    make_set(tmp_path / "sets", [[still("voc/train/0007"), still("coco/train2017/0007")]])
    with pytest.raises(ShardError, match=r"two files of the export would be images/0007.jpg"):
        exported(f"{tmp_path}/sets", f"{memory}/out", "folder")


def test_a_set_without_labels_has_nothing_for_coco(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 2, seg=None, inst=None)])
    with pytest.raises(ShardError, match=r"none of 2 samples has a seg.png; '--as folder'"):
        exported(f"{tmp_path}/sets", tmp_path / "out", "coco-instances")
    assert names(tmp_path) == ["sets"]


def test_an_unknown_layout_is_named_with_those_there_are(davis, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'coco-panoptic'"):
        exported(davis, tmp_path / "out", "coco_panoptic")


def test_folder_has_no_splits(davis, tmp_path):
    with pytest.raises(UsageError, match="'folder' has no splits"):
        exported(davis, tmp_path / "out", "folder", split="val")


def test_a_split_is_a_plain_name(davis, tmp_path):
    with pytest.raises(UsageError, match=r"'\.\./val', which is no plain file name"):
        exported(davis, tmp_path / "out", "davis", split="../val")


def test_marker_records_what_was_exported(davis, tmp_path):
    exported(davis, tmp_path / "out", "davis", sequences=("bear",))
    marker = json.loads((tmp_path / "out" / MARKER).read_bytes())
    assert marker["as"] == "davis"
    assert marker["complete"] is True
    assert marker["files"] == 8
    assert marker["sequences"] == ["bear"]
    assert [row["name"] for row in marker["sets"]] == ["davis-train"]
    assert marker["holds"] == ["Annotations", "ImageSets", "JPEGImages", "objects.tsv"]


# What a hostile set calls its samples.


ENDS = ("-000000.idx", "-000000.tar", ".index.json")


@pytest.mark.parametrize("member", ["../x", "../../etc/x", "/etc/x", "davis//x", "__x"])
def test_a_member_that_is_no_key_is_refused(tmp_path, member):
    members = {f"{member}.jpg": jpeg(1), f"{member}.json": raw_facts()}
    place = hostile_set(tmp_path / "a/sets", members)
    with pytest.raises(ShardError, match=r"bad-000000.idx: line 2: "):
        exported(place, tmp_path / "a/b/out", "folder")
    assert sorted(files(tmp_path)) == [f"a/sets/bad{end}" for end in ENDS]


def test_a_member_that_is_no_key_is_refused_also_behind_an_innocent_idx(tmp_path):
    members = {"../x.jpg": jpeg(1), "../x.json": raw_facts()}
    place = hostile_set(tmp_path / "a/sets", members, shown_as="x")
    with pytest.raises(ShardError, match=r"its member '../x.jpg' is not named as the field"):
        exported(place, tmp_path / "a/b/out", "folder")
    assert sorted(files(tmp_path)) == [f"a/sets/bad{end}" for end in ENDS]


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", "../../etc"),
        ("sequence", "/etc"),
        ("sequence", "a//b"),
        ("sequence", "a/../../../b"),
        ("sequence", ""),
        ("sequence", "a\\b"),
        ("sequence", "a\tb"),
        ("sequence", "a\nb"),
        ("sequence", ".hidden"),
        ("sequence", "n" * 300),
        ("frame", "../x"),
        ("frame", "/etc/passwd"),
        ("frame", ".."),
        ("split", "../../val"),
    ],
)
def test_facts_that_lead_elsewhere_are_refused(tmp_path, layout, field, value):
    key = "davis/bear/00000"
    place = hostile_set(
        tmp_path / "a/sets", {f"{key}.jpg": jpeg(1), f"{key}.json": raw_facts(**{field: value})}
    )
    with pytest.raises(
        ShardError, match=rf"bad: {key}: its {field} is called .*, which is no plain"
    ):
        exported(place, tmp_path / "a/b/out", layout)
    assert sorted(files(tmp_path)) == [f"a/sets/bad{end}" for end in ENDS]


def test_a_mask_of_another_size_than_its_frame_is_refused(tmp_path):
    from vsda.shards.masks import encode_mask

    key = "davis/bear/00000"
    seg = encode_mask(frame(0).seg[:2])
    members = {f"{key}.jpg": jpeg(1), f"{key}.json": raw_facts(), f"{key}.seg.png": seg}
    with pytest.raises(ShardError, match="the mask is 6x2 pixels, its facts say 6x4"):
        exported(hostile_set(tmp_path / "sets", members), tmp_path / "out", "folder")


def test_a_link_that_waits_below_the_staging_folder_is_not_followed(davis, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".out.export.part").mkdir()
    (tmp_path / ".out.export.part/images").symlink_to(tmp_path / "elsewhere")
    exported(davis, tmp_path / "out", "folder")
    assert names(tmp_path / "elsewhere") == []


def test_names_that_are_unusual_but_plain_stay_as_they_are(tmp_path):
    name = "Bär & Söhne.2"
    samples = [
        replace(row, key=legal_key("davis", name, f"{number:05d}"))
        for number, row in enumerate(clip(name, 2))
    ]
    make_set(tmp_path / "sets", [samples])
    exported(f"{tmp_path}/sets", tmp_path / "out", "folder")
    assert names(tmp_path / "out/masks" / name) == ["00000.png", "00001.png"]


# Kills.

_CHILD = (
    "import sys; from vsda.toolbox.export import *; "
    "export_sets([sys.argv[1]], ExportOptions(out=sys.argv[2], layout='folder'))"
)


def _killed_when(condition, place, out):
    child = subprocess.Popen([sys.executable, "-c", _CHILD, place, out])
    try:
        end = time.monotonic() + 60
        while not condition():
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < end
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        assert child.wait() == -signal.SIGKILL


@pytest.fixture
def long_set(tmp_path):
    make_set(tmp_path / "sets", [clip("bear", 800)])
    return f"{tmp_path}/sets/davis-train"


def test_a_killed_export_is_absent_and_the_next_run_gives_the_same_bytes(long_set, tmp_path):
    first = tmp_path / ".out.export.part/facts/bear/00010.json"
    _killed_when(first.exists, long_set, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    exported(long_set, tmp_path / "out", "folder")
    exported(long_set, tmp_path / "whole", "folder")
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert names(tmp_path) == ["out", "sets", "whole"]


def test_a_killed_export_to_s3_says_so_and_is_finished_by_the_next_run(tmp_path, s3):
    make_set(tmp_path / "sets", [clip("bear", 50)])
    davis = f"{tmp_path}/sets/davis-train"

    def half():
        return bool(list_names(f"{s3}/out/images"))

    _killed_when(half, davis, f"{s3}/out")
    found = s3_objects(f"{s3}/out")
    assert json.loads(found[MARKER])["complete"] is False
    assert "classes.csv" not in found
    for name in list_names(s3):
        if name.endswith(".lock"):  # of the dead; it would be taken over after two minutes
            from vsda.storage import remove

            remove(f"{s3}/{name}")
    exported(davis, f"{s3}/out", "folder")
    exported(davis, tmp_path / "out", "folder")
    assert s3_objects(f"{s3}/out") == files(tmp_path / "out")
