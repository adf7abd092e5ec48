"""Several sets as one: the tars are those of the parts, and all that is counted adds up."""

import io
import json
import tarfile
from dataclasses import replace

import pytest

from tests.fake_worlds import read_with_webdataset, snapshot
from tests.shards.frames import flipped, frame, make_set
from tests.toolbox.scenes import ONE
from vsda.engine.run import Workers
from vsda.errors import ShardError, UsageError
from vsda.sample import legal_key
from vsda.shards.index import index_path, open_set
from vsda.shards.verify import verify
from vsda.storage import sha256_file, write_atomic
from vsda.toolbox.merge import merge_sets


def still(number, dataset="coco"):
    facts = replace(frame(number, None).facts, dataset=dataset)
    return frame(number, None, key=legal_key(dataset, f"{number:05d}"), facts=facts)


@pytest.fixture
def parts(tmp_path):
    """Two sets in two folders: three shards together, five samples."""
    make_set(
        tmp_path / "a",
        [[frame(0), frame(1)], [frame(0, "cows")]],
        outcomes={"ok": 3, "left-out": 2, "unreadable": 1},
        notes=("a note",),
        settings={"remap": "coco", "classes": ["person", "bird", "dog"], "listing_sha256": "1"},
    )
    (tmp_path / "a/davis-train.report.jsonl").write_bytes(b'{"key": "davis/bear/00002"}\n')
    second = make_set(tmp_path / "b", [[still(0), still(1)]], name="coco-val")
    index = replace(
        second.index,
        dataset="coco",
        split="val",
        outcomes={"ok": 2},
        settings={"remap": "coco", "classes": ["dog", "cat", "person"], "listing_sha256": "2"},
    )
    write_atomic(index_path(str(tmp_path / "b"), "coco-val"), index.to_json())
    return tmp_path


def merge(folder, *places, name="all", out="out", **more):
    found = [str(folder / place) for place in places or ("a", "b")]
    return merge_sets(found, folder / out, name, **{"workers": ONE} | more)


def test_the_tars_are_those_of_the_parts_in_order(parts):
    made = merge(parts)
    sources = ["a/davis-train-000000", "a/davis-train-000001", "b/coco-val-000000"]
    assert [shard.url for shard in made.index.shards] == [f"all-{n:06d}.tar" for n in range(3)]
    for number, source in enumerate(sources):
        for suffix in (".tar", ".idx"):
            expected = (parts / f"{source}{suffix}").read_bytes()
            assert (parts / f"out/all-{number:06d}{suffix}").read_bytes() == expected
    assert verify(open_set(str(parts / "out"))) == []


def test_webdataset_reads_the_samples_of_all_parts(parts):
    merge(parts)
    keys = [sample["__key__"] for sample in read_with_webdataset(parts / "out", "all")]
    assert keys == [
        *("davis/bear/00000", "davis/bear/00001", "davis/cows/00000"),
        *("coco/00000", "coco/00001"),
    ]


def test_counts_outcomes_notes_and_rows_are_those_of_all_parts(parts):
    index = merge(parts).index
    first, second = (open_set(str(parts / name)).index for name in ("a", "b"))
    assert index.num_samples == 5
    assert index.outcomes == {"left-out": 2, "ok": 5, "unreadable": 1}
    assert index.sequences == first.sequences + second.sequences
    assert index.class_pixels == {
        coco_id: first.class_pixels[coco_id] + second.class_pixels[coco_id]
        for coco_id in (0, 1, 255)
    }
    assert index.notes[1:] == ("davis-train: a note",)
    report = (parts / "out/all.report.jsonl").read_text()
    assert [json.loads(line)["key"] for line in report.splitlines()] == ["davis/bear/00002"]


def test_the_index_tells_the_parts_and_what_they_agree_on(parts):
    index = merge(parts).index
    assert (index.dataset, index.split) == ("davis+coco", "train+val")
    assert index.command == "vsda shards merge davis-train coco-val --name all"
    assert index.settings == {
        "remap": "coco",
        "classes": ["person", "dog"],
        "merge": {
            "parts": [
                {
                    "name": "davis-train",
                    "index_sha256": sha256_file(parts / "a/davis-train.index.json"),
                    "command": "",
                    "num_samples": 3,
                },
                {
                    "name": "coco-val",
                    "index_sha256": sha256_file(parts / "b/coco-val.index.json"),
                    "command": "",
                    "num_samples": 2,
                },
            ]
        },
    }


