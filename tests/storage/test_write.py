import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import fsspec
import pytest

from tests.places import memory, picky, serve  # noqa: F401  fixtures
from tests.s3 import s3_objects
from vsda.errors import VsdaError
from vsda.storage import (
    PART_ENDING,
    atomic_file,
    copy_there,
    exists,
    file_size,
    list_names,
    read_bytes,
    sync_dir,
    write_atomic,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def is_part_of_a(name):
    return re.fullmatch(r"a\.[0-9a-f]{16}\.part", name) and re.fullmatch(f"a{PART_ENDING}", name)


_WRITE_OFTEN = """
import sys
from vsda.storage import write_atomic
for _ in range(50):
    write_atomic(sys.argv[1], sys.argv[2].encode() * 100_000)
"""


class TestAtomicFile:
    def test_a_file_has_its_name_only_after_the_block(self, tmp_path):
        with atomic_file(tmp_path / "a") as file:
            file.write(b"data")
            assert is_part_of_a(*names(tmp_path))
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

    def test_what_a_killed_run_left_is_not_in_the_next_file(self, tmp_path):
        (tmp_path / "a.part").write_bytes(b"much longer than the new file")
        write_atomic(tmp_path / "a", b"new")
        assert (tmp_path / "a").read_bytes() == b"new"
        assert names(tmp_path) == ["a", "a.part"]

    def test_of_two_writers_of_one_file_each_leaves_it_whole(self, tmp_path):
        with atomic_file(tmp_path / "a") as first:
            with atomic_file(tmp_path / "a") as second:
                first.write(b"first")
                first.flush()
                second.write(b"the second")
            assert (tmp_path / "a").read_bytes() == b"the second"
        assert (tmp_path / "a").read_bytes() == b"first"
        assert names(tmp_path) == ["a"]

    def test_many_processes_that_write_one_file_at_once_leave_it_whole(self, tmp_path):
        writers = [
            subprocess.Popen([sys.executable, "-c", _WRITE_OFTEN, tmp_path / "a", digit])
            for digit in "1234"
        ]
        seen = set()
        while any(writer.poll() is None for writer in writers):
            if (tmp_path / "a").exists():
                data = (tmp_path / "a").read_bytes()
                seen.add((len(data), len(set(data))))
        assert [writer.returncode for writer in writers] == [0] * 4
        assert seen == {(100_000, 1)}
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
        assert is_part_of_a(*names(tmp_path))

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


@pytest.fixture(params=["path", "file-url", "memory", "picky", "s3"])
def folder(request, tmp_path, memory, picky, s3):  # noqa: F811
    """A folder of every kind that can be written to."""
    places = {"path": str(tmp_path), "file-url": f"file://{tmp_path}", "memory": memory}
    return (places | {"picky": picky, "s3": s3})[request.param]


class TestAnyPlace:
    @pytest.mark.parametrize("data", [b"", b"data"])
    def test_what_was_written_is_read(self, folder, data):
        write_atomic(f"{folder}/x/a", data)
        assert read_bytes(f"{folder}/x/a") == data
        assert list_names(f"{folder}/x") == ["a"]

    def test_the_later_file_replaces_the_earlier_one(self, folder):
        for data in (b"a long one", b"short"):
            write_atomic(f"{folder}/a", data)
            with atomic_file(f"{folder}/b") as file:
                file.write(data)
        assert read_bytes(f"{folder}/a") == read_bytes(f"{folder}/b") == b"short"
        assert list_names(folder) == ["a", "b"]

    def test_a_file_is_there_only_after_the_block_and_has_a_local_path_inside(self, folder):
        with atomic_file(f"{folder}/a") as file:
            file.write(b"data")
            file.flush()
            assert Path(file.name).read_bytes() == b"data"
            assert not exists(f"{folder}/a")
        assert read_bytes(f"{folder}/a") == b"data"

    def test_an_error_leaves_the_old_file_and_nothing_else(self, folder):
        write_atomic(f"{folder}/a", b"old")

        def write_half():
            with atomic_file(f"{folder}/a") as file:
                file.write(b"new")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_half()
        assert list_names(folder) == ["a"]
        assert read_bytes(f"{folder}/a") == b"old"

    def test_of_two_writers_of_one_file_each_leaves_it_whole(self, folder, tmp_path):
        (tmp_path / "source").write_bytes(b"copied")
        with atomic_file(f"{folder}/x/a") as file:
            copy_there(tmp_path / "source", f"{folder}/x/a")
            assert read_bytes(f"{folder}/x/a") == b"copied"
            file.write(b"later")
        assert read_bytes(f"{folder}/x/a") == b"later"
        assert list_names(f"{folder}/x") == ["a"]

    def test_a_local_file_is_copied_there(self, folder, tmp_path):
        (tmp_path / "source").write_bytes(b"x" * 3_000_000)
        copy_there(tmp_path / "source", f"{folder}/y/a")
        assert read_bytes(f"{folder}/y/a") == b"x" * 3_000_000

    def test_names_that_look_like_patterns_are_names(self, folder):
        for name in ("[ab]*.txt", "a.txt"):
            write_atomic(f"{folder}/run[1]/{name}", name.encode())
        assert list_names(f"{folder}/run[1]") == ["[ab]*.txt", "a.txt"]
        assert read_bytes(f"{folder}/run[1]/[ab]*.txt") == b"[ab]*.txt"


_KILL_INSIDE = """
import os, signal, sys
from vsda.storage import atomic_file
with atomic_file(sys.argv[1]) as file:
    file.write(b"x" * 100000)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
_UPLOAD = """
import sys
from pathlib import Path
from vsda.storage import copy_there
copy_there(Path(sys.argv[1]), sys.argv[2])
"""


class TestUpload:
    def test_a_killed_process_leaves_nothing_there_and_no_temporary_file_here(self, s3, tmp_path):
        process = subprocess.run(
            [sys.executable, "-c", _KILL_INSIDE, f"{s3}/a"],
            env=os.environ | {"TMPDIR": str(tmp_path)},
            check=False,
        )
        assert process.returncode == -signal.SIGKILL
        assert s3_objects(s3) == {}
        if sys.platform == "linux":
            assert names(tmp_path) == []

    def test_an_object_appears_whole(self, s3, tmp_path):
        size_bytes = 50 << 20
        (tmp_path / "a").write_bytes(bytes(size_bytes))
        seen, ended = set(), threading.Event()

        def look():
            while not ended.is_set():
                seen.add(file_size(f"{s3}/a"))

        thread = threading.Thread(target=look)
        thread.start()
        copy_there(tmp_path / "a", f"{s3}/a")
        ended.set()
        thread.join()
        assert seen <= {None, size_bytes}
        assert None in seen
        assert file_size(f"{s3}/a") == size_bytes

    def test_an_upload_that_is_killed_halfway_leaves_the_old_object(self, s3, tmp_path):
        write_atomic(f"{s3}/a", b"old")
        (tmp_path / "a").write_bytes(bytes(200 << 20))
        process = subprocess.Popen([sys.executable, "-c", _UPLOAD, tmp_path / "a", f"{s3}/a"])
        filesystem = fsspec.filesystem("s3", use_listings_cache=False)
        while not filesystem.list_multipart_uploads("bucket"):
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert s3_objects(s3) == {"a": b"old"}
        filesystem.clear_multipart_uploads("bucket")

    def test_a_full_temporary_folder_is_named(self, s3, tmp_path, monkeypatch):
        def write_to_a_full_device():
            with atomic_file(f"{s3}/a"), Path("/dev/full").open("wb", 0) as device:
                device.write(b"x")

        with pytest.raises(VsdaError, match=r"/a: .*: No space left on device, .* set TMPDIR"):
            write_to_a_full_device()
        assert s3_objects(s3) == {}


class TestRefusals:
    @pytest.fixture(params=["write_atomic", "atomic_file"])
    def write(self, request):
        def through_a_file(place):
            with atomic_file(place) as file:
                file.write(b"data")

        return {"write_atomic": lambda place: write_atomic(place, b"data")}.get(
            request.param, through_a_file
        )

    def test_a_missing_bucket_is_told(self, s3, write):
        with pytest.raises(VsdaError, match=r"s3://none/a: cannot be written: .* make the bucket"):
            write("s3://none/a")

    def test_a_server_that_cannot_be_reached_is_told(self, other_s3, write):
        other_s3(AWS_ENDPOINT_URL="http://127.0.0.1:9")
        with pytest.raises(
            VsdaError, match=r"s3://b/a: cannot be written: Could not .*; check its"
        ):
            write("s3://b/a")

    def test_missing_rights_are_told(self, other_s3, denying_server, write):
        other_s3(AWS_ENDPOINT_URL=denying_server)
        with pytest.raises(
            VsdaError, match="s3://b/a: cannot be written: Access Denied; check your credentials"
        ):
            write("s3://b/a")

    def test_missing_credentials_are_told(self, other_s3, write, monkeypatch, tmp_path):
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        other_s3(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
        with pytest.raises(VsdaError, match=r"written: Unable to locate cred.*; check your cred"):
            write("s3://b/a")

    def test_a_web_server_takes_no_files(self, serve, tmp_path, write):  # noqa: F811
        with pytest.raises(VsdaError, match="/a: cannot be written: a web server takes no files"):
            write(f"{serve(tmp_path)}/a")


_PEAK = """
import os, resource, sys
from vsda.storage import atomic_file, write_atomic
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
write_atomic(sys.argv[1] + "/small", b"")
before = peak()
with atomic_file(sys.argv[1] + "/a") as file:
    for _ in range(300):
        file.write(os.urandom(1 << 20))
print(peak() - before)
"""


@pytest.mark.slow
def test_an_upload_of_300_mib_takes_less_than_200_mib_of_memory(s3):
    process = subprocess.run(
        [sys.executable, "-c", _PEAK, s3], capture_output=True, text=True, check=True
    )
    assert file_size(f"{s3}/a") == 300 << 20
    assert int(process.stdout) < 200
