"""A shard without some of its sequences is the shard that would have been written without them."""

import io
import tarfile
from dataclasses import replace

import pytest

from tests.shards.frames import frame, make_set
from vsda.errors import ShardError
from vsda.shards.cut import cut_sequences, pieces
from vsda.shards.write import write_shard


def boxed(number, sequence, class_id):
    corners = {"xmin": 0.1, "xmax": 0.5, "ymin": 0, "ymax": 1}
    box = {"class": class_id, "presence": "present", **corners}
    facts = replace(frame(number, sequence).facts, labelled=False, classes=(), boxes=(box,))
    return frame(number, sequence, seg=None, inst=None, facts=facts)


SAMPLES = [
    *(frame(number, "bear") for number in range(3)),
    *(frame(number, "cows", seg=None, inst=None) for number in range(2)),
    *(boxed(number, "v--_abcdefghi-000", 18) for number in range(2)),
    *(boxed(number, "v--_abcdefghi-001", 3) for number in range(2)),
    *(frame(number, "x" * 120) for number in range(2)),  # a name that needs a header of its own
]
NAMES = ["bear", "cows", "v--_abcdefghi-000", "v--_abcdefghi-001", "x" * 120]


@pytest.mark.parametrize("gone", [[name] for name in NAMES] + [NAMES[:2], NAMES[1::2], ["other"]])
def test_the_rest_is_what_write_shard_makes_of_it(tmp_path, gone):
    whole = make_set(tmp_path, [SAMPLES])
    target = tmp_path / "new" / "davis-train-000000.tar"
    found = cut_sequences(whole, whole.index.shards[0], gone, target)
    left = [sample for sample in SAMPLES if sample.facts.sequence not in gone]
    expected = write_shard(tmp_path / "expected" / target.name, left)
    assert found == expected
    for suffix in (".tar", ".idx"):
        data = (tmp_path / "expected" / target.name).with_suffix(suffix).read_bytes()
        assert target.with_suffix(suffix).read_bytes() == data


def test_nothing_is_written_where_nothing_stays(tmp_path):
    whole = make_set(tmp_path, [SAMPLES])
    target = tmp_path / "new" / "a.tar"
    assert cut_sequences(whole, whole.index.shards[0], NAMES, target) is None
    assert not target.parent.exists()


def test_a_shard_of_stills_stays_as_it_is(tmp_path):
    whole = make_set(tmp_path, [[frame(0, None), frame(1, None)]])
    found = cut_sequences(whole, whole.index.shards[0], ["bear"], tmp_path / "new.tar")
    assert found == whole.index.shards[0]


def test_a_changed_tar_is_refused_and_nothing_is_left(tmp_path):
    whole = make_set(tmp_path, [SAMPLES])
    tar = tmp_path / whole.index.shards[0].url
    data = bytearray(tar.read_bytes())
    data[600] ^= 1
    tar.write_bytes(data)
    with pytest.raises(ShardError, match="its hash is not the one in the index"):
        cut_sequences(whole, whole.index.shards[0], ["bear"], tmp_path / "new" / "a.tar")
    assert not list((tmp_path / "new").glob("*"))


def test_a_link_in_a_tar_is_not_followed_when_samples_are_taken(tmp_path):
    tar = tmp_path / "a.tar"
    with tarfile.open(tar, "w") as archive:
        member = tarfile.TarInfo("davis/bear/00000.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(ShardError, match=r"a\.tar: its member .* is no plain file"):
        list(pieces(io.BytesIO(tar.read_bytes()), "a.tar"))


def test_facts_that_are_none_are_told_with_the_key(tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        member = tarfile.TarInfo("davis/bear/00000.json")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"[]"))
    with pytest.raises(ShardError, match=r"a\.tar: davis/bear/00000: not the facts of a frame"):
        list(pieces(data, "a.tar"))
