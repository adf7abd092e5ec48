"""Finished shards become a set in one moment: their names first, the index last."""

from pathlib import Path

import pytest

from tests.fake_worlds import snapshot
from tests.places import memory  # noqa: F401  fixture
from tests.shards.frames import frame, make_set
from vsda.errors import VsdaError
from vsda.shards.index import ShardIndex, index_path, load_index, open_set
from vsda.shards.names import idx_place
from vsda.shards.publish import StagedShard, publish_set
from vsda.shards.standing import difference, find_fault, find_standing
from vsda.shards.verify import verify
from vsda.shards.write import write_shard
from vsda.storage import exists, join, list_names, read_bytes, remove

NAME = "davis-train"
INDEX = ShardIndex(name=NAME, dataset="davis", split="train", shards=(), settings={"a": 1})


def staged(out, *numbers):
    """One shard of one frame for each number, in the staging folder of `out`."""
    folder = join(out, f".{NAME}.part")
    tars = [f"{folder}/task-{number:06d}.tar" for number in numbers]
    return [
        StagedShard(tar=tar, info=write_shard(tar, [frame(number, f"s{number}")]))
        for tar, number in zip(tars, numbers, strict=True)
    ]


def publish(out, shards, files=None):
    return publish_set(out, INDEX, shards, files or {}, join(out, f".{NAME}.part"))


def test_shards_are_numbered_in_order_and_the_set_is_whole(tmp_path):
    found = publish(tmp_path, staged(tmp_path, 4, 7), {f"{NAME}.report.jsonl": b"rows"})
    assert [shard.url for shard in found.shards] == [f"{NAME}-000000.tar", f"{NAME}-000001.tar"]
    assert [row.name for row in found.sequences] == ["s4", "s7"]
    assert load_index(index_path(str(tmp_path), NAME)) == found
    assert verify(open_set(str(tmp_path))) == []
    assert (tmp_path / f"{NAME}.report.jsonl").read_bytes() == b"rows"
    assert not (tmp_path / f".{NAME}.part").exists()


def test_shards_of_an_earlier_set_go_and_those_of_other_names_stay(tmp_path):
    make_set(tmp_path, [[frame(0)], [frame(1)], [frame(2)]])
    make_set(tmp_path, [[frame(0)]], name=f"{NAME}-small")
    for name in (f"{NAME}-000009.tar.0123456789abcdef.part", f"{NAME}-notes.txt"):
        (tmp_path / name).write_bytes(b"left")
    publish(tmp_path, staged(tmp_path, 5))
    assert list_names(tmp_path) == [
        "README.md",
        f"{NAME}-000000.idx",
        f"{NAME}-000000.tar",
        f"{NAME}-notes.txt",
        f"{NAME}-small-000000.idx",
        f"{NAME}-small-000000.tar",
        f"{NAME}-small.index.json",
        f"{NAME}.index.json",
    ]


def test_where_it_fails_there_is_no_index_and_the_old_one_is_gone(tmp_path):
    make_set(tmp_path, [[frame(0)]])
    shards = staged(tmp_path, 5, 6)
    Path(shards[1].tar).unlink()
    with pytest.raises(FileNotFoundError):
        publish(tmp_path, shards)
    assert find_standing(tmp_path, NAME) is None


def test_the_index_comes_after_everything_else(tmp_path, monkeypatch):
    seen = []
    real_replace = Path.replace

    def replace(path, target):
        seen.append(Path(target).name)
        return real_replace(path, target)

    shards = staged(tmp_path, 5)
    monkeypatch.setattr(Path, "replace", replace)
    publish(tmp_path, shards, {f"{NAME}.report.jsonl": b""})
    assert seen[:4] == [
        *(f"{NAME}-000000.idx", f"{NAME}-000000.tar", f"{NAME}.report.jsonl"),
        f"{NAME}.index.json",
    ]


def test_a_url_gets_the_bytes_of_a_folder(tmp_path, memory):  # noqa: F811
    publish(tmp_path, staged(tmp_path, 5, 6), {"more.txt": b"x"})
    publish(memory, staged(memory, 5, 6), {"more.txt": b"x"})
    assert {name: read_bytes(join(memory, name)) for name in list_names(memory)} == snapshot(
        tmp_path
    )


def test_on_a_url_the_finished_shards_stay_until_the_set_is_there(memory):  # noqa: F811
    shards = staged(memory, 5, 6)
    remove(shards[1].tar)
    with pytest.raises(VsdaError, match=f"{NAME}-000001.tar: cannot be written"):
        publish(memory, shards)
    assert exists(join(memory, f"{NAME}-000000.tar"))
    assert exists(shards[0].tar)
    assert exists(idx_place(shards[0].tar))


class TestStanding:
    def test_a_whole_set_has_no_fault(self, tmp_path):
        shard_set = make_set(tmp_path, [[frame(0)], [frame(1)]])
        assert find_standing(tmp_path, NAME) == shard_set.index
        assert find_fault(shard_set.index, tmp_path) is None

    @pytest.mark.parametrize("name", [f"{NAME}-000001.tar", f"{NAME}-000001.idx"])
    def test_a_missing_file_is_named(self, tmp_path, name):
        shard_set = make_set(tmp_path, [[frame(0)], [frame(1)]])
        (tmp_path / name).unlink()
        fault = find_fault(shard_set.index, tmp_path)
        assert fault == f"{tmp_path}/{name}: not there, but the index lists it"

    @pytest.mark.parametrize("name", [f"{NAME}-000001.tar", f"{NAME}-000001.idx"])
    def test_a_changed_file_is_named(self, tmp_path, name):
        shard_set = make_set(tmp_path, [[frame(0)], [frame(1)]])
        data = bytearray((tmp_path / name).read_bytes())
        data[-1] ^= 1
        (tmp_path / name).write_bytes(data)
        fault = find_fault(shard_set.index, tmp_path)
        assert fault == f"{tmp_path}/{name}: its bytes are not those that the index lists"

    def test_a_damaged_index_is_told(self, tmp_path):
        make_set(tmp_path, [[frame(0)]])
        (tmp_path / f"{NAME}.index.json").write_bytes(b"{")
        assert "not a shard index" in find_standing(tmp_path, NAME)

    def test_settings_that_differ_are_named_with_the_part_that_differs(self):
        old = {"a": 1, "same": 2, "part": {"b": 3, "rows": [{"c": 4}]}, "list": [1, 2]}
        new = {"same": 2, "part": {"b": 5, "rows": [{"c": 6}]}, "list": [1], "long": "x" * 70}
        assert difference(old, new) == {
            "a": "was 1, is None",
            "list": "was 1,2, is 1",
            "long": f"was None, is {'x' * 60}...",
            "part.b": "was 3, is 5",
            "part.rows.0.c": "was 4, is 6",
        }
