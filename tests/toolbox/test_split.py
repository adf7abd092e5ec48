"""One set as several: no sequence in two of them, every sample byte for byte in one."""

import itertools
import tarfile
from dataclasses import replace

import pytest

from tests.fake_worlds import snapshot
from tests.shards.frames import flipped, frame, make_set
from tests.toolbox.scenes import ONE, boxed
from tests.toolbox.test_merge import still
from vsda.engine.run import Workers
from vsda.errors import ShardError, UsageError
from vsda.shards.index import open_set, open_sets
from vsda.shards.verify import verify
from vsda.shards.write import write_shard
from vsda.storage import sha256_file
from vsda.toolbox.merge import merge_sets
from vsda.toolbox.parts import by_hash, parse_parts
from vsda.toolbox.split import Parts, split_set

HALVES = Parts(shares="train=0.5,val=0.5")
NAMES = [f"seq{number}" for number in range(12)]


def sequence(name):
    return [frame(number, name) for number in range(2)]


@pytest.fixture
def twelve(tmp_path):
    """A set of twelve sequences in four shards."""
    shards = [
        [sample for name in NAMES[start : start + 3] for sample in sequence(name)]
        for start in range(0, 12, 3)
    ]
    return make_set(tmp_path / "in", shards, settings={"remap": "coco"}, notes=("a note",))


def split(folder, parts=HALVES, place="in", out="out", **more):
    return split_set(str(folder / place), folder / out, parts, **{"workers": ONE} | more)


def members(folder):
    """Return every member of every tar of a folder: name to header and content."""
    found = {}
    for path in sorted(folder.glob("*.tar")):
        data = path.read_bytes()
        with tarfile.open(path) as tar:
            for member in tar:
                assert member.name not in found
                found[member.name] = data[member.offset : member.offset_data + member.size]
    return found


def test_every_sample_is_in_one_part_byte_for_byte(tmp_path, twelve):
    made = split(tmp_path)
    assert members(tmp_path / "out") == members(tmp_path / "in")
    assert sum(one.index.num_samples for one in made) == 24
    for shard_set in open_sets(str(tmp_path / "out")):
        assert verify(shard_set) == []


def test_a_sequence_lies_in_the_part_that_its_hash_says_and_in_no_other(tmp_path, twelve):
    part_of = by_hash(parse_parts("train=0.5,val=0.5"), 0)
    for one in split(tmp_path):
        names = [row.name for row in one.index.sequences]
        assert names == [name for name in NAMES if part_of(name) == one.index.split]
        assert len(names) not in {0, 12}


def test_a_tar_is_what_write_shard_makes_of_its_samples(tmp_path, twelve):
    for one in split(tmp_path):
        taken = [row.name for row in one.index.sequences]
        groups = [NAMES[start : start + 3] for start in range(0, 12, 3)]
        kept = [chosen for group in groups if (chosen := [n for n in group if n in taken])]
        for info, names in zip(one.index.shards, kept, strict=True):
            samples = itertools.chain.from_iterable(map(sequence, names))
            assert write_shard(tmp_path / "expected" / info.url, samples) == info


def test_sequences_that_come_later_do_not_move_others(tmp_path, twelve):
    made = split(tmp_path)
    more = [[sample for name in (*NAMES, "new1", "new2") for sample in sequence(name)]]
    make_set(tmp_path / "more", more)
    later = split(tmp_path, place="more", out="later")
    for before, after in zip(made, later, strict=True):
        old, new = ({row.name for row in one.index.sequences} for one in (before, after))
        assert old == new & set(NAMES)


def test_the_part_stands_for_the_split_in_the_name(tmp_path, twelve):
    assert [one.index.name for one in split(tmp_path)] == ["davis-train", "davis-val"]
    assert [one.index.split for one in split(tmp_path)] == ["train", "val"]


