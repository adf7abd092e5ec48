"""Resize, merge and split read from and write to fsspec URLs; the bytes are those of folders."""

import errno

import fsspec
import pytest

from tests.places import memory  # noqa: F401  fixture
from tests.shards.frames import copy_files, frame, make_set
from tests.toolbox.scenes import ONE, make_scenes
from vsda.engine.run import Workers
from vsda.errors import ShardError, UsageError, VsdaError
from vsda.shards.index import open_set, open_sets
from vsda.shards.verify import verify
from vsda.storage import exclusive, list_names, read_bytes, remove, write_atomic
from vsda.toolbox import run as run_module
from vsda.toolbox.merge import merge_sets
from vsda.toolbox.resize import resize_sets
from vsda.toolbox.smaller import Resize
from vsda.toolbox.split import Parts, split_set

SMALL = Resize(short_side_px=16)


def resize(source, out, workers=ONE):
    return resize_sets([str(source)], out, SMALL, workers=workers)


def merge(source, out, workers=ONE):
    return [merge_sets([str(source)], out, "all", workers=workers)]


def split(source, out, workers=ONE):
    parts = Parts(shares="train=0.5,val=0.5")
    return split_set(f"{source}/davis-train", out, parts, workers=workers)


@pytest.fixture
def source(tmp_path):
    make_scenes(tmp_path / "in")
    make_set(tmp_path / "in", [[frame(0, "cows")]], name="more")
    return tmp_path / "in"


def files(folder):
    """Return the content of what lies in a folder or URL, by its name; not the card."""
    return {
        name: read_bytes(f"{folder}/{name}") for name in list_names(folder) if name != "README.md"
    }


@pytest.mark.parametrize("kind", ["memory", "s3"])
@pytest.mark.parametrize("tool", [resize, merge, split])
def test_urls_get_and_give_the_bytes_of_folders(tool, kind, source, tmp_path, memory, s3):  # noqa: F811
    url = {"memory": memory, "s3": s3}[kind]
    tool(source, tmp_path / "out")
    copy_files(source, f"{url}/in")
    made = tool(f"{url}/in", f"{url}/out")
    assert files(f"{url}/out") == files(tmp_path / "out")
    assert all(str(one.place).startswith(f"{url}/out/") for one in made)
    for shard_set in open_sets(f"{url}/out"):
        assert verify(shard_set) == []
    assert all(one.up_to_date for one in tool(f"{url}/in", f"{url}/out"))


def test_a_set_may_go_from_a_url_to_a_folder_and_back(source, tmp_path, s3):
    copy_files(source, f"{s3}/in")
    resize(source, tmp_path / "a")
    resize(f"{s3}/in", tmp_path / "b")
    resize(source, f"{s3}/c")
    assert files(tmp_path / "a") == files(tmp_path / "b") == files(f"{s3}/c")


def test_worker_processes_write_the_same_to_s3(source, tmp_path, s3):
    resize(source, tmp_path / "out")
    resize(source, f"{s3}/out", Workers(num_workers=2))
    assert files(f"{s3}/out") == files(tmp_path / "out")


def test_the_folder_of_the_source_is_refused(source, s3):
    copy_files(source, s3)
    with pytest.raises(UsageError, match="davis-train: the new set would take its place"):
        resize(s3, f"{s3}/")
    with pytest.raises(UsageError, match="davis-train: the new set would take its place"):
        resize(source, f"file://{source}")


@pytest.mark.parametrize("tool", [resize, merge, split])
def test_a_damaged_source_publishes_nothing(tool, source, s3):
    copy_files(source, f"{s3}/in")
    tar = read_bytes(f"{s3}/in/davis-train-000001.tar")
    write_atomic(f"{s3}/in/davis-train-000001.tar", tar[:600] + b"x" + tar[601:])
    with pytest.raises(ShardError, match=r"davis-train-000001\.tar: its hash is not the one"):
        tool(f"{s3}/in", f"{s3}/out")
    assert not [name for name in list_names(f"{s3}/out") if not name.startswith(".")]


def test_a_run_that_stopped_goes_on_from_its_finished_shards(source, tmp_path, s3):
    copy_files(source, f"{s3}/in")
    tar = read_bytes(f"{s3}/in/davis-train-000002.tar")
    remove(f"{s3}/in/davis-train-000002.tar")
    with pytest.raises(ShardError, match=r"davis-train-000002\.tar: missing"):
        resize(f"{s3}/in/davis-train", f"{s3}/out")
    done = _written(f"{s3}/out/.davis-train.part")
    assert len(done) == 7  # settings; tar, idx and result of two shards
    write_atomic(f"{s3}/in/davis-train-000002.tar", tar)
    resize(source / "davis-train", tmp_path / "out")
    # the source is the same set, wherever it lies
    resize(source / "davis-train", f"{s3}/out")
    assert files(f"{s3}/out") == files(tmp_path / "out")
    assert verify(open_set(f"{s3}/out")) == []


def _written(folder):
    filesystem, inner = fsspec.core.url_to_fs(folder, use_listings_cache=False)
    return [row["name"] for row in filesystem.ls(inner, detail=True)]


def test_a_second_writer_is_told(source, s3):
    with (
        exclusive(f"{s3}/out/.davis-train.lock"),
        pytest.raises(VsdaError, match=r"davis-train\.lock: another process is writing here"),
    ):
        resize(source, f"{s3}/out")


def test_a_run_that_lost_its_lease_publishes_nothing(source, s3, monkeypatch):
    real_finished = run_module.finished

    def finished(task):
        write_atomic(f"{s3}/.more.lock", b"{}")
        return real_finished(task)

    monkeypatch.setattr(run_module, "finished", finished)
    with pytest.raises(VsdaError, match="somebody has taken over"):
        resize(source / "more", s3)
    assert list_names(s3) == [".more.lock", ".more.part"]


def test_a_bucket_that_is_missing_is_told(source):
    with pytest.raises(VsdaError):
        resize(source, "s3://none/x")


def test_a_full_disk_is_told_and_what_is_finished_is_kept(source, tmp_path):
    resize(source, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", _FullAfter(9))
        with pytest.raises(VsdaError, match="No space left on device"):
            resize(source, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.index.json"))
    resize(source, tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


class _FullAfter:
    """Flushes so many files, then says what a full disk says."""

    def __init__(self, num_files):
        self.left = num_files

    def __call__(self, handle):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
