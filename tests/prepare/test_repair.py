import json
import os
import re
import shutil
import signal
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.fake_worlds import (
    coco_tree,
    davis_of_many_shards,
    jpeg,
    snapshot,
    values,
    write,
)
from tests.places import memory  # noqa: F401  fixture
from tests.shards.frames import copy_files, flipped
from vsda.cli.shards_repair import repair as repair_command
from vsda.datasets.davis.layout import DavisOptions
from vsda.datasets.folder.options import FolderOptions
from vsda.datasets.youtube_bb.annotations import DATASET as VIDEOS
from vsda.errors import ShardError, VsdaError
from vsda.prepare import PrepareOptions, prepare
from vsda.prepare.repair import RepairOptions, repair
from vsda.shards.change import SetChange
from vsda.shards.index import load_index, open_set
from vsda.shards.repair import Fix
from vsda.shards.verify import Kind, verify
from vsda.storage import exclusive

TARS = [f"davis-train-{number:06d}.tar" for number in range(5)]
IDXS = [f"davis-train-{number:06d}.idx" for number in range(5)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A DAVIS of five shards and its set."""
    folder = tmp_path_factory.mktemp("world")
    root = davis_of_many_shards(folder / "davis").root
    prepare("davis", make(root, folder / "sound"))
    return folder


@pytest.fixture
def out(world, tmp_path):
    return Path(shutil.copytree(world / "sound", tmp_path / "out"))


def make(root, out, **more):
    return PrepareOptions(**{"root": root, "out": out, "split": "train", "shard_mb": 1} | more)


def mend(out, world, **more):
    (done,) = repair(str(out), RepairOptions(data=world, num_workers=1, **more))
    return done


def damage(path, bit=50_000):
    path.write_bytes(flipped(path.read_bytes(), bit % (8 * path.stat().st_size)))


def stamps(folder):
    found = {path.name: path.stat() for path in Path(folder).iterdir()}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


def rewrite_index(out, **changes):
    index = load_index(f"{out}/davis-train.index.json")
    write(out / "davis-train.index.json", replace(index, **changes).to_json())


def test_bad_shards_alone_are_made_again_from_the_originals(world, out):
    damage(out / TARS[1])
    (out / TARS[3]).unlink()
    (out / IDXS[3]).unlink()
    before = stamps(out)
    done = mend(out, world)
    assert done.problems == ()
    assert done.fixes == tuple(
        Fix(name, "made again from the originals") for name in (TARS[1], TARS[3], IDXS[3])
    )
    assert snapshot(out) == snapshot(world / "sound")
    after = stamps(out)
    assert {name for name in after if after[name] != before.get(name)} == {
        TARS[1],
        TARS[3],
        IDXS[3],
    }


def test_a_copy_is_used_before_the_originals(world, out):
    damage(out / TARS[1])
    done = mend(out, world, copy=str(world / "sound"))
    assert done.fixes == (Fix(TARS[1], f"taken from {world}/sound/{TARS[1]}"),)


def test_changed_originals_are_no_source_and_nothing_is_changed(world, out, tmp_path):
    root = shutil.copytree(world / "davis", tmp_path / "davis")
    with (root / "JPEGImages/480p/lucia/00000.jpg").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    for name in TARS:
        damage(out / name)
    before = stamps(out)
    done = mend(out, world, root=root)
    (problem,) = done.problems
    assert problem.kind == Kind.CHANGED
    assert "gives other bytes than the index lists: a file was changed, or" in problem.message
    assert "vsda prepare davis --split train --remap coco --shard-mb 1" in problem.message
    assert len(done.fixes) == 4
    assert stamps(out)[problem.shard] == before[problem.shard]


def test_originals_of_other_sizes_are_refused_before_anything_is_made(world, out, tmp_path):
    root = shutil.copytree(world / "davis", tmp_path / "davis")
    write(root / "JPEGImages/480p/lucia/00001.jpg", b"other")
    damage(out / TARS[1])
    (problem,) = mend(out, world, root=root).problems
    assert "would make another set; the files have other names or sizes" in problem.message
    assert "listing_sha256 was" in problem.message


def test_absent_originals_are_named_with_what_to_do(out, tmp_path):
    (out / TARS[2]).unlink()
    done = mend(out, tmp_path / "nowhere")
    (problem,) = done.problems
    assert (problem.shard, problem.kind) == (TARS[2], Kind.MISSING)
    assert f"{tmp_path}/nowhere/davis: no DAVIS here" in problem.message
    assert problem.message.endswith("; or give --copy with another copy of the set")


def test_options_of_the_set_are_used_again(tmp_path):
    root = davis_of_many_shards(tmp_path / "davis").root
    options = {"classes": "person,bicycle,bird", "outside": "ignore", "split": "train"}
    prepare("davis", make(root, tmp_path / "out", **options))
    expected = snapshot(tmp_path / "out")
    for path in (tmp_path / "out").glob("*.tar"):
        damage(path)
    assert mend(tmp_path / "out", tmp_path).problems == ()
    assert snapshot(tmp_path / "out") == expected


def test_a_set_of_plain_masks_is_made_again(tmp_path):
    root = davis_of_many_shards(tmp_path / "davis").root
    prepare("davis", make(root, tmp_path / "out", remap="none"))
    expected = snapshot(tmp_path / "out")
    damage(tmp_path / "out" / TARS[4])
    assert mend(tmp_path / "out", tmp_path).problems == ()
    assert snapshot(tmp_path / "out") == expected


def test_shards_are_found_where_tasks_before_them_wrote_nothing(tmp_path):
    large = 1_200_000
    world = {f"{number:012d}": values(17 if number in {1, 4} else 156) for number in range(6)}
    world["000000000002"] = values(0)  # a person
    root = coco_tree(tmp_path / "coco", {"train": world})
    for path in (root / "train2017").iterdir():
        path.write_bytes(path.read_bytes() + bytes(large))
    prepare("coco", make(root, tmp_path / "out", classes="dog,person"))
    assert len(list((tmp_path / "out").glob("*.tar"))) == 3
    expected = snapshot(tmp_path / "out")
    damage(tmp_path / "out" / "coco-train-000001.tar")
    damage(tmp_path / "out" / "coco-train-000002.tar")
    assert mend(tmp_path / "out", tmp_path).problems == ()
    assert snapshot(tmp_path / "out") == expected


def test_the_table_of_the_user_must_be_given_again(tmp_path):
    root = davis_of_many_shards(tmp_path / "davis").root
    table = write(
        tmp_path / "mine.tsv",
        b"sequence\tobject_id\tcategory\tclass\n"
        + b"".join(
            f"{name}\t1\tx\tperson\n".encode()
            for name in ("bmx-bumps", "lucia", "rollerblade", "car-turn", "mallard-water")
        ),
    )
    prepare("davis", make(root, tmp_path / "out", own=DavisOptions(class_map=table)))
    damage(tmp_path / "out" / TARS[0])
    (problem,) = mend(tmp_path / "out", tmp_path).problems
    assert "made with the table mine.tsv; give it by --class-map" in problem.message
    assert mend(tmp_path / "out", tmp_path, class_map=table).problems == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": "vsda shards resize X 64"}, "`vsda shards resize X 64` makes the set again"),
        ({"command": "", "dataset": VIDEOS}, "the same `vsda fetch ytbb` makes it again"),
        ({"command": "", "dataset": "mine"}, "'mine', which `vsda prepare` does not know"),
        ({"command": "vsda 'prepare"}, "a command that is none"),
        ({"split": "nowhere"}, "unknown --split"),
        ({"settings": {"shard_mb": "many"}}, "odd setting: shard_mb"),
        ({"settings": {"classes": 7}}, "odd setting: classes"),
        ({"settings": {"remap": ["coco"]}}, "odd setting: remap"),
        ({"settings": {}}, "would make another set"),
    ],
)
def test_what_cannot_be_made_again_says_why(world, out, changes, message):
    rewrite_index(out, **changes)
    damage(out / TARS[0])
    (problem,) = mend(out, world).problems
    assert problem.shard == TARS[0]
    assert re.search(message, problem.message), problem.message


def test_a_damaged_index_says_what_to_do(world, out):
    (out / "davis-train.index.json").write_text("{")
    (problem,) = mend(out, world).problems
    assert problem.kind == Kind.INDEX
    assert problem.message.endswith("an index is not mended: take it from a copy of the set")


def test_a_set_that_is_being_written_is_left_alone(world, out):
    with (
        exclusive(f"{out}/.davis-train.lock"),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        mend(out, world)


def test_a_set_of_which_a_part_is_being_fetched_is_left_alone(world, out):
    with (
        exclusive(f"{out}/.davis-train.task-0001-of-0004.lock"),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        mend(out, world)


def test_a_change_that_was_killed_is_finished_first(world, out):
    change = SetChange(str(out), "davis-train")
    index = load_index(f"{out}/davis-train.index.json")
    change.write("davis-train.report.jsonl", b"")
    new = replace(index, notes=("changed",))
    change.write("x", b"")
    moved = _kill_after_journal(change, new)
    assert moved
    assert mend(out, world).problems == ()
    assert load_index(f"{out}/davis-train.index.json").notes == ("changed",)


def _kill_after_journal(change, index):
    """Commit in a child that dies when the journal is there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        import vsda.shards.change as module

        module._take = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
        change.commit(index)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def break_all(out):
    """Do every kind of damage that can be mended."""
    (out / TARS[0]).rename(out / "x")
    (out / TARS[1]).rename(out / TARS[0])
    (out / "x").rename(out / TARS[1])
    damage(out / TARS[2])
    (out / TARS[3]).unlink()
    (out / IDXS[3]).unlink()
    damage(out / IDXS[4])
    (out / f"{TARS[0]}.0123456789abcdef.part").touch()


def test_a_repair_killed_at_any_rename_deletion_or_flush_is_finished_by_the_next(world, tmp_path):
    expected = snapshot(world / "sound")
    event, lived = 0, False
    while not lived:
        event += 1
        out = Path(shutil.copytree(world / "sound", tmp_path / str(event)))
        break_all(out)
        lived = _die_at(event, out, world)
        for path in out.iterdir():  # nothing but what the index promises replaces a file
            if path.name in expected and path.read_bytes() != expected[path.name]:
                assert path.name in {*TARS[:3], IDXS[4]}, f"killed at event {event}"
        done = mend(out, world)
        assert done.problems == ()
        assert snapshot(out) == expected, f"killed at event {event}"
        shutil.rmtree(out)
    assert event > 15


def _die_at(event, out, world):
    """Repair in a child that kills itself at its n-th such call; return whether it lived."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
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
        mend(out, world)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_set_on_a_url_is_made_again_from_the_originals(world, out, memory):  # noqa: F811
    break_all(out)
    copy_files(out, memory)
    done = mend(memory, world)
    assert done.problems == ()
    assert verify(open_set(memory)) == []


class TestCommand:
    @pytest.fixture
    def run(self, world, monkeypatch):
        app = typer.Typer()
        app.command()(repair_command)
        monkeypatch.setenv("VSDA_DATA", str(world))
        return lambda *words: CliRunner().invoke(app, [*map(str, words), "--workers", "1"])

    def test_a_mended_set_exits_with_0(self, run, out):
        damage(out / TARS[1])
        result = run(out)
        assert result.exit_code == 0
        assert result.stdout.splitlines() == [
            f"{TARS[1]}: made again from the originals",
            f"{out}/davis-train.index.json: whole",
        ]

    def test_a_dry_run_says_what_would_be_done(self, run, out):
        damage(out / TARS[1])
        result = run(out, "--dry-run")
        assert result.stdout.splitlines() == [
            f"{TARS[1]}: would be made again from the originals",
            f"{out}/davis-train.index.json: would be whole",
        ]
        assert verify(open_set(str(out))) != []

    def test_what_is_left_exits_with_1_and_is_told_in_json(self, run, out, tmp_path):
        (out / TARS[1]).unlink()
        result = run(out, "--root", tmp_path / "nowhere", "--json")
        assert result.exit_code == 1
        (row,) = json.loads(result.stdout)
        assert row["whole"] is False
        assert row["fixes"] == []
        assert [(one["shard"], one["kind"]) for one in row["problems"]] == [(TARS[1], "missing")]

    def test_a_folder_without_sets_is_an_error(self, run, tmp_path):
        assert isinstance(run(tmp_path).exception, ShardError)


def test_a_set_of_ones_own_folder_is_made_again_with_all_of_its_options(tmp_path):
    folder = tmp_path / "mine"
    write(folder / "deep" / "pics" / "a" / "0.jpg", jpeg())
    own = FolderOptions(images=Path("deep/pics"), still=True, licence="mine alone")
    options = PrepareOptions(
        root=folder, out=tmp_path / "out", split="train", classes="all", num_workers=1, own=own
    )
    (report,) = prepare("folder", options)
    tar = tmp_path / "out" / "mine-train-000000.tar"
    sound = tar.read_bytes()
    tar.unlink()
    folder = folder.rename(tmp_path / "renamed")
    (done,) = repair(
        str(tmp_path / "out"), RepairOptions(data=tmp_path, root=folder, num_workers=1)
    )
    assert done.problems == ()
    assert tar.read_bytes() == sound
    assert verify(open_set(str(report.index))) == []
