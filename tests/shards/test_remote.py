"""Sets on URLs: samples asked for many at once, kept in a cache, and always the right ones."""

import os
import pickle
import random
import shutil
import threading
import time
from pathlib import Path

import fsspec
import pytest

from tests.shards.frames import copy_files, flipped, frame, make_set
from tests.troubled import short_pauses, troubled  # noqa: F401  fixtures
from vsda.errors import ShardError, VsdaError
from vsda.shards.cache import Cache
from vsda.shards.index import open_set
from vsda.shards.read import RandomAccessShards

ALL = ("jpg", "json", "seg.png", "inst.png")
NUM = 24
JPG = 300_000
"""So many bytes that only neighbours are one read."""


@pytest.fixture
def made(tmp_path):
    """Three shards of eight frames that are far apart."""
    rng = random.Random(0)
    shards = [
        [frame(number, name, jpg=rng.randbytes(JPG)) for number in range(NUM // 3)]
        for name in ("bear", "cows", "dog")
    ]
    return make_set(tmp_path / "made", shards)


@pytest.fixture
def server(made, troubled, short_pauses):  # noqa: F811
    return troubled(made.folder)


@pytest.fixture
def remote(server):
    return open_set(f"{server.url}/davis-train")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", 1 << 30)


def truth(made, fields=ALL):
    shards = RandomAccessShards(made)
    return {position: shards.read(position, fields) for position in range(NUM)}


def everything(fields=ALL):
    return dict.fromkeys(range(NUM), fields)


def tars_asked(server):
    return [row for row in server.requests if row[1].endswith(".tar") and row[0] == "GET"]


class TestTogether:
    def test_the_samples_of_a_batch_are_asked_for_at_the_same_time(self, made, server, remote):
        shards = RandomAccessShards(remote)
        shards.entry(0)
        server.meeting = threading.Barrier(11)  # 8 pieces and their 3 tars' sizes
        wanted = dict.fromkeys((0, 2, 4, 9, 11, 17, 19, 21), ALL)
        assert shards.read_several(wanted) == {p: truth(made)[p] for p in wanted}

    def test_prefetched_samples_are_had_one_by_one(self, made, server, remote):
        shards = RandomAccessShards(remote)
        server.meeting = threading.Barrier(11)
        positions = (21, 0, 2, 4, 9, 11, 17, 19)
        shards.prefetch(positions, ALL)
        for position in positions:
            assert shards.read(position, ALL) == truth(made)[position]
        assert len(tars_asked(server)) == 8

    def test_the_tables_of_all_shards_are_asked_for_at_the_same_time(self, server, remote):
        server.hits = lambda method, path: path.endswith(".idx")
        server.meeting = threading.Barrier(3)
        assert list(RandomAccessShards(remote).positions_with("jpg")) == list(range(NUM))

    def test_neighbours_that_were_prefetched_are_one_request(self, tmp_path, troubled):  # noqa: F811
        small = make_set(tmp_path / "small", [[frame(number) for number in range(9)]])
        server = troubled(small.folder)
        shards = RandomAccessShards(open_set(f"{server.url}/davis-train"))
        shards.prefetch(range(9), ("jpg",))
        for position in range(9):
            assert shards.read(position, ("jpg",)) == {"jpg": frame(position).jpg}
        assert len(tars_asked(server)) == 1

    def test_what_was_not_prefetched_is_read_all_the_same(self, made, remote):
        shards = RandomAccessShards(remote)
        shards.prefetch((1, 2), ("jpg",))
        assert shards.read(1, ("seg.png",)) == truth(made, ("seg.png",))[1]
        assert shards.read(3, ("jpg",)) == truth(made, ("jpg",))[3]
        shards.prefetch([4], ("jpg",))
        for position in (2, 4, 4):
            assert shards.read(position, ("jpg",)) == truth(made, ("jpg",))[position]
        for field in ("inst.png", "seg.png"):  # before and behind what was prefetched
            assert shards.read(4, (field,)) == truth(made, (field,))[4]

    def test_a_sample_that_cannot_be_read_is_no_error_before_it_is(self, made, server, remote):
        os.truncate(f"{made.folder}/davis-train-000001.tar", 5000)
        shards = RandomAccessShards(remote)
        shards.prefetch((1, 9, 17), ("jpg",))
        assert shards.read(17, ("jpg",))
        shards.prefetch((1, 9, 17), ("depth",))
        with pytest.raises(ShardError, match=r"has no depth; it has inst\.png, jpg, json"):
            shards.read(1, ("depth",))
        with pytest.raises(ShardError, match=r"000001\.tar: 5000 bytes, its index says"):
            shards.read(9, ("jpg",))
        assert shards.read(1, ("jpg",))

    def test_fields_that_only_some_samples_have_are_prefetched_where_they_are(
        self,
        tmp_path,
        troubled,  # noqa: F811
    ):
        frames = [frame(0), frame(1, seg=None), frame(2)]
        server = troubled(make_set(tmp_path / "some", [frames]).folder)
        shards = RandomAccessShards(open_set(f"{server.url}/davis-train"))
        shards.prefetch((2, 1, 0), ("jpg",), optional=("seg.png", "depth"))
        assert list(shards.read(1, ("jpg",))) == ["jpg"]
        for position in (0, 2):
            assert list(shards.read(position, ("jpg", "seg.png"))) == ["jpg", "seg.png"]
        assert len(tars_asked(server)) == 1

    def test_a_fork_and_a_pickle_do_not_wait_for_what_their_parent_asked(
        self, made, server, remote
    ):
        data = pytest.importorskip("torch.utils.data")
        shards = RandomAccessShards(remote)
        server.hits = lambda method, path: path.endswith(".tar") and method == "GET"
        server.troubles = ["hang"] * 3
        shards.prefetch(range(NUM), ALL)
        while server.troubles:
            time.sleep(0.01)
        assert pickle.loads(pickle.dumps(shards)).read(3, ALL) == truth(made)[3]
        loader = data.DataLoader(
            _Rows(shards), None, num_workers=2, multiprocessing_context="fork", timeout=20
        )
        assert list(loader) == list(truth(made).values())

    def test_on_this_machine_there_is_nothing_to_prefetch(self, made):
        shards = RandomAccessShards(made)
        shards.prefetch(range(NUM), ("depth",))
        assert shards.read_several(everything()) == truth(made)


class _Rows:
    def __init__(self, shards):
        self.shards = shards

    def __len__(self):
        return NUM

    def __getitem__(self, position):
        return self.shards.read(position, ALL)


class TestCache:
    def test_what_is_kept_is_not_asked_for_again(self, made, server, remote, cache):
        RandomAccessShards(remote, cache=cache).read_several(everything())
        before = len(server.requests)
        again = RandomAccessShards(remote, cache=cache)
        again.prefetch(range(NUM), ALL)
        assert again.read_several(everything()) == truth(made)
        assert [again.read(position, ALL) for position in range(NUM)] == [*truth(made).values()]
        assert len(server.requests) == before

    def test_it_is_shared_by_sets_at_other_places_with_the_same_bytes(
        self, made, remote, memory, cache
    ):
        RandomAccessShards(remote, cache=cache).read_several(everything())
        copy_files(made.folder, memory)
        moved = open_set(memory)
        for path in Path(made.folder).glob("*0*"):
            fsspec.filesystem("memory").rm(f"{memory}/{path.name}")
        assert RandomAccessShards(moved, cache=cache).read_several(everything()) == truth(made)

    @pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
    @pytest.mark.parametrize("max_bytes", [1 << 30, 16 * 320_000])
    def test_any_order_of_any_fields_gives_the_same_bytes_whatever_is_kept(
        self, made, remote, tmp_path, share, max_bytes
    ):
        cache, rng = Cache(tmp_path / "cache", max_bytes, share), random.Random(1)
        local, shards = RandomAccessShards(made), RandomAccessShards(remote, cache=cache)
        for _ in range(15):
            fields = tuple(rng.sample(ALL, rng.randint(1, 4)))
            wanted = dict.fromkeys(rng.sample(range(NUM), 5), fields)
            if rng.random() < 0.7:
                shards.prefetch(list(wanted)[rng.randint(0, 2) :], fields)
            assert shards.read_several(wanted) == local.read_several(wanted)

    def test_only_its_share_is_kept(self, remote, tmp_path):
        cache = Cache(tmp_path / "cache", 1 << 30, share=0.5)
        RandomAccessShards(remote, cache=cache).read_several(everything())
        kept = list(cache.folder.glob("*/*-*"))
        assert 5 < len(kept) < NUM - 5
        assert len(list(cache.folder.glob("*/*.idx"))) == 3

    def test_a_set_that_was_made_anew_never_gets_bytes_of_the_old_one(
        self, made, server, remote, cache
    ):
        RandomAccessShards(remote, cache=cache).read_several(everything())
        rng = random.Random(7)
        shards = [
            [frame(number, name, jpg=rng.randbytes(JPG)) for number in range(NUM // 3)]
            for name in ("bear", "cows", "dog")
        ]
        other = make_set(made.folder, shards)
        found = RandomAccessShards(open_set(f"{server.url}/davis-train"), cache=cache)
        assert found.read_several(everything()) == truth(other)

    def test_a_damaged_piece_is_read_from_its_server_again(self, made, server, remote, cache):
        RandomAccessShards(remote, cache=cache).read_several(everything())
        rng = random.Random(2)
        for path in cache.folder.glob("*/*-*"):
            data = path.read_bytes()
            path.write_bytes(flipped(data, rng.randrange(8 * len(data))))
        for path in cache.folder.glob("*/*.idx"):
            path.write_bytes(path.read_bytes()[:-1])
        before = len(tars_asked(server))
        shards = RandomAccessShards(remote, cache=cache)
        assert shards.read_several(everything()) == truth(made)
        assert len(tars_asked(server)) == before + 3
        assert shards.read_several(everything()) == truth(made)
        assert len(tars_asked(server)) == before + 3

    def test_a_changed_tar_is_not_kept(self, made, remote, cache):
        with Path(made.folder, "davis-train-000000.tar").open("r+b") as file:
            file.write(b"other")
        shards = RandomAccessShards(remote, cache=cache)
        with pytest.raises(ShardError, match=r"is not where the \.idx says, so the tar was"):
            shards.read(0, ALL)
        assert not list(cache.folder.glob("*/*-*"))

    def test_who_wants_hashes_gets_nothing_from_the_cache(self, made, remote, cache):
        RandomAccessShards(remote, cache=cache).read_several(everything())
        with Path(made.folder, "davis-train-000000.tar").open("r+b") as file:
            file.seek(JPG)
            file.write(b"other")
        assert RandomAccessShards(remote, cache=cache).read(0, ALL)
        with pytest.raises(ShardError, match=r"000000\.tar: its hash is not the one in the index"):
            RandomAccessShards(remote, hashed=True, cache=cache).read(0, ALL)

    def test_a_cache_that_cannot_be_written_is_gone_without(self, made, remote, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        shards = RandomAccessShards(remote, cache=Cache(tmp_path / "file" / "cache", 1 << 30))
        shards.prefetch(range(NUM), ALL)
        assert shards.read_several(everything()) == truth(made)

    def test_several_processes_fill_and_read_one_cache(self, made, remote, tmp_path):
        data = pytest.importorskip("torch.utils.data")
        cache = Cache(tmp_path / "cache", 16 * 1_000_000)
        rows = _Rows(RandomAccessShards(remote, cache=cache))
        for _ in range(2):
            loader = data.DataLoader(rows, batch_size=None, num_workers=2)
            assert list(loader) == list(truth(made).values())


class TestTroubles:
    @pytest.mark.parametrize("trouble", [503, "drop", "cut", "short"])
    def test_a_server_that_fails_for_a_while_costs_nothing_but_time(
        self, made, server, remote, trouble
    ):
        server.hits = lambda method, path: path.endswith(".tar") and method == "GET"
        server.troubles = [trouble] * 3
        assert RandomAccessShards(remote).read(3, ALL) == truth(made)[3]
        assert not server.troubles

    def test_a_server_that_stays_in_trouble_is_told(self, server, remote):
        server.lasting = 503
        with pytest.raises(VsdaError, match=r"\.tar: cannot be read: 503, .*; check its address"):
            RandomAccessShards(remote).read(3, ALL)

    def test_answers_that_stay_short_are_told(self, server, remote):
        server.hits = lambda method, path: path.endswith(".tar") and method == "GET"
        server.lasting = "short"
        with pytest.raises(ShardError, match=r"\.tar: asked for \d+ bytes at \d+, got \d+"):
            RandomAccessShards(remote).read(3, ALL)

    def test_a_server_that_ignores_ranges_is_told(self, server, remote):
        server.lasting = "whole"
        with pytest.raises(ShardError, match="or its server ignores ranges"):
            RandomAccessShards(remote).read(3, ALL)

    @pytest.mark.parametrize("name", ["davis-train-000001.tar", "davis-train-000001.idx"])
    def test_a_missing_file_is_named_with_what_mends_it(self, made, server, remote, name):
        server.folder = shutil.copytree(made.folder, f"{made.folder}-less")
        Path(server.folder, name).unlink()
        shards = RandomAccessShards(remote)
        shards.prefetch(range(NUM), ALL)
        message = f"{name}: missing; `vsda shards repair` mends the set"
        with pytest.raises(ShardError, match=message):
            shards.read(9, ALL)
        assert shards.read(17, ALL) == truth(made)[17]

    def test_a_tar_that_is_mended_meanwhile_is_read(self, made, server, remote):
        shards = RandomAccessShards(remote)
        shards.entry(0)
        server.lasting = 404
        with pytest.raises(ShardError, match="missing"):
            shards.read(0, ALL)
        server.lasting = None
        assert shards.read(0, ALL) == truth(made)[0]
