import hashlib
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from tests.places import memory, serve  # noqa: F401  fixtures
from vsda.errors import VsdaError
from vsda.storage import (
    RangeReader,
    atomic_file,
    exclusive,
    exists,
    file_size,
    is_local,
    join,
    list_files,
    open_binary,
    read_bytes,
    sha256_file,
    sha256_rest,
    sync_dir,
    write_atomic,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestAtomicFile:
    def test_a_file_has_its_name_only_after_the_block(self, tmp_path):
        with atomic_file(tmp_path / "a") as file:
            file.write(b"data")
            assert names(tmp_path) == ["a.part"]
        assert names(tmp_path) == ["a"]
        assert (tmp_path / "a").read_bytes() == b"data"

    def test_folders_are_made(self, tmp_path):
        write_atomic(tmp_path / "x" / "y" / "a", b"data")
        assert (tmp_path / "x" / "y" / "a").read_bytes() == b"data"

    def test_an_error_leaves_the_old_file_and_nothing_else(self, tmp_path):
        write_atomic(tmp_path / "a", b"old")

        def write_half():
            with atomic_file(tmp_path / "a") as file:
                file.write(b"new")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_half()
        assert names(tmp_path) == ["a"]
        assert (tmp_path / "a").read_bytes() == b"old"

    def test_what_a_killed_run_left_is_overwritten(self, tmp_path):
        (tmp_path / "a.part").write_bytes(b"much longer than the new file")
        write_atomic(tmp_path / "a", b"new")
        assert (tmp_path / "a").read_bytes() == b"new"
        assert names(tmp_path) == ["a"]

    def test_a_process_that_is_killed_leaves_no_final_name(self, tmp_path):
        script = (
            "import os, sys, signal; from pathlib import Path\n"
            "from vsda.storage import atomic_file\n"
            "with atomic_file(Path(sys.argv[1])) as file:\n"
            "    file.write(b'x' * 100000)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", script, tmp_path / "a"], check=False)
        assert names(tmp_path) == ["a.part"]

    def test_a_full_disk_is_named(self, tmp_path):
        def write_to_a_full_device():
            with atomic_file(tmp_path / "a"), Path("/dev/full").open("wb", 0) as device:
                device.write(b"x")

        with pytest.raises(VsdaError, match=r"a: No space left on device; free some space"):
            write_to_a_full_device()
        assert names(tmp_path) == []

    def test_other_errors_pass_as_they_are(self, tmp_path):
        def read_a_missing_file():
            with atomic_file(tmp_path / "a"):
                (tmp_path / "missing").read_bytes()

        with pytest.raises(FileNotFoundError):
            read_a_missing_file()

    def test_a_folder_can_be_flushed(self, tmp_path):
        sync_dir(tmp_path)


class TestPlaces:
    @pytest.fixture(params=["path", "file-url", "memory", "http"])
    def folder(self, request, tmp_path, memory, serve):  # noqa: F811
        """The same two files in places of all kinds."""
        for name, data in [("b.txt", b"0123456789"), ("a.txt", b""), ("c.bin", b"c")]:
            (tmp_path / name).write_bytes(data)
            with fsspec.open(f"{memory}/{name}", "wb") as file:
                file.write(data)
        places = {
            "path": lambda: str(tmp_path),
            "file-url": lambda: f"file://{tmp_path}",
            "memory": lambda: memory,
            "http": lambda: serve(tmp_path),
        }
        return places[request.param]()

    def test_files_are_listed_with_their_places(self, folder):
        assert list_files(folder, ".txt") == [f"{folder}/a.txt", f"{folder}/b.txt"]
        assert list_files(f"{folder}/", "") == [f"{folder}/{name}" for name in _ALL]

    def test_a_missing_folder_has_no_files(self, folder):
        assert list_files(f"{folder}/missing", "") == []

    def test_a_file_is_read_whole(self, folder):
        assert read_bytes(f"{folder}/b.txt") == b"0123456789"

    def test_an_open_file_can_seek(self, folder):
        with open_binary(f"{folder}/b.txt") as file:
            file.seek(7)
            assert file.read() == b"789"

    def test_pieces_are_read(self, folder):
        reader = RangeReader(f"{folder}/b.txt")
        assert [reader.read(3, 4), reader.read(0, 1), reader.read(2, 0)] == [b"3456", b"0", b""]
        assert reader.read(8, 5) == b"89"

    def test_sizes_are_told(self, folder):
        assert file_size(f"{folder}/b.txt") == 10
        assert file_size(f"{folder}/a.txt") == 0
        assert file_size(f"{folder}/missing") is None

    def test_existence_is_told(self, folder):
        assert exists(f"{folder}/b.txt")
        assert not exists(f"{folder}/missing")

    def test_a_missing_file_is_an_error_with_its_place(self, folder):
        with pytest.raises(VsdaError, match=r"missing\.txt: cannot be read"):
            read_bytes(f"{folder}/missing.txt")

    def test_the_hash_is_that_of_hashlib(self, folder):
        assert sha256_file(f"{folder}/b.txt") == hashlib.sha256(b"0123456789").hexdigest()


