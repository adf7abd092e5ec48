"""Changes of a set: whole or not at all, whenever they are killed."""

import json
import os
import shutil
import signal
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from tests.shards.frames import frame, make_set
from vsda.errors import ShardError
from vsda.shards.change import SetChange, finish_change, interrupted_changes
from vsda.shards.index import open_set
from vsda.shards.verify import verify

NAME = "davis-train"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Three shards: one to be cut, one to go, one to stay; and two other files."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "notes.txt").write_text("old")
    (folder / "extra.mp4").write_text("gone soon")
    cut = [frame(0, "bear"), frame(0, "cows")]
    make_set(folder, [cut, [frame(0, "dog")], [frame(0, "emu")]], name=NAME)
    return folder


@pytest.fixture
def make(base):
    """Copy that set to another folder."""

    def copy(folder):
        return open_set(str(shutil.copytree(base, folder)))

    return copy


@pytest.fixture(scope="module")
def hidden(base, tmp_path_factory):
    """A set whose change was killed while there was no index."""
    for event in range(1, 100):
        folder = shutil.copytree(base, tmp_path_factory.mktemp("hidden") / "set")
        old = open_set(str(folder))
        die_at(event, lambda old=old: change(old))
        if not (folder / f"{NAME}.index.json").exists():
            return folder
    raise AssertionError


@pytest.fixture
def interrupted(hidden, tmp_path):
    """A copy of that set."""
    return shutil.copytree(hidden, tmp_path / "interrupted")


def change(shard_set):
    """Take bear and dog out."""
    one = SetChange(shard_set.folder, NAME)
    one.write("notes.txt", b"new")
    one.remove("extra.mp4")
    first, second, third = shard_set.index.shards
    left = [one.cut(shard_set, first, ["bear"]), one.cut(shard_set, second, ["dog"]), third]
    shards = tuple(info for info in left if info is not None)
    one.commit(replace(shard_set.index, shards=shards))


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def die_at(event, work):
    """Do `work` in a child that kills itself at its n-th rename, deletion or flush.

    Returns whether the child lived to the end.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child of a fork has one thread
        child = os.fork()
    if child == 0:
        left = [event]

        def counted(function):
            def call(*arguments, **named):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **named)

            return call

        Path.replace, Path.unlink, os.fsync = map(counted, (Path.replace, Path.unlink, os.fsync))
        os.unlink = counted(os.unlink)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def check_whole_or_hidden(folder, expected):
    """An index that is there is the old or the new one, and all of its files are there."""
    if not (folder / f"{NAME}.index.json").exists():
        return
    found = open_set(str(folder / NAME))
    strays = {".davis-train.part", "davis-train-000001.tar", "davis-train-000001.idx"}
    assert [row for row in verify(found) if row.shard not in strays] == []
    assert snapshot(folder)[f"{NAME}.index.json"] in expected


def test_a_change_replaces_cuts_and_deletes(make, tmp_path):
    folder = tmp_path / "set"
    change(make(folder))
    new = open_set(str(folder))
    assert [row.name for row in new.index.sequences] == ["cows", "emu"]
    assert verify(new) == []
    assert (folder / "notes.txt").read_text() == "new"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "README.md",
        "davis-train-000000.idx",
        "davis-train-000000.tar",
        "davis-train-000002.idx",
        "davis-train-000002.tar",
        "davis-train.index.json",
        "notes.txt",
    }


def test_a_change_killed_anywhere_is_finished_or_had_no_effect(make, tmp_path):
    make(tmp_path / "expected")
    before = snapshot(tmp_path / "expected")
    change(open_set(str(tmp_path / "expected")))
    after = snapshot(tmp_path / "expected")
    indexes = {one[f"{NAME}.index.json"] for one in (before, after)}
    event, lived, num_finished = 0, False, 0
    while not lived:
        event += 1
        folder = tmp_path / str(event)
        old = make(folder)
        lived = die_at(event, lambda old=old: change(old))
        check_whole_or_hidden(folder, indexes)
        if finish_change(str(folder), NAME):
            num_finished += 1
            assert snapshot(folder) == after, f"killed at event {event}"
        if snapshot(folder) != after:
            change(open_set(str(folder)))
        assert snapshot(folder) == after, f"killed at event {event}"
        assert not (folder / ".davis-train.part").exists()
    assert event > 20
    assert num_finished > 8


def test_finishing_may_be_killed_too(make, tmp_path):
    make(tmp_path / "expected")
    change(open_set(str(tmp_path / "expected")))
    after = snapshot(tmp_path / "expected")
    for event in range(10, 40, 6):
        folder = tmp_path / str(event)
        old = make(folder)
        if die_at(event, lambda old=old: change(old)):
            break
        for second in (1, 2, 3, 4):
            die_at(second, lambda folder=folder: finish_change(str(folder), NAME))
        finish_change(str(folder), NAME)
        if snapshot(folder) != after:
            change(open_set(str(folder)))
        assert snapshot(folder) == after
    assert event > 10


def test_a_change_that_waits_is_found(interrupted):
    folder = interrupted
    assert interrupted_changes(str(folder)) == [NAME]
    finish_change(str(folder), NAME)
    assert interrupted_changes(str(folder)) == []


def test_a_folder_may_be_moved_before_its_change_is_finished(interrupted, tmp_path):
    moved = interrupted.rename(tmp_path / "moved")
    assert finish_change(str(moved), NAME)
    assert verify(open_set(str(moved))) == []


def test_a_change_of_a_set_that_was_made_anew_is_dropped(interrupted):
    folder = interrupted
    make_set(folder, [[frame(5, "new")]], name=NAME)
    assert not finish_change(str(folder), NAME)
    assert [row.name for row in open_set(str(folder)).index.sequences] == ["new"]
    assert not (folder / ".davis-train.part" / "change").exists()


def test_a_damaged_journal_is_told(interrupted):
    folder = interrupted
    journal = folder / ".davis-train.part" / "change" / "journal.json"
    for text in ("{", json.dumps({"steps": []}), "[]"):
        journal.write_text(text)
        with pytest.raises(ShardError, match=r"journal\.json: damaged \(.*\); remove .*change"):
            finish_change(str(folder), NAME)
