"""`prepare` onto fsspec URLs: the bytes of a local run, whatever kills it."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from tests.fake_worlds import davis_of_many_shards, snapshot, write
from tests.places import memory, picky  # noqa: F401  fixtures
from tests.s3 import s3_objects
from vsda.errors import ShardError, UsageError, VsdaError
from vsda.prepare import PrepareOptions, prepare
from vsda.shards.index import open_set
from vsda.shards.verify import verify
from vsda.storage import exclusive, list_names, remove, write_atomic

ROOT = Path(__file__).parents[2]
INDEX = "davis-train.index.json"
SETTINGS = {"split": "train", "shard_mb": 1, "num_workers": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A DAVIS of five shards, one of whose frames is broken."""
    tree = davis_of_many_shards(tmp_path_factory.mktemp("world") / "davis")
    write(tree.image("lucia", 1), b"broken" + bytes(400_000))
    time.sleep(1)  # S3 tells whole seconds: what is written now must not seem older than this
    return tree.root


@pytest.fixture(scope="module")
def local(root, tmp_path_factory):
    """The files of a run onto this machine."""
    out = tmp_path_factory.mktemp("local")
    prepare("davis", PrepareOptions(root=root, out=out, **SETTINGS))
    return snapshot(out)


def run(root, out, **more):
    (report,) = prepare("davis", PrepareOptions(root=root, out=out, **SETTINGS | more))
    return report


def files(folder):
    """Return the content of what lies in a folder on a URL, by its name."""
    filesystem, inner = fsspec.core.url_to_fs(folder, use_listings_cache=False)
    return {
        path.rpartition("/")[2]: filesystem.cat_file(path)
        for path in filesystem.ls(inner, detail=False)
    }


@pytest.mark.parametrize("kind", ["memory", "picky", "file-url", "s3"])
def test_a_url_gets_the_bytes_of_a_local_folder(
    kind,
    root,
    local,
    tmp_path,
    memory,  # noqa: F811
    picky,  # noqa: F811
    s3,
):
    out = {"memory": memory, "picky": picky, "file-url": f"file://{tmp_path}", "s3": s3}[kind]
    report = run(root, out)
    assert str(report.index).endswith(f"/{INDEX}")
    assert report.outcomes == {"ok": 9, "unreadable": 1}
    assert files(out) == local


def test_a_set_that_is_there_needs_no_work(root, s3):
    run(root, s3)
    before = _changes(s3)
    report = run(root, s3)
    assert report.up_to_date
    assert [row.key for row in report.failures] == ["davis/lucia/00001"]
    assert _changes(s3) == before


def _changes(folder):
    filesystem, inner = fsspec.core.url_to_fs(folder, use_listings_cache=False)
    return {row["name"]: row["LastModified"] for row in filesystem.ls(inner, detail=True)}


def _finished(out):
    """Return the results of finished tasks, and when they were written."""
    changes = _changes(f"{out}/.davis-train.part")
    return {name: time for name, time in changes.items() if name.endswith("result.json")}


@pytest.mark.parametrize(
    "name",
    [
        "davis-train-000002.tar",
        pytest.param("davis-train-000002.idx", marks=pytest.mark.slow),
    ],
)
def test_a_set_that_lacks_a_file_or_has_a_cut_one_is_made_again(root, local, s3, name):
    run(root, s3)
    remove(f"{s3}/{name}")
    assert f"{s3}/{name}: not there, but the index lists it" in run(root, s3).notes[0]
    write_atomic(f"{s3}/{name}", local[name][:-1])
    assert f"{name}: its bytes are not those that the index lists" in run(root, s3).notes[0]
    assert s3_objects(s3) == local


@pytest.mark.slow
def test_a_set_is_made_again_when_a_file_was_changed_after_it(local, tmp_path, s3):
    tree = davis_of_many_shards(tmp_path / "davis")
    run(tree.root, s3)
    tree.image("lucia", 0).touch()
    assert "files were changed after the set was made" in run(tree.root, s3).notes[0]


def test_other_settings_replace_a_set_only_when_asked_to(root, local, s3):
    run(root, s3, classes="person", shard_mb=9)
    with pytest.raises(ShardError, match=f"{s3}/{INDEX}: this set was made otherwise: classes"):
        run(root, s3)
    run(root, s3, overwrite=True)
    assert s3_objects(s3) == local


def test_a_second_writer_is_told(root, s3):
    with (
        exclusive(f"{s3}/.davis-train.lock"),
        pytest.raises(VsdaError, match=r"davis-train\.lock: another process is writing here"),
    ):
        run(root, s3)


