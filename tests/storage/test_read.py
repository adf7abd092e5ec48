import hashlib
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from tests.places import memory, serve  # noqa: F401  fixtures
from vsda.errors import VsdaError
from vsda.storage import (
    RangeReader,
    exists,
    file_size,
    list_files,
    list_names,
    modified_ns,
    open_binary,
    read_bytes,
    sha256_file,
    sha256_rest,
    write_atomic,
)


class TestPlaces:
    @pytest.fixture(params=["path", "file-url", "memory", "http", "s3"])
    def folder(self, request, tmp_path, memory, serve, s3):  # noqa: F811
        """The same two files in places of all kinds."""
        for name, data in [("b.txt", b"0123456789"), ("a.txt", b""), ("c.bin", b"c")]:
            (tmp_path / name).write_bytes(data)
            for remote in (memory, s3):
                with fsspec.open(f"{remote}/{name}", "wb") as file:
                    file.write(data)
        places = {
            "path": lambda: str(tmp_path),
            "file-url": lambda: f"file://{tmp_path}",
            "memory": lambda: memory,
            "s3": lambda: s3,
            "http": lambda: serve(tmp_path),
        }
        return places[request.param]()

    def test_files_are_listed_with_their_places(self, folder):
        assert list_files(folder, ".txt") == [f"{folder}/a.txt", f"{folder}/b.txt"]
        assert list_files(f"{folder}/", "") == [f"{folder}/{name}" for name in _ALL]

    def test_a_missing_folder_has_no_files(self, folder):
        assert list_files(f"{folder}/missing", "") == []

    def test_names_are_listed_without_their_folder(self, folder):
        assert list_names(folder) == list(_ALL)
        assert list_names(folder, ".bin") == ["c.bin"]

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


@pytest.fixture(params=["path", "memory", "s3"])
def written_place(request, tmp_path, memory, s3):  # noqa: F811
    """The place of a file that was written just now."""
    place = {"path": str(tmp_path), "memory": memory, "s3": s3}[request.param] + "/a"
    write_atomic(place, b"data")
    return place


def test_the_time_of_the_last_change_is_told_in_ns(written_place):
    assert abs(modified_ns(written_place) / 1e9 - time.time()) < 3
    assert modified_ns(f"{written_place}-missing") is None


def test_a_file_whose_age_nobody_tells_is_older_than_any_other(tmp_path, serve):  # noqa: F811
    (tmp_path / "a").write_bytes(b"data")
    assert modified_ns(f"{serve(tmp_path)}/a") == 0


def test_what_another_process_wrote_is_seen_after_a_listing(s3, s3_environment):
    assert list_names(s3) == []
    write_atomic(f"{s3}/a", b"old")
    assert list_names(s3) == ["a"]
    code = "import sys; from vsda.storage import *\n"
    code += "write_atomic(sys.argv[1] + '/b', b'new'); write_atomic(sys.argv[1] + '/a', b'newer')"
    subprocess.run([sys.executable, "-c", code, s3], check=True)
    assert list_names(s3) == ["a", "b"]
    assert (file_size(f"{s3}/a"), read_bytes(f"{s3}/a"), exists(f"{s3}/b")) == (5, b"newer", True)


class TestErrorsOfServers:
    def test_an_s3_server_that_cannot_be_reached_is_not_a_missing_file(self, other_s3):
        other_s3(AWS_ENDPOINT_URL="http://127.0.0.1:9")
        for look in (exists, file_size, modified_ns, read_bytes, sha256_file):
            with pytest.raises(
                VsdaError, match=r"s3://bucket/x: cannot be read: Could not connect"
            ):
                look("s3://bucket/x")
        with pytest.raises(VsdaError, match="s3://bucket/x: cannot be listed: Could not connect"):
            list_names("s3://bucket/x")

    def test_missing_rights_are_not_a_missing_file(self, other_s3, denying_server):
        other_s3(AWS_ENDPOINT_URL=denying_server)
        with pytest.raises(VsdaError, match=r"s3://bucket/x: cannot be read: .*; check your cred"):
            exists("s3://bucket/x")

    def test_a_server_that_fails_between_two_pieces_is_told(self, other_s3, s3):
        write_atomic(f"{s3}/a", b"0123456789")
        reader = RangeReader(f"{s3}/a")
        assert reader.read(0, 2) == b"01"
        write_atomic(f"{s3}/a", b"")
        with pytest.raises(VsdaError, match="/a: cannot be read: "):
            reader.read(2, 2)