def test_a_name_may_be_given_and_one_without_a_split_is_kept(tmp_path):
    make_set(tmp_path / "in", [sequence("a"), sequence("b")], name="mine")
    parts = Parts(shares="x=0.5,y-z=0.5")
    assert [one.index.name for one in split(tmp_path, parts)] == ["mine-x", "mine-y-z"]
    parts = replace(parts, name="other")
    assert [one.index.name for one in split(tmp_path, parts)] == ["other-x", "other-y-z"]


def test_the_index_tells_how_it_was_divided(tmp_path, twelve):
    index = split(tmp_path)[1].index
    assert index.settings == {
        "remap": "coco",
        "split": {
            "parts": "train=0.5,val=0.5",
            "seed": 0,
            "part": "val",
            "source": {
                "name": "davis-train",
                "index_sha256": sha256_file(tmp_path / "in/davis-train.index.json"),
                "command": "",
                "num_samples": 24,
            },
        },
    }
    assert index.command == ("vsda shards split davis-train --parts train=0.5,val=0.5 --seed 0")
    assert index.notes == (
        "the part val of davis-train; the facts of its frames still name the split of the dataset",
        "a note",
    )
    assert index.outcomes == {"ok": index.num_samples}


def test_still_images_are_divided_by_key(tmp_path):
    make_set(tmp_path / "in", [[still(number) for number in range(20)]], name="coco-train")
    part_of = by_hash(parse_parts("train=0.5,val=0.5"), 0)
    for one in split(tmp_path):
        keys = {name.removesuffix(".jpg") for name in _jpegs(tmp_path / "out", one.index.name)}
        expected = {
            f"coco/{n:05d}" for n in range(20) if part_of(f"coco/{n:05d}") == one.index.split
        }
        assert keys == expected


def _jpegs(folder, name):
    names = []
    for path in folder.glob(f"{name}-*.tar"):
        with tarfile.open(path) as tar:
            names += [found for found in tar.getnames() if found.endswith(".jpg")]
    return names


def test_sequences_and_stills_may_share_a_shard(tmp_path):
    mixed = [*sequence("a"), *(still(number) for number in range(6)), *sequence("b")]
    make_set(tmp_path / "in", [mixed])
    lines = "".join(f"coco/{n:05d}\t{'x' if n % 2 else 'y'}\n" for n in range(6))
    (tmp_path / "list").write_text(f"a\tx\nb\ty\n{lines}")
    first, second = split(tmp_path, Parts(list_file=tmp_path / "list"))
    assert [row.name for row in first.index.sequences] == ["a"]
    assert _jpegs(tmp_path / "out", second.index.name) == [
        *(f"coco/{n:05d}.jpg" for n in (0, 2, 4)),
        *(f"davis/b/{n:05d}.jpg" for n in (0, 1)),
    ]


def test_frames_with_boxes_keep_their_counts(tmp_path):
    make_set(tmp_path / "in", [[boxed(0, "a", 3), boxed(0, "b", 18), boxed(1, "b", 18)]])
    (tmp_path / "list").write_text("a\tx\nb\ty\n")
    first, second = split(tmp_path, Parts(list_file=tmp_path / "list"))
    assert (first.index.class_frames, second.index.class_frames) == ({3: 1}, {18: 2})


def test_a_list_decides(tmp_path, twelve):
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{name}\t{'val' if name == 'seq3' else 'train'}\n" for name in NAMES))
    train, val = split(tmp_path, Parts(list_file=path))
    assert [row.name for row in val.index.sequences] == ["seq3"]
    assert train.index.num_samples == 22
    assert val.index.settings["split"]["list_sha256"] == sha256_file(path)
    assert val.index.command == "vsda shards split davis-train --list list.txt"
    path.write_text(path.read_text().replace("seq4\ttrain", "seq4\tval"))
    with pytest.raises(ShardError, match=r"made otherwise: split.list_sha256 was"):
        split(tmp_path, Parts(list_file=path))