_ALL = ("a.txt", "b.txt", "c.bin")


def test_the_rest_of_a_file_is_hashed(tmp_path):
    (tmp_path / "a").write_bytes(b"0123" + b"x" * (3 << 20))
    with (tmp_path / "a").open("rb") as file:
        file.seek(4)
        assert sha256_rest(file) == hashlib.sha256(b"x" * (3 << 20)).hexdigest()


def test_places_join_with_one_slash():
    assert join("a/b/", "c") == join(Path("a/b"), "c") == "a/b/c"
    assert join("memory://x", "c") == "memory://x/c"


def test_paths_and_file_urls_are_local():
    assert is_local("a/b")
    assert is_local("file:///a")
    assert not is_local("memory://a")


def test_an_unknown_kind_of_url_is_named():
    with pytest.raises(VsdaError, match="nope://x: this kind of place cannot be opened: Protocol"):
        read_bytes("nope://x")


@pytest.mark.parametrize("place", ["data:", "data:x.index.json", "zip://x.zip", "tar://x.tar"])
def test_a_place_that_its_file_system_cannot_take_is_named(place):
    with pytest.raises(VsdaError, match=f"^{place}: (this kind of place cannot|cannot be read)"):
        exists(place)
    with pytest.raises(VsdaError, match=f"^{place}: (this kind of place cannot|cannot be read)"):
        read_bytes(place)


def test_a_reader_of_a_missing_file_names_it(tmp_path):
    with pytest.raises(VsdaError, match=r"none: cannot be read: .*No such file"):
        RangeReader(tmp_path / "none")


def test_a_server_that_cannot_be_reached_is_not_a_missing_file():
    with pytest.raises(VsdaError, match=r"http://127\.0\.0\.1:9/x: cannot be reached"):
        exists("http://127.0.0.1:9/x")


def test_dropping_a_reader_closes_its_file(tmp_path):
    (tmp_path / "a").write_bytes(b"data")
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader = RangeReader(tmp_path / "a")
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    del reader
    assert len(list(Path("/proc/self/fd").iterdir())) == before


class TestExclusive:
    def test_a_second_writer_gets_an_error(self, tmp_path):
        def enter_twice():
            with exclusive(tmp_path / "lock"), exclusive(tmp_path / "lock"):
                pytest.fail("two writers at once")

        with pytest.raises(VsdaError, match="lock: another process is writing here; wait for it"):
            enter_twice()

    def test_the_lock_is_free_after_the_block_and_after_an_error(self, tmp_path):
        def fail():
            with exclusive(tmp_path / "lock"):
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        with exclusive(tmp_path / "lock"):
            assert names(tmp_path) == ["lock"]
        assert names(tmp_path) == []

    def test_the_lock_of_a_dead_process_does_not_hold(self, tmp_path):
        (tmp_path / "lock").touch()
        with exclusive(tmp_path / "lock"):
            pass

    def test_a_lock_file_that_was_removed_meanwhile_is_not_taken_for_the_lock(
        self, tmp_path, monkeypatch
    ):
        import fcntl

        lock, real_flock = tmp_path / "lock", fcntl.flock
        removed = []

        def flock(file, operation):
            if not removed:
                removed.append(lock.unlink())
            real_flock(file, operation)

        monkeypatch.setattr(fcntl, "flock", flock)
        with exclusive(lock):
            assert names(tmp_path) == ["lock"]