def test_a_run_that_lost_its_lease_publishes_nothing(root, s3, monkeypatch):
    from vsda.prepare import run as run_module

    real_finished = run_module.finished

    def finished(task):
        write_atomic(f"{s3}/.davis-train.lock", b"{}")
        return real_finished(task)

    monkeypatch.setattr(run_module, "finished", finished)
    with pytest.raises(VsdaError, match="somebody has taken over"):
        run(root, s3)
    assert list_names(s3) == [".davis-train.lock", ".davis-train.part"]


def test_a_bucket_that_is_missing_is_told_before_any_work(root, s3):
    with pytest.raises(VsdaError, match=r"s3://none/x/.*: cannot be written: .*; make the bucket"):
        run(root, "s3://none/x")


@pytest.mark.parametrize("out", [Path("s3://bucket/x"), "s3:/bucket/x"])
def test_a_url_with_one_slash_is_no_folder(root, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="s3:/bucket/x: neither a folder nor a URL such as s3://"):
        run(root, out)
    assert list(tmp_path.iterdir()) == []


def test_the_command_and_its_workers_write_to_a_url_whose_sets_are_verified_there(
    root, local, s3, vsda
):
    line = vsda(
        *("prepare", "davis", "--root", root, "--split", "train", "--shard-mb", "1"),
        *("--workers", "2", "--out", s3),
        code=3,
    )
    assert line.stdout.endswith(f"  {s3}/{INDEX}\n")
    assert s3_objects(s3) == local
    assert verify(open_set(s3)) == []


KILLED_AT = """
import os, signal, sys
sys.modules["torch"] = None
from pathlib import Path
import s3fs
from vsda.prepare import PrepareOptions, prepare
left = [int(sys.argv[3])]
real_call = s3fs.S3FileSystem._call_s3
async def call(self, method, *arguments, **named):
    left[0] -= method in ("put_object", "copy_object", "delete_object", "delete_objects")
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return await real_call(self, method, *arguments, **named)
s3fs.S3FileSystem._call_s3 = call
prepare("davis", PrepareOptions(
    root=Path(sys.argv[1]), out=sys.argv[2], split="train", shard_mb=1, num_workers=1))
print("made", left[0])
"""
"""Ends itself before its n-th request that changes something: 31 of them make the set."""
NUM_CHANGES = 32


def run_and_kill(root, out, change):
    """Run `prepare` in a process of its own; returns how many changes it had left, 0 if killed."""
    command = [sys.executable, "-c", KILLED_AT, str(root), out, str(change)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode == -signal.SIGKILL:
        return 0
    assert process.returncode == 0, process.stderr
    return int(process.stdout.split()[-1])


def check_published_set_is_whole(out):
    """A set whose index is there is whole, whatever lies in the staging folder beside it."""
    if INDEX in list_names(out):
        kept = {".davis-train.part", ".davis-train.lock"}
        assert [row for row in verify(open_set(out)) if row.shard not in kept] == []


def test_the_changes_that_make_a_set_are_counted(root, s3):
    assert 1000 - run_and_kill(root, s3, 1000) == NUM_CHANGES


@pytest.mark.parametrize(
    "change",
    [
        *sorted(random.Random(0).sample(range(2, NUM_CHANGES + 1), 2)),
        *(pytest.param(change, marks=pytest.mark.slow) for change in range(1, NUM_CHANGES + 1)),
    ],
)
def test_a_run_killed_before_any_change_is_mended_by_the_next(root, local, s3, change):
    assert run_and_kill(root, s3, change) == 0
    check_published_set_is_whole(s3)
    run(root, s3)
    assert s3_objects(s3) == local


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_finished_shards(root, s3):
    run_and_kill(root, s3, 10)
    done = _finished(s3)
    assert len(done) == 2
    time.sleep(1)  # S3 tells whole seconds
    run_and_kill(root, s3, 10)
    assert len(_finished(s3)) == 4
    assert done.items() <= _finished(s3).items()


def test_a_run_killed_while_it_publishes_makes_no_shard_again(root, local, s3, monkeypatch):
    run_and_kill(root, s3, 24)
    assert INDEX not in list_names(s3)
    assert any(name.startswith("davis-train-0") for name in list_names(s3))
    from vsda.prepare import task as task_module

    monkeypatch.setattr(task_module, "write_shard", None)
    run(root, s3)
    assert s3_objects(s3) == local


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_run_killed_at_random_times_is_mended_by_the_next(root, local, s3, seed):
    rng = random.Random(seed)
    command = [
        *(sys.executable, "-m", "vsda", "prepare", "davis", "--root", str(root), "--out", s3),
        *("--split", "train", "--shard-mb", "1", "--workers", str(1 + seed % 3)),
    ]
    for _ in range(6):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.6, 3))
        process.kill()
        process.wait()
        check_published_set_is_whole(s3)
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 3
    assert s3_objects(s3) == local
