import shutil
from pathlib import Path

import pytest

from tests.fake_worlds import snapshot
from tests.shards.frames import changed_index, copy_files, flipped, frame, make_set
from vsda.errors import ShardError
from vsda.shards.index import ShardSet
from vsda.shards.repair import Fix, Sources, copy_folder, repair_set
from vsda.shards.verify import Kind, verify

TARS = [f"davis-train-{number:06d}.tar" for number in range(3)]
IDXS = [f"davis-train-{number:06d}.idx" for number in range(3)]


def nothing_to_make_it_from(bad, room, only_say):
    raise ShardError("no originals; give --root or --copy")


def sources(copy=None, **more):
    return Sources(copy=copy, rebuild=nothing_to_make_it_from, **more)


@pytest.fixture
def copy(davis, tmp_path_factory):
    return shutil.copytree(davis.folder, tmp_path_factory.mktemp("copy") / "set")


def damage(path, bit=5000):
    path.write_bytes(flipped(path.read_bytes(), bit))


def swap(first, second):
    first.rename(first.with_name("x"))
    second.rename(first)
    first.with_name("x").rename(second)


def stamps(folder):
    """Inode and time of every file."""
    found = {path: path.stat() for path in Path(folder).iterdir()}
    return {path.name: (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}


def test_a_whole_set_is_left_alone(davis, tmp_path):
    before = stamps(tmp_path)
    done = repair_set(davis, sources())
    assert (done.fixes, done.problems) == ((), ())
    assert stamps(tmp_path) == before


def test_swapped_tars_get_their_names_back(davis, tmp_path, copy):
    swap(tmp_path / TARS[0], tmp_path / TARS[2])
    done = repair_set(davis, sources())
    assert set(done.fixes) == {
        Fix(TARS[0], f"renamed from {TARS[2]}"),
        Fix(TARS[2], f"renamed from {TARS[0]}"),
    }
    assert done.problems == ()
    assert snapshot(tmp_path) == snapshot(copy)


def test_three_tars_in_a_circle_and_swapped_idx_files_get_their_names_back(davis, tmp_path, copy):
    swap(tmp_path / TARS[0], tmp_path / TARS[1])
    swap(tmp_path / TARS[1], tmp_path / TARS[2])
    swap(tmp_path / IDXS[0], tmp_path / IDXS[2])
    assert repair_set(davis, sources()).problems == ()
    assert snapshot(tmp_path) == snapshot(copy)


def test_a_tar_under_a_name_of_a_stranger_gets_its_own_back(davis, tmp_path, copy):
    (tmp_path / TARS[1]).rename(tmp_path / "davis-train-000001 (1).tar")
    done = repair_set(davis, sources())
    assert done.fixes == (Fix(TARS[1], "renamed from davis-train-000001 (1).tar"),)
    assert snapshot(tmp_path) == snapshot(copy)


@pytest.mark.parametrize("bad", ["missing", "changed", "of another shard"])
def test_a_bad_idx_is_made_again_from_its_tar(davis, tmp_path, copy, bad):
    if bad == "missing":
        (tmp_path / IDXS[1]).unlink()
    elif bad == "changed":
        damage(tmp_path / IDXS[1], 77)
    else:
        shutil.copy(tmp_path / IDXS[0], tmp_path / IDXS[1])
    done = repair_set(davis, sources())
    assert done.fixes == (Fix(IDXS[1], f"made again from {TARS[1]}"),)
    assert snapshot(tmp_path) == snapshot(copy)


def test_bad_tars_are_taken_from_a_copy_and_sound_files_are_not_touched(davis, tmp_path, copy):
    damage(tmp_path / TARS[1])
    (tmp_path / TARS[2]).unlink()
    (tmp_path / IDXS[2]).unlink()
    before = stamps(tmp_path)
    done = repair_set(davis, sources(copy=str(copy)))
    assert done.fixes == (
        Fix(TARS[1], f"taken from {copy}/{TARS[1]}"),
        Fix(TARS[2], f"taken from {copy}/{TARS[2]}"),
        Fix(IDXS[2], f"made again from {TARS[2]}"),
    )
    assert snapshot(tmp_path) == snapshot(copy)
    after = stamps(tmp_path)
    untouched = before.keys() - {TARS[1]}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_a_copy_that_is_damaged_or_of_another_set_changes_nothing(davis, tmp_path, copy):
    damage(tmp_path / TARS[1])
    (tmp_path / TARS[2]).unlink()
    damage(copy / TARS[1], 9000)
    make_set(copy, [[frame(0)], [frame(1)], [frame(2), frame(3), frame(4), frame(5)]])
    shutil.copy(tmp_path / TARS[0], copy / TARS[1])
    before = stamps(tmp_path)
    done = repair_set(davis, sources(copy=str(copy)))
    assert done.fixes == ()
    assert [(row.shard, row.kind) for row in done.problems] == [
        (TARS[1], Kind.CHANGED),
        (TARS[2], Kind.MISSING),
    ]
    first, second = (row.message for row in done.problems)
    assert f"{copy}/{TARS[1]}: " in first
    assert "so it is no copy of this set's" in second
    assert second.endswith("no originals; give --root or --copy")
    assert stamps(tmp_path) == before


def test_a_copy_with_a_changed_byte_is_refused_by_its_hash(davis, tmp_path, copy):
    (tmp_path / TARS[1]).unlink()
    damage(copy / TARS[1])
    (problem,) = repair_set(davis, sources(copy=str(copy))).problems
    assert "its hash is not the one in the index of this set" in problem.message
    assert not (tmp_path / TARS[1]).exists()


def test_what_interrupted_runs_left_is_removed(davis, tmp_path, copy):
    for name in (f"{TARS[0]}.0123456789abcdef.part", "davis-train.index.json.part"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".davis-train.part" / "change").mkdir(parents=True)
    done = repair_set(davis, sources())
    assert {fix.how for fix in done.fixes} == {"removed"}
    assert done.problems == ()
    assert snapshot(tmp_path) == snapshot(copy)
    assert not (tmp_path / ".davis-train.part").exists()


def test_the_staging_folder_of_a_fetch_stays(davis, tmp_path):
    (tmp_path / ".davis-train.part").mkdir()
    (problem,) = repair_set(davis, sources(keeps_staging=True)).problems
    assert problem.kind == Kind.LEFTOVER
    assert (tmp_path / ".davis-train.part").is_dir()


def test_additional_tars_are_told_and_stay(davis, tmp_path):
    (tmp_path / "davis-train-000009.tar").write_bytes(b"x")
    (problem,) = repair_set(davis, sources()).problems
    assert problem.kind == Kind.EXTRA
    assert problem.message.endswith("; remove it, or move it away")
    assert (tmp_path / "davis-train-000009.tar").exists()


def test_a_folder_in_the_place_of_a_tar_is_told(davis, tmp_path, copy):
    (tmp_path / TARS[1]).unlink()
    (tmp_path / TARS[1]).mkdir()
    done = repair_set(davis, sources(copy=str(copy)))
    assert [(row.shard, row.kind) for row in done.problems] == [(TARS[1], Kind.UNREADABLE)]
    assert "Is a directory" in done.problems[0].message


def test_an_index_that_lies_says_to_make_the_set_again(davis):
    (problem,) = repair_set(changed_index(davis, 1, nsamples=4), sources()).problems
    assert problem.kind == Kind.COUNT
    assert problem.message.endswith("run the command that makes the set again")


def test_a_dry_run_tells_the_same_and_changes_nothing(davis, tmp_path, copy):
    swap(tmp_path / TARS[0], tmp_path / TARS[2])
    damage(tmp_path / TARS[1])
    (tmp_path / IDXS[0]).unlink()
    (tmp_path / f"{TARS[0]}.part").touch()
    before = stamps(tmp_path)
    planned = repair_set(davis, sources(copy=str(copy)), dry_run=True)
    assert stamps(tmp_path) == before
    assert planned == repair_set(davis, sources(copy=str(copy)))
    assert snapshot(tmp_path) == snapshot(copy)


def test_a_set_on_a_url_is_mended_from_a_copy_on_a_web_server(davis, tmp_path, copy, memory, serve):
    swap(tmp_path / TARS[0], tmp_path / TARS[2])
    damage(tmp_path / TARS[1])
    (tmp_path / IDXS[1]).unlink()
    copy_files(tmp_path, memory)
    remote = ShardSet(davis.index, memory)
    done = repair_set(remote, sources(copy=serve(copy)))
    assert done.problems == ()
    assert len(done.fixes) == 4
    assert verify(remote) == []


def test_what_a_killed_run_had_on_its_way_is_found_by_its_hash(davis, tmp_path, copy):
    room = tmp_path / ".davis-train.part" / "repair"
    room.mkdir(parents=True)
    (tmp_path / TARS[1]).rename(room / "task-000001.tar")
    damage(tmp_path / IDXS[1], 9)
    done = repair_set(davis, sources())
    assert Fix(TARS[1], "renamed from task-000001.tar") in done.fixes
    assert snapshot(tmp_path) == snapshot(copy)


def test_a_copy_is_named_by_its_folder_its_set_or_its_index(davis, copy):
    for place in (copy, f"{copy}/", f"{copy}/davis-train", f"{copy}/davis-train.index.json"):
        assert copy_folder(str(place)) == str(copy)


def test_what_was_made_again_counts_only_with_the_right_hash(davis, tmp_path, copy):
    damage(tmp_path / TARS[1])
    (tmp_path / IDXS[1]).unlink()
    before = (tmp_path / TARS[1]).read_bytes()

    def make_other(bad, room, only_say):
        Path(room).mkdir(parents=True)
        shutil.copy(copy / TARS[0], f"{room}/task-000001.tar")
        shutil.copy(copy / IDXS[1], f"{room}/task-000001.idx")
        return {TARS[1]: f"{room}/task-000001.tar"}

    done = repair_set(davis, Sources(copy=None, rebuild=make_other))
    assert done.fixes == (Fix(IDXS[1], "made again from the originals"),)
    (problem,) = done.problems
    assert problem.message.endswith("task-000001.tar is not what the index lists")
    assert (tmp_path / TARS[1]).read_bytes() == before
