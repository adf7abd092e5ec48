"""The cache keeps bytes, never more than it may, whatever happens to processes, disk and files."""

import fcntl
import hashlib
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shards.frames import flipped
from vsda.errors import UsageError, VsdaError
from vsda.shards import cache as module
from vsda.shards.cache import Cache, cache_of

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


@pytest.fixture
def cache(tmp_path):
    module._tell.cache_clear()
    return Cache(tmp_path / "cache", 64 * MIB)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own of 256 KiB."""
    mount, folder = shutil.which("mount"), tmp_path / "disk"
    folder.mkdir()
    command = [str(mount), "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def piece(number, size=30_000):
    """The bytes that belong to the name `number`."""
    return random.Random(number).randbytes(size)


def fill(cache, numbers, **options):
    for number in numbers:
        cache.put(str(number), piece(number, **options))


def held(cache, numbers, **options):
    """Return which pieces are there; each that is has to be the right one."""
    found = {number: cache.get(str(number)) for number in numbers}
    assert all(data in (None, piece(number, **options)) for number, data in found.items())
    return [number for number, data in found.items() if data is not None]


def disk_bytes(cache):
    """Return what the files of a cache take, whatever they are."""
    sizes = []
    for folder, _, names in os.walk(cache.folder):
        for name in names:
            try:
                sizes.append(Path(folder, name).stat().st_size)
            except FileNotFoundError:  # evicted in between
                continue
    return sum(-(-size // 4096) * 4096 for size in sizes if size != 20)  # without the counters


class TestPieces:
    def test_what_was_kept_is_had(self, cache):
        assert cache.get("a") is None
        assert not cache.holds("a")
        for name, data in [("a", b""), ("b", b"x"), ("c", piece(0))]:
            cache.put(name, data)
            assert cache.holds(name)
            assert cache.get(name) == data

    def test_another_process_has_it_too(self, cache):
        cache.put("a", b"data")
        again = "import pickle, sys; print(pickle.load(sys.stdin.buffer).get('a').decode())"
        command, stdin = [sys.executable, "-c", again], pickle.dumps(cache)
        child = subprocess.run(command, cwd=ROOT, input=stdin, stdout=subprocess.PIPE, check=True)
        assert child.stdout == b"data\n"

    def test_the_first_of_two_that_keep_one_piece_stays_and_counts_once(self, cache):
        for _ in range(200):
            cache.put("a", b"data")
        assert sum(map(int, (path.read_bytes() for path in counters(cache)))) == 4096

    def test_a_piece_that_is_larger_than_a_bin_is_not_kept(self, tmp_path):
        cache = Cache(tmp_path / "cache", 16 * 8192)
        cache.put("a", bytes(9000))
        cache.put("b", bytes(5000))
        assert (cache.get("a"), cache.get("b")) == (None, bytes(5000))


def counters(cache):
    return sorted(cache.folder.glob("*/.bytes"))


def started(work, *arguments):
    """Start a process that calls `work`."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


