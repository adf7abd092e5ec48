"""Sets of shards in an object store: written, listed, verified, drawn and read there."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.made_sets import make_images
from tests.s3 import s3_objects
from tests.shards.frames import copy_files, flipped, frame
from tests.shards.test_read import _Rows, written
from vsda.errors import ShardError, VsdaError
from vsda.shards.index import open_set
from vsda.shards.read import RandomAccessShards, iterate_samples
from vsda.shards.verify import Kind, verify
from vsda.shards.write import write_shard
from vsda.storage import remove, write_atomic

TAR = "davis-train-000001.tar"


@pytest.fixture
def remote(davis, s3):
    """The set `davis` on S3."""
    copy_files(davis.folder, s3)
    return open_set(s3)


class TestWrite:
    @pytest.mark.parametrize("kind", ["memory", "file-url", "s3"])
    def test_a_shard_has_the_bytes_and_facts_of_a_local_one(self, kind, tmp_path, memory, s3):
        from vsda.storage import read_bytes

        folder = {"memory": memory, "file-url": f"file://{tmp_path}/url", "s3": s3}[kind]
        samples = [frame(0), frame(1, seg=None, inst=None)]
        local = write_shard(tmp_path / "davis-train-000000.tar", samples)
        assert write_shard(f"{folder}/davis-train-000000.tar", samples) == local
        for name in (local.url, local.idx_url):
            assert read_bytes(f"{folder}/{name}") == (tmp_path / name).read_bytes()

    def test_a_shard_that_fails_leaves_nothing_and_names_its_url(self, s3):
        with pytest.raises(ShardError, match=f"{s3}/a.tar: the key .* comes twice"):
            write_shard(f"{s3}/a.tar", [frame(0), frame(0)])
        assert s3_objects(s3) == {}

    def test_nothing_has_its_final_name_before_all_samples_are_there(self, s3):
        def watched():
            for number in range(3):
                assert s3_objects(s3) == {}
                yield frame(number)

        write_shard(f"{s3}/a.tar", watched())
        assert sorted(s3_objects(s3)) == ["a.idx", "a.tar"]

    def test_a_missing_bucket_is_told(self, s3):
        with pytest.raises(VsdaError, match=r"s3://none/a\.tar: cannot be written: "):
            write_shard("s3://none/a.tar", [frame(0)])


class TestRead:
    def test_samples_come_in_order(self, remote):
        assert [row.jpg for row in iterate_samples(remote)] == [row.jpg for row in written()]

    @pytest.mark.parametrize("start", ["fork", "spawn"])
    def test_worker_processes_read_the_same(self, remote, start):
        data = pytest.importorskip("torch.utils.data")
        rows = _Rows(RandomAccessShards(remote))
        assert rows[0] == written()[0].jpg  # this process has a connection, too
        loader = data.DataLoader(
            rows, batch_size=None, num_workers=2, multiprocessing_context=start, timeout=60
        )
        assert list(loader) == [sample.jpg for sample in written()]


class TestVerify:
    def test_a_sound_set_has_no_problem(self, remote):
        assert verify(remote) == []

    def test_each_damage_is_found(self, remote, davis):
        data = (Path(davis.folder) / TAR).read_bytes()
        for damage, kind in [(data[:-512], Kind.CUT), (flipped(data, 5000), Kind.CHANGED)]:
            write_atomic(remote.place(TAR), damage)
            assert [(row.shard, row.kind) for row in verify(remote)] == [(TAR, kind)]
        remove(remote.place(TAR))
        write_atomic(remote.place("davis-train-000009.tar"), b"")
        write_atomic(remote.place(".davis-train.part/settings.json"), b"{}")
        assert {(row.shard, row.kind) for row in verify(remote)} == {
            (TAR, Kind.MISSING),
            ("davis-train-000009.tar", Kind.EXTRA),
            (".davis-train.part", Kind.LEFTOVER),
        }


class TestCommands:
    def test_the_commands_work_on_a_url(self, remote, s3, vsda, tmp_path):
        (row,) = json.loads(vsda("shards", "list", s3, "--json").stdout)
        assert (row["name"], row["num_shards"], row["num_samples"]) == ("davis-train", 3, 6)
        assert vsda("shards", "verify", f"{s3}/davis-train").stdout == (
            "davis-train: whole, 6 samples in 3 shards\n"
        )
        assert "settings: remap coco" in vsda("shards", "stats", s3).stdout
        vsda("shards", "show", s3, "--out", "sheet.png")
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert sheet.width > 100

    def test_an_empty_folder_is_one_line_on_stderr(self, s3, vsda):
        stderr = vsda("shards", "list", s3, code=1).stderr
        assert stderr.startswith(f"vsda: {s3}: no shards here")
        assert stderr.count("\n") == 1

    def test_a_server_that_cannot_be_reached_is_one_line_on_stderr(self, vsda, s3):
        stderr = vsda(
            "shards", "list", "s3://b/x", code=1, AWS_ENDPOINT_URL="http://127.0.0.1:9"
        ).stderr
        assert stderr.startswith("vsda: s3://b/x.index.json: cannot be read: Could not connect")
        assert stderr.count("\n") == 1


@pytest.mark.slow
def test_a_network_is_trained_on_a_set_in_an_object_store(tmp_path, s3, vsda):
    make_images(tmp_path / "local")
    copy_files(tmp_path / "local", s3)
    settings = ("steps=2", "size_px=32", "batch_images=2", "workers=1")
    given = [word for setting in settings for word in ("--set", setting)]
    vsda("train", "swin-images", "--images", s3, "--run", "run", *given)
    assert list((tmp_path / "run").glob("*"))
