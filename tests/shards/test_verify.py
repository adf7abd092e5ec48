import random
import shutil

import pytest

from tests.shards.frames import changed_index, copy_files, cuts, flipped, frame, make_set
from vsda.errors import ShardError
from vsda.shards.index import ShardSet, index_path, open_set
from vsda.shards.verify import Kind, verify, verify_place

TARS = [f"davis-train-{number:06d}.tar" for number in range(3)]
IDXS = [f"davis-train-{number:06d}.idx" for number in range(3)]


def found(shard_set):
    return [(problem.shard, problem.kind) for problem in verify(shard_set)]


def test_a_whole_set_has_no_problem(davis):
    assert verify(davis) == []


@pytest.mark.parametrize("name", [TARS[1], IDXS[1]])
def test_every_cut_is_found(davis, tmp_path, name):
    data = (tmp_path / name).read_bytes()
    kind = Kind.CUT if name.endswith(".tar") else Kind.CHANGED
    for size in [*cuts(len(data)), len(data) - 1]:
        (tmp_path / name).write_bytes(data[:size])
        assert found(davis) == [(name, kind)]


@pytest.mark.parametrize("name", [TARS[1], IDXS[1]])
def test_flipped_bits_are_found(davis, tmp_path, name):
    data = (tmp_path / name).read_bytes()
    for bit in random.Random(1).sample(range(8 * len(data)), 150):
        (tmp_path / name).write_bytes(flipped(data, bit))
        assert found(davis) == [(name, Kind.CHANGED)]


def test_additional_bytes_are_found(davis, tmp_path):
    for name in (TARS[0], IDXS[0]):
        with (tmp_path / name).open("ab") as file:
            file.write(b"\0")
    assert found(davis) == [(TARS[0], Kind.CHANGED), (IDXS[0], Kind.CHANGED)]


def test_swapped_tars_name_each_other(davis, tmp_path):
    (tmp_path / TARS[0]).rename(tmp_path / "x")
    (tmp_path / TARS[2]).rename(tmp_path / TARS[0])
    (tmp_path / "x").rename(tmp_path / TARS[2])
    first, second = verify(davis)
    assert (first.shard, first.kind) == (TARS[0], Kind.SWAPPED)
    assert first.message == f"holds what {TARS[2]} should hold"
    assert second.message == f"holds what {TARS[0]} should hold"


def test_missing_files_are_found(davis, tmp_path):
    (tmp_path / TARS[1]).unlink()
    (tmp_path / IDXS[2]).unlink()
    assert found(davis) == [(TARS[1], Kind.MISSING), (IDXS[2], Kind.MISSING)]
    assert verify(davis)[0].message == "not there, but its index lists it"


def test_an_idx_of_another_shard_is_found(davis, tmp_path):
    shutil.copy(tmp_path / IDXS[0], tmp_path / IDXS[1])
    assert found(davis) == [(IDXS[1], Kind.SWAPPED)]


def test_files_that_the_index_does_not_list_are_found(davis, tmp_path):
    for name in ("davis-train-000003.tar", "davis-train-000003.idx", "davis-train-7.tar"):
        (tmp_path / name).touch()
    assert found(davis) == [
        ("davis-train-000003.idx", Kind.EXTRA),
        ("davis-train-000003.tar", Kind.EXTRA),
        ("davis-train-7.tar", Kind.EXTRA),
    ]


def test_what_an_interrupted_run_left_is_found(davis, tmp_path):
    own = "0123456789abcdef.part"
    names = [
        f"{IDXS[0]}.{own}",
        f"{IDXS[0]}.part",
        f"{TARS[0]}.{own}",
        f"{TARS[0]}.part",
        f"davis-train.index.json.{own}",
        "davis-train.index.json.part",
        f"davis-train.report.jsonl.{own}",
    ]
    for name in names:
        (tmp_path / name).touch()
    assert found(davis) == [(name, Kind.LEFTOVER) for name in names]


def test_files_that_a_glob_of_the_set_would_read_are_found(davis, tmp_path):
    names = ["davis-train-000000 (1).idx", "davis-train-000000 (1).tar", "davis-train-extra.tar"]
    for name in names:
        (tmp_path / name).touch()
    assert found(davis) == [(name, Kind.EXTRA) for name in names]


def test_a_staging_folder_is_found_and_not_called_removable_for_sure(davis, tmp_path):
    (tmp_path / ".davis-train.part").mkdir()
    (problem,) = verify(davis)
    assert (problem.shard, problem.kind) == (".davis-train.part", Kind.LEFTOVER)
    assert "run its command again to finish it, or remove it when no run goes" in problem.message


def test_files_of_a_longer_set_name_with_an_index_are_no_problem(davis, tmp_path):
    make_set(tmp_path, [[frame(0)]], name="davis-train-small")
    (tmp_path / "davis-train-small-copy.tar").touch()
    assert verify(davis) == []
    small = open_set(f"{tmp_path}/davis-train-small")
    assert found(small) == [("davis-train-small-copy.tar", Kind.EXTRA)]