class TestBound:
    def test_a_cache_far_smaller_than_the_data_never_has_more_than_it_may(self, tmp_path):
        cache = Cache(tmp_path / "cache", 2 * MIB)
        for number in range(200):
            fill(cache, [number])
            assert disk_bytes(cache) <= 2 * MIB
        assert len(held(cache, range(200))) > 40

    def test_what_was_used_last_stays(self, tmp_path):
        cache = Cache(tmp_path / "cache", 4 * MIB)
        fill(cache, range(50))
        for number in range(50, 300):
            assert held(cache, range(5)) == list(range(5))
            fill(cache, [number])
        assert len(held(cache, range(5, 50))) < 10

    def test_a_smaller_bound_than_before_is_kept_from_then_on(self, cache):
        fill(cache, range(200))
        fill(Cache(cache.folder, 2 * MIB), range(200, 400))
        assert disk_bytes(cache) <= 2 * MIB

    @pytest.mark.parametrize("content", [b"", b"7", b"x" * 20, b"0" * 20, b"9" * 20, b"-1"])
    def test_a_damaged_counter_is_put_right(self, tmp_path, content):
        cache = Cache(tmp_path / "cache", 2 * MIB)
        fill(cache, range(30))
        for path in counters(cache):
            path.write_bytes(content)
        fill(cache, range(30, 200))
        assert disk_bytes(cache) <= 2 * MIB * 2
        fill(cache, range(200, 300))
        assert disk_bytes(cache) <= 2 * MIB
        assert held(cache, range(300))

    def test_of_data_that_does_not_fit_a_share_stays_whatever_the_order(self, tmp_path):
        numbers, rng, all_bytes = list(range(800)), random.Random(0), 800 * 4096
        found = {}
        for name in ("as it comes", "a share"):
            cache = Cache(tmp_path / name, all_bytes // 2)
            cache = cache.for_data(all_bytes) if name == "a share" else cache
            for _ in range(3):
                rng.shuffle(numbers)
                found[name] = 0
                for number in numbers:
                    found[name] += len(held(cache, [number], size=900))
                    if cache.takes(str(number)):
                        fill(cache, [number], size=900)
        assert found["as it comes"] < 0.2 * 800
        assert found["a share"] > 0.38 * 800

    def test_data_that_fits_is_kept_whole(self, cache):
        assert cache.for_data(MIB).share == 1
        assert all(cache.for_data(MIB).takes(str(number)) for number in range(500))


class TestProcesses:
    def test_several_at_once_get_the_right_bytes_and_keep_the_bound(self, tmp_path):
        cache = Cache(tmp_path / "cache", 2 * MIB)
        processes = [started(_get_or_put, cache, seed) for seed in range(3)]
        while any(process.is_alive() for process in processes):
            assert disk_bytes(cache) <= 2 * MIB
            time.sleep(0.01)
        assert [process.exitcode for process in processes] == [0] * 3

    def test_killed_writers_leave_neither_half_a_piece_nor_more_than_the_bound(self, tmp_path):
        cache, rng = Cache(tmp_path / "cache", 4 * MIB), random.Random(5)
        for _ in range(12):
            processes = [started(_put_for_ever, cache) for _ in range(2)]
            time.sleep(0.1 + 0.1 * rng.random())
            for process in processes:
                process.kill()
                process.join()
            assert disk_bytes(cache) <= 4 * MIB
            held(cache, range(150))
        fill(cache, range(300))
        assert disk_bytes(cache) <= 4 * MIB
        assert len(held(cache, range(300))) > 60

    def test_a_writer_that_is_killed_between_counter_and_piece_counts_too_much(
        self, cache, monkeypatch
    ):
        def killed(*arguments):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                cache.put("a", b"data")
        assert [int(path.read_bytes()) for path in counters(cache)] == [4096]
        assert cache.get("a") is None
        cache.put("a", b"data")
        assert cache.get("a") == b"data"

    def test_a_process_that_is_stopped_while_it_writes_keeps_nobody(
        self, cache, monkeypatch, caplog
    ):
        monkeypatch.setattr(module, "_LOCK_S", 0.1)
        cache.put("a", b"data")
        (counter,) = counters(cache)
        with counter.open() as stopped:
            fcntl.flock(stopped, fcntl.LOCK_EX)
            path, _ = cache._place("a")
            path.unlink()
            cache.put("a", b"data")
        assert cache.get("a") is None
        assert "cannot be written to: " in caplog.text
        assert ".bytes stays locked; what is missing there is read from its server" in caplog.text
        cache.put("a", b"data")
        assert cache.get("a") == b"data"

    def test_a_child_that_is_forked_while_a_bin_is_locked_does_not_keep_the_lock(self, tmp_path):
        path = tmp_path / "lock"
        with module._locked(path):
            child = os.fork()
            if not child:
                time.sleep(60)
                os._exit(0)
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _get_or_put(cache, seed):
    rng = random.Random(seed)
    for _ in range(800):
        number = rng.randrange(120)
        if not held(cache, [number]):
            fill(cache, [number])


def _put_for_ever(cache):
    while True:
        fill(cache, range(150))


class TestDamage:
    def test_a_piece_with_any_damage_is_noticed_told_and_kept_anew(self, cache, caplog):
        cache.put("a", b"some data")
        path, _ = cache._place("a")
        whole = path.read_bytes()
        damages = [flipped(whole, bit) for bit in range(8 * len(whole))]
        damages += [whole[:size] for size in range(len(whole))] + [whole + b"\0", bytes(41)]
        for damaged in damages:
            path.write_bytes(damaged)
            assert cache.get("a") is None
            assert not cache.holds("a")
        assert f"{path}: was damaged; it is read from its server again" in caplog.text
        cache.put("a", b"some data")
        assert cache.get("a") == b"some data"

    def test_the_file_of_another_piece_is_damage(self, cache):
        cache.put("a", b"data a")
        cache.put("b", b"data b")
        cache._place("a")[0].replace(cache._place("b")[0])
        assert cache.get("b") is None

    def test_bytes_are_never_run(self, cache, tmp_path):
        class Harm:
            def __reduce__(self):
                return (Path.touch, (tmp_path / "harm",))

        cache.put("a", b"data")
        cache._place("a")[0].write_bytes(pickle.dumps(Harm()))
        assert cache.get("a") is None
        cache.put("a", pickle.dumps(Harm()))
        assert cache.get("a") == pickle.dumps(Harm())
        assert not (tmp_path / "harm").exists()

    def test_a_folder_that_is_deleted_meanwhile_is_made_anew(self, cache):
        cache.put("a", b"data")
        shutil.rmtree(cache.folder)
        assert cache.get("a") is None
        cache.put("a", b"data")
        assert cache.get("a") == b"data"


class TestDisk:
    def test_on_a_full_disk_it_goes_on_without_and_says_so_once(
        self, small_disk, monkeypatch, caplog
    ):
        monkeypatch.setattr(module, "SPARE_BYTES", -(1 << 40))  # as if others filled it just now
        cache = Cache(small_disk / "cache", 64 * MIB)
        fill(cache, range(40))
        assert 3 <= len(held(cache, range(40))) < 9
        assert caplog.text.count("No space left on device") == 1
        assert not list(cache.folder.glob("*/.part"))
        for number in held(cache, range(40)):
            cache._place(str(number))[0].unlink()
        fill(cache, range(40, 43))
        assert held(cache, range(40, 43)) == [40, 41, 42]

    def test_it_leaves_the_disk_room_for_others(self, cache, monkeypatch, caplog):
        monkeypatch.setattr(module, "SPARE_BYTES", 1 << 60)
        fill(cache, range(3))
        assert held(cache, range(3)) == []
        assert caplog.text.count("MiB are free on its disk; what is missing there is read") == 1

    def test_a_folder_that_cannot_be_made_is_an_error_with_what_to_do(self, tmp_path, caplog):
        (tmp_path / "file").write_bytes(b"")
        cache = Cache(tmp_path / "file" / "cache", MIB)
        with pytest.raises(
            VsdaError,
            match=r"file/cache: cannot keep what is read from URLs: Not a directory; choose "
            r"another folder with --cache, or go without with --cache-gib 0$",
        ):
            cache.check()
        cache.put("a", b"data")
        assert cache.get("a") is None
        assert "file/cache: the cache cannot be written to: Not a directory; what" in caplog.text

    def test_a_disk_that_cannot_be_written_is_an_error_but_what_is_there_is_had(
        self, small_disk, monkeypatch
    ):
        monkeypatch.setattr(module, "SPARE_BYTES", -(1 << 40))  # as if others filled it just now
        cache = Cache(small_disk / "cache", MIB)
        cache.check()
        assert list(cache.folder.iterdir()) == []
        cache.put("a", b"data")
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(VsdaError, match="cannot keep what is read from URLs: Read-only file"):
            cache.check()
        assert cache.get("a") == b"data"
        cache.put("b", b"data")


class TestOptions:
    def test_a_folder_and_gib_make_a_cache(self, tmp_path):
        assert cache_of(tmp_path, 0.5) == Cache(tmp_path, 512 * MIB)
        assert cache_of(str(tmp_path), 50) == Cache(tmp_path, 50 << 30)
        assert cache_of(tmp_path, 0) is None

    @pytest.mark.parametrize("gib", [-1, float("nan"), float("inf")])
    def test_a_size_that_is_none_is_refused(self, tmp_path, gib):
        with pytest.raises(UsageError, match=f"--cache-gib {gib}: expected a size in GiB"):
            cache_of(tmp_path, gib)

    def test_a_url_is_refused(self):
        with pytest.raises(UsageError, match="--cache s3://b/c: expected a folder of this machine"):
            cache_of("s3://b/c", 1)


def test_names_are_spread_evenly_over_the_bins():
    names = [f"{hashlib.sha256(b'%d' % number).hexdigest()}-512-9" for number in range(4000)]
    bins = [Cache(Path("x"), 1)._place(name)[0].parent.name for name in names]
    assert len(set(bins)) == 16
    assert max(bins.count(one) for one in set(bins)) < 330