def test_classes_that_a_part_lacks_are_no_labels_of_the_whole(parts):
    index = merge(parts).index
    assert index.settings["classes"] == ["person", "dog"]
    assert index.notes[0].startswith("the parts were made with different --classes: ")


def test_parts_of_one_dataset_and_split_keep_both(tmp_path):
    make_set(tmp_path / "a", [[frame(0)]])
    make_set(tmp_path / "b", [[frame(0, "cows")]], name="more")
    index = merge(tmp_path).index
    assert (index.dataset, index.split, index.notes) == ("davis", "train", ())
    assert "classes" not in index.settings


def test_a_sequence_of_two_sets_is_refused(tmp_path):
    make_set(tmp_path / "a", [[frame(0)], [frame(0, "cows")]])
    make_set(tmp_path / "b", [[frame(0, "dog")], [frame(9, "cows")]], name="more")
    message = r"the sequence cows is in .*/a/davis-train and in .*/b/more; in one set every seq"
    with pytest.raises(ShardError, match=message):
        merge(tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_key_of_two_sets_is_refused(tmp_path):
    make_set(tmp_path / "a", [[still(0)], [still(3)]])
    make_set(tmp_path / "b", [[still(1), still(3)]], name="more")
    message = r"the key coco/00003 is in .*/a/davis-train and in .*/b/more; in one set every key"
    with pytest.raises(ShardError, match=message):
        merge(tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_set_given_twice_is_refused(tmp_path):
    make_set(tmp_path / "a", [[still(0)]])
    with pytest.raises(ShardError, match=r"the key coco/00000 is in .*/a/davis-train and in .*/a"):
        merge(tmp_path, "a", "a/davis-train")


def test_one_set_alone_is_refused(parts):
    with pytest.raises(UsageError, match=r"/a: one set alone; give two sets or more to merge"):
        merge(parts, "a")


def test_the_place_of_a_part_is_refused(parts):
    with pytest.raises(UsageError, match=r"a/davis-train: the new set would take its place"):
        merge(parts, "a/davis-train", "b", name="davis-train", out="a", overwrite=True)


@pytest.mark.parametrize("name", ["", ".x", "a/b", "a-000001", "../x", "a b"])
def test_what_cannot_be_the_name_of_a_set_is_refused(parts, name):
    with pytest.raises(UsageError, match=r"--name .*: a set is called by letters, digits"):
        merge(parts, name=name)


def test_a_folder_may_get_the_union_of_its_own_sets_more_than_once(tmp_path):
    make_set(tmp_path / "a", [[frame(0)]])
    make_set(tmp_path / "a", [[frame(0, "cows")]], name="more")
    assert not merge(tmp_path, "a", out="a").up_to_date
    before = snapshot(tmp_path)
    assert merge(tmp_path, "a", out="a").up_to_date
    assert snapshot(tmp_path) == before


def test_another_part_is_noticed(parts):
    merge(parts)
    make_set(parts / "b", [[still(0), still(2)]], name="coco-val")
    message = r"made otherwise: .*merge\.parts\.1\.index_sha256 was [0-9a-f]{60}"
    with pytest.raises(ShardError, match=message):
        merge(parts)
    assert merge(parts, overwrite=True).index.num_samples == 5


def test_workers_change_no_byte(parts):
    merge(parts)
    merge(parts, out="two", workers=Workers(num_workers=2))
    assert snapshot(parts / "out") == snapshot(parts / "two")


@pytest.mark.parametrize("suffix", ["tar", "idx"])
def test_a_damaged_part_stops_it_and_nothing_appears(parts, suffix):
    path = parts / f"a/davis-train-000001.{suffix}"
    path.write_bytes(flipped(path.read_bytes(), 100))
    with pytest.raises(ShardError, match=rf"davis-train-000001.{suffix}: its hash is not the one"):
        merge(parts)
    assert not list((parts / "out").glob("all*"))


def test_a_cut_part_is_named(parts):
    path = parts / "b/coco-val-000000.tar"
    path.write_bytes(path.read_bytes()[:-512])
    with pytest.raises(ShardError, match=r"coco-val-000000.tar: 9728 bytes, its index says 10240"):
        merge(parts)


def test_members_of_the_tars_lie_where_the_idx_says(parts):
    merge(parts)
    data = (parts / "out/all-000002.tar").read_bytes()
    line = (parts / "out/all-000002.idx").read_text().splitlines()[1].split()
    offset, size, name = int(line[1]), int(line[2]), line[3]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.extractfile(name).read() == data[offset : offset + size]