def test_files_of_other_sets_and_other_files_are_no_problem(davis, tmp_path):
    for name in ("davis-train-extra-000000.tar", "davis-val-000000.tar.part", "notes.txt"):
        (tmp_path / name).touch()
    assert verify(davis) == []


def test_a_file_that_cannot_be_read_is_found(davis, tmp_path):
    (tmp_path / TARS[1]).unlink()
    (tmp_path / TARS[1]).mkdir()
    assert found(davis) == [(TARS[1], Kind.UNREADABLE)]


def test_a_wrong_count_in_the_index_is_found(davis):
    lying = changed_index(davis, 1, nsamples=4)
    assert found(lying) == [(IDXS[1], Kind.COUNT)]
    assert "3 samples, its index says 4" in verify(lying)[0].message


def test_a_key_in_two_shards_is_found(tmp_path):
    shard_set = make_set(tmp_path, [[frame(0), frame(1)], [frame(1), frame(2)]])
    assert found(shard_set) == [(TARS[1], Kind.DUPLICATE)]
    assert verify(shard_set)[0].message == f"its key davis/bear/00001 is also in {TARS[0]}"


def test_all_problems_are_told_at_once(davis, tmp_path):
    (tmp_path / TARS[0]).unlink()
    (tmp_path / TARS[1]).write_bytes(b"")
    (tmp_path / IDXS[0]).write_bytes(b"v1.2 2\n")
    (tmp_path / "davis-train-000009.tar").touch()
    (tmp_path / f"{TARS[2]}.part").touch()
    assert found(davis) == [
        (TARS[0], Kind.MISSING),
        (TARS[1], Kind.CUT),
        (IDXS[0], Kind.CHANGED),
        (f"{TARS[2]}.part", Kind.LEFTOVER),
        ("davis-train-000009.tar", Kind.EXTRA),
    ]


def test_a_set_on_a_url_is_verified(davis, tmp_path, memory):
    data = (tmp_path / TARS[1]).read_bytes()
    (tmp_path / TARS[1]).write_bytes(flipped(data, 5000))
    (tmp_path / "davis-train-000003.tar").touch()
    copy_files(tmp_path, memory)
    remote = ShardSet(davis.index, memory)
    assert found(remote) == [(TARS[1], Kind.CHANGED), ("davis-train-000003.tar", Kind.EXTRA)]


def test_a_set_on_http_is_verified(davis, tmp_path, serve):
    (tmp_path / TARS[0]).unlink()
    remote = ShardSet(davis.index, serve(tmp_path))
    assert found(remote) == [(TARS[0], Kind.MISSING)]


class TestPlaces:
    def test_each_set_of_a_folder_has_a_verdict(self, davis):
        make_set(davis.folder, [[frame(0)]], name="coco-train")
        verdicts = list(verify_place(davis.folder))
        assert [verdict.shard_set.index.name for verdict in verdicts] == [
            "coco-train",
            "davis-train",
        ]
        assert all(verdict.problems == [] for verdict in verdicts)

    def test_one_set_may_be_chosen(self, davis):
        make_set(davis.folder, [[frame(0)]], name="coco-train")
        (verdict,) = verify_place(f"{davis.folder}/davis-train")
        assert verdict.place == index_path(davis.folder, "davis-train")

    def test_a_damaged_index_does_not_stop_the_others(self, davis, tmp_path):
        make_set(davis.folder, [[frame(0)]], name="coco-train")
        (tmp_path / "coco-train.index.json").write_text("{")
        first, second = verify_place(f"{davis.folder}/")
        assert [problem.kind for problem in first.problems] == [Kind.INDEX]
        assert first.problems[0].shard == "coco-train.index.json"
        assert "not a shard index" in first.problems[0].message
        assert second.problems == []

    def test_tars_of_a_set_without_an_index_are_found(self, davis, tmp_path):
        own = "coco-val-000001.tar.0123456789abcdef.part"
        for name in ("coco-train-000000.tar", own, "coco-val-000001.tar.part", "notes.tar"):
            (tmp_path / name).touch()
        _, orphans = verify_place(davis.folder)
        assert [(row.shard, row.kind) for row in orphans.problems] == [
            ("coco-train-000000.tar", Kind.EXTRA),
            (own, Kind.EXTRA),
            ("coco-val-000001.tar.part", Kind.EXTRA),
        ]
        assert orphans.problems[0].message == "there is no index coco-train.index.json"

    def test_the_staging_folder_of_a_set_with_an_index_is_told_once(self, davis, tmp_path):
        (tmp_path / ".davis-train.part").mkdir()
        (verdict,) = verify_place(davis.folder)
        assert [row.shard for row in verdict.problems] == [".davis-train.part"]

    def test_the_staging_folder_of_a_set_without_an_index_is_found(self, davis, tmp_path):
        (tmp_path / ".coco-train.part").mkdir()
        _, orphans = verify_place(davis.folder)
        assert [(row.shard, row.kind) for row in orphans.problems] == [
            (".coco-train.part", Kind.LEFTOVER)
        ]

    def test_a_place_without_sets_is_an_error(self, tmp_path):
        with pytest.raises(ShardError, match="no shards here"):
            list(verify_place(str(tmp_path)))