def test_merging_the_parts_gives_the_samples_of_the_whole(tmp_path, twelve):
    split(tmp_path)
    merge_sets([str(tmp_path / "out")], tmp_path / "again", "davis", workers=ONE)
    assert members(tmp_path / "again") == members(tmp_path / "in")


def test_an_empty_part_is_an_error_before_anything_is_written(tmp_path):
    make_set(tmp_path / "in", [sequence("a"), sequence("b")])
    message = (
        r"in/davis-train: val would be empty: of 2 sequences and stills 2 fall to train, 0 fall "
        r"to val; --seed \d+ leaves none empty, or give --list"
    )
    with pytest.raises(ShardError, match=message):
        split(tmp_path, Parts(shares="train=0.99,val=0.01"))
    assert not (tmp_path / "out").exists()


def test_more_parts_than_sequences_cannot_be(tmp_path):
    make_set(tmp_path / "in", [sequence("a")])
    with pytest.raises(ShardError, match=r"would be empty: .*; give --list"):
        split(tmp_path)


@pytest.mark.parametrize("values", [{}, {"shares": "a=1", "list_file": "x"}])
def test_there_is_one_way_to_divide(values):
    with pytest.raises(UsageError, match="give either --parts NAME=SHARE,NAME=SHARE or --list"):
        Parts(**values)


def test_the_place_of_the_source_is_refused(tmp_path, twelve):
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match=r"in/davis-train: the new set would take its place"):
        split(tmp_path, out="in", overwrite=True)
    assert snapshot(tmp_path) == before


def test_a_set_of_that_name_that_was_made_otherwise_stays(tmp_path, twelve):
    make_set(tmp_path / "in", [[frame(0, "dog")]], name="davis-b")
    before = snapshot(tmp_path)
    with pytest.raises(ShardError, match=r"in/davis-b.index.json: this set was made otherwise"):
        split(tmp_path, Parts(shares="a=0.5,b=0.5"), place="in/davis-train", out="in")
    assert snapshot(tmp_path) == before


def test_a_folder_of_several_sets_is_refused(tmp_path, twelve):
    make_set(tmp_path / "in", [[frame(0)]], name="more")
    with pytest.raises(UsageError, match=r"in: holds 2 sets \(davis-train, more\); name one"):
        split(tmp_path)


def test_the_same_again_changes_nothing_and_workers_change_no_byte(tmp_path, twelve):
    split(tmp_path)
    split(tmp_path, out="two", workers=Workers(num_workers=2))
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "two")
    assert [one.up_to_date for one in split(tmp_path)] == [True, True]


def test_a_part_that_is_damaged_is_made_again_alone(tmp_path, twelve):
    split(tmp_path)
    before = snapshot(tmp_path / "out")
    (tmp_path / "out/davis-val-000000.idx").write_bytes(b"")
    assert [one.up_to_date for one in split(tmp_path)] == [True, False]
    assert snapshot(tmp_path / "out") == before


@pytest.mark.parametrize("suffix", ["tar", "idx"])
def test_a_damaged_source_shows_no_part_at_all(tmp_path, twelve, suffix):
    """Only the second part reads the damaged file."""
    path = tmp_path / f"in/davis-train-000003.{suffix}"
    path.write_bytes(flipped(path.read_bytes(), 8 * 600))
    lines = (f"{name}\t{'val' if name in NAMES[9:] else 'train'}\n" for name in NAMES)
    (tmp_path / "list").write_text("".join(lines))
    with pytest.raises(ShardError, match=rf"davis-train-000003.{suffix}: its hash is not the one"):
        split(tmp_path, Parts(list_file=tmp_path / "list"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".davis-train.part",
        ".davis-val.part",
    ]


def test_an_open_set_reads_the_parts(tmp_path, twelve):
    split(tmp_path)
    assert open_set(str(tmp_path / "out/davis-val")).index.split == "val"
