"""Archives that are honest, damaged and hostile, made here byte by byte."""

import io
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import warnings
import zipfile
from pathlib import Path

import pytest

from tests.fetch.archives import make_tar, make_zip, raw_entry, tree
from vsda.errors import FetchError
from vsda.fetch.archive_errors import DamagedArchiveError, HostileArchiveError
from vsda.fetch.http_errors import DiskFullError
from vsda.fetch.unpack import OWN_FOLDER, UnpackedFile, UnpackRules, facts_of, unpack

FILES = {"D/a/1.txt": b"one", "D/a/2.txt": b"two", "D/b/3.txt": b"three", "D/e/": b""}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    return place


@pytest.fixture(params=["x.zip", "x.tar", "x.tar.gz"])
def archive(request, tmp_path):
    """The files of FILES in each kind of archive."""
    if request.param == "x.zip":
        return make_zip(tmp_path / "x.zip", FILES)
    files = {name: data for name, data in FILES.items() if not name.endswith("/")}
    return make_tar(tmp_path / request.param, files, "w:gz" if "gz" in request.param else "w")


def check_nothing_came(folder):
    assert tree(folder) == {}
    assert [path.name for path in folder.iterdir()] in ([], [OWN_FOLDER])


class TestHonest:
    def test_all_of_it_comes(self, archive, folder):
        unpacked = unpack(archive, folder)
        files = {name: data for name, data in FILES.items() if data}
        assert tree(folder) == files
        assert unpacked.files.keys() == files.keys()
        assert unpacked.files["D/a/1.txt"] == UnpackedFile(3, 0x7A6C86F1)
        assert (unpacked.kept, unpacked.notes) == ((), ())

    def test_the_content_of_a_folder_goes_elsewhere(self, archive, folder):
        unpack(archive, folder, UnpackRules(strip="D", into="maps"))
        assert sorted(tree(folder)) == ["maps/a/1.txt", "maps/a/2.txt", "maps/b/3.txt"]

    def test_what_lies_outside_of_that_folder_is_left_out_and_told(self, archive, folder):
        unpacked = unpack(archive, folder, UnpackRules(strip="D/a"))
        assert sorted(tree(folder)) == ["1.txt", "2.txt"]
        assert unpacked.notes == (
            "1 files of the archive are outside its folder 'D/a' and are left out",
        )

    def test_empty_folders_come_too(self, tmp_path, folder):
        unpack(make_zip(tmp_path / "x.zip", FILES), folder)
        assert (folder / "D" / "e").is_dir()

    def test_backslashes_and_dots_in_names_separate(self, tmp_path, folder):
        unpack(make_tar(tmp_path / "x.tar", {"./D\\a/./1.txt": b"one"}), folder)
        assert tree(folder) == {"D/a/1.txt": b"one"}

    def test_leftovers_of_a_mac_do_not_come(self, tmp_path, folder):
        files = {"__MACOSX/D/._1.txt": b"x", "D/1.txt": b"one"}
        unpack(make_zip(tmp_path / "x.zip", files), folder)
        assert tree(folder) == {"D/1.txt": b"one"}

    def test_modes_and_owners_of_the_archive_have_no_effect(self, tmp_path, folder):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(raw_entry("tool", stat.S_IFREG | 0o6777), b"x")
        unpack(tmp_path / "x.zip", folder)
        assert (folder / "tool").stat().st_mode & 0o7111 == 0

    def test_names_that_differ_in_case_only_are_told(self, tmp_path, folder):
        unpacked = unpack(make_zip(tmp_path / "x.zip", {"a/X": b"1", "a/x": b"2"}), folder)
        assert unpacked.notes == (
            "1 names differ in upper and lower case only, such as a/X and a/x; some disks cannot "
            "keep both",
        )
        assert len(tree(folder)) == 2

    def test_progress_is_told_in_bytes(self, archive, folder):
        told = []
        unpack(archive, folder, on_bytes=lambda *bytes_: told.append(bytes_))
        assert told == [(3, 11), (6, 11), (11, 11)]


class TestWhatIsThere:
    def test_stays_and_is_told_where_it_differs(self, archive, folder):
        (folder / "D" / "a").mkdir(parents=True)
        (folder / "D" / "a" / "1.txt").write_bytes(b"mine")
        (folder / "D" / "a" / "2.txt").write_bytes(b"two")
        (folder / "D" / "other").write_bytes(b"x")
        unpacked = unpack(archive, folder)
        assert unpacked.kept == ("D/a/1.txt",)
        assert unpacked.files["D/a/1.txt"] == facts_of(folder / "D" / "a" / "1.txt")
        assert tree(folder)["D/a/1.txt"] == b"mine"
        assert tree(folder)["D/b/3.txt"] == b"three"
        assert tree(folder)["D/other"] == b"x"

    def test_and_is_not_read_anew_where_it_does_not(self, archive, folder):
        unpack(archive, folder)
        before = (folder / "D/a/1.txt").stat().st_ino
        assert unpack(archive, folder).kept == ()
        assert (folder / "D/a/1.txt").stat().st_ino == before

    @pytest.mark.parametrize(("place", "kind"), [("D/a", "a folder"), ("D/a/1.txt", "a file")])
    def test_in_the_way_is_an_error(self, archive, folder, place, kind):
        (folder / "D").mkdir()
        (folder / place).mkdir(parents=True) if kind == "a file" else (folder / place).touch()
        with pytest.raises(FetchError, match=f"{place}: in the way of {kind} of the archive; move"):
            unpack(archive, folder)

    def test_a_link_of_the_user_to_a_folder_is_followed(self, archive, folder, tmp_path):
        (tmp_path / "big").mkdir()
        (folder / "D").symlink_to(tmp_path / "big")
        unpack(archive, folder)
        assert (tmp_path / "big" / "a" / "1.txt").read_bytes() == b"one"


class TestDamaged:
    def test_cut_anywhere_is_told_and_leaves_nothing(self, archive, folder):
        data = archive.read_bytes()
        step = max(1, len(data) // 40)
        padding = len(data) - len(data.rstrip(b"\0")) if archive.suffix == ".tar" else 0
        for end in range(0, len(data) - padding, step):
            archive.write_bytes(data[:end])
            with pytest.raises(DamagedArchiveError, match=rf"{archive.name}: a damaged archive: "):
                unpack(archive, folder)
            check_nothing_came(folder)

    def test_a_tar_cut_between_two_members_is_told(self, tmp_path, folder):
        path = make_tar(tmp_path / "x.tar", {"a": b"1", "b": b"2"})
        path.write_bytes(path.read_bytes()[:1024])
        with pytest.raises(DamagedArchiveError, match="its end is missing"):
            unpack(path, folder)

    @pytest.mark.parametrize("archive", ["x.zip", "x.tar.gz"], indirect=True)
    def test_one_wrong_byte_never_becomes_a_wrong_file(self, archive, folder):
        data = archive.read_bytes()
        expected = {name: data for name, data in FILES.items() if data}
        for position in range(0, len(data), 3):
            wrong = bytearray(data)
            wrong[position] ^= 0xFF
            archive.write_bytes(wrong)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    unpack(archive, folder)
            except (DamagedArchiveError, HostileArchiveError):
                check_nothing_came(folder)
            else:  # a byte that says nothing of names and contents, such as a date
                assert sorted(tree(folder).values()) == sorted(expected.values())
            subprocess.run(["rm", "-rf", *folder.iterdir()], check=True)

    @pytest.mark.parametrize("name", ["x.zip", "x.tar"])
    @pytest.mark.parametrize("data", [b"", b"<!DOCTYPE html>" * 100, b"Rar!\x1a\x07\x00" * 99])
    def test_something_else_is_told(self, tmp_path, folder, name, data):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DamagedArchiveError, match=f"{name}: a damaged archive"):
            unpack(tmp_path / name, folder)

    def test_a_way_of_packing_that_nobody_knows_is_told(self, tmp_path, folder):
        path = make_zip(tmp_path / "x.zip", {"a": b"1"})
        data = path.read_bytes().replace(struct.pack("<H", 8), struct.pack("<H", 9))
        path.write_bytes(data)
        with pytest.raises(DamagedArchiveError, match="compression"):
            unpack(path, folder)

    @pytest.mark.parametrize("files", [{}, {"E/x": b"1"}, {"D/": b"", "E/x": b""}])
    def test_an_archive_without_the_wanted_folder_is_told(self, tmp_path, folder, files):
        path = make_zip(tmp_path / "x.zip", files)
        with pytest.raises(DamagedArchiveError, match="expected files in its folder 'D', got none"):
            unpack(path, folder, UnpackRules(strip="D"))


class TestHostile:
    @pytest.mark.parametrize(
        "name",
        ["/x", "../x", "a/../../x", "a/..", "..\\x", "\\x", "C:\\x", "c:/x", "\x07", "n" * 256],
    )
    @pytest.mark.parametrize("kind", ["zip", "tar"])
    def test_a_name_that_leads_out_is_refused(self, tmp_path, folder, kind, name):
        make = make_zip if kind == "zip" else make_tar
        path = make(tmp_path / f"x.{kind}", {"good": b"1", name: b"2"})
        with pytest.raises(HostileArchiveError, match=r"(leads out|no name).*nothing was unpacked"):
            unpack(path, folder)
        check_nothing_came(folder)
        assert sorted(place.name for place in tmp_path.iterdir()) == ["out", path.name]

    @pytest.mark.parametrize("kind", list(b"12346"), ids=chr)  # links, devices, a pipe
    @pytest.mark.parametrize("link", ["/etc/passwd", "../x", "good"])
    def test_a_link_or_device_in_a_tar_is_refused(self, tmp_path, folder, kind, link):
        with tarfile.open(tmp_path / "x.tar", "w") as archive:
            entry = tarfile.TarInfo("good")
            archive.addfile(entry)
            entry = tarfile.TarInfo("bad")
            entry.type, entry.linkname = bytes([kind]), link
            archive.addfile(entry)
        with pytest.raises(HostileArchiveError, match=r"x\.tar: 'bad' is a link or a device"):
            unpack(tmp_path / "x.tar", folder)
        check_nothing_came(folder)

    @pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
    def test_a_link_or_device_in_a_zip_is_refused(self, tmp_path, folder, kind):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(raw_entry("bad", kind | 0o777), b"/etc/passwd")
        with pytest.raises(HostileArchiveError, match="'bad' is a link or a device"):
            unpack(tmp_path / "x.zip", folder)

    def test_an_encrypted_zip_is_told(self, tmp_path, folder):
        path = make_zip(tmp_path / "x.zip", {"a": b"1"})
        data = bytearray(path.read_bytes())
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(mark) + offset] |= 1
        path.write_bytes(data)
        with pytest.raises(HostileArchiveError, match="'a' is encrypted; expected an archive with"):
            unpack(path, folder)

    def test_a_name_that_comes_twice_is_refused(self, tmp_path, folder):
        with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            warnings.simplefilter("ignore")
            archive.writestr("a", b"1")
            archive.writestr("./a", b"2")
        with pytest.raises(HostileArchiveError, match="'a' comes twice"):
            unpack(tmp_path / "x.zip", folder)

    @pytest.mark.parametrize("files", [{"a": b"1", "a/b": b"2"}, {"a/": b"", "a": b"1"}])
    def test_a_file_that_is_a_folder_too_is_refused(self, tmp_path, folder, files):
        with pytest.raises(HostileArchiveError, match="'a' is a file and a folder"):
            unpack(make_zip(tmp_path / "x.zip", files), folder)

    def test_a_name_of_our_own_is_refused(self, tmp_path, folder):
        path = make_zip(tmp_path / "x.zip", {f"D/{OWN_FOLDER}/x.zip.json": b"{}"})
        with pytest.raises(HostileArchiveError, match="a name that vsda keeps for itself"):
            unpack(path, folder, UnpackRules(strip="D"))

    def test_a_name_with_a_zero_byte_is_refused_rather_than_cut(self, tmp_path, folder):
        path = make_zip(tmp_path / "x.zip", {"D/a.txt": b"1", "D/b.txt": b"2"})
        path.write_bytes(path.read_bytes().replace(b"D/a.txt", b"D/\0.txt"))
        with pytest.raises(HostileArchiveError, match="is no name of a file"):
            unpack(path, folder)


class TestBombs:
    @pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
    def test_an_archive_that_becomes_too_much_is_refused(self, tmp_path, folder, name):
        make = make_zip if name == "x.zip" else lambda path, files: make_tar(path, files, "w:gz")
        path = make(tmp_path / name, {f"{n}": bytes(1_000_000) for n in range(10)})
        with pytest.raises(HostileArchiveError, match="would become more than"):
            unpack(path, folder, UnpackRules(allowed_bytes=1_000_000))
        check_nothing_came(folder)
        unpack(path, folder)  # ten megabytes harm nobody

    def test_too_many_files_are_refused(self, tmp_path, folder):
        path = make_zip(tmp_path / "x.zip", {str(n): b"" for n in range(11)})
        with pytest.raises(HostileArchiveError, match="holds more than 10 files"):
            unpack(path, folder, UnpackRules(max_files=10))

    def test_more_bytes_than_stated_are_not_written(self, tmp_path, folder):
        path = make_zip(tmp_path / "x.zip", {"a": bytes(1_000_000)})
        stated = struct.pack("<I", 1_000_000)
        path.write_bytes(path.read_bytes().replace(stated, struct.pack("<I", 1000)))
        with pytest.raises(DamagedArchiveError):
            unpack(path, folder)
        check_nothing_came(folder)

    def test_fewer_bytes_than_stated_are_told(self, tmp_path, folder):
        path = make_zip(tmp_path / "x.zip", {"a": b"12345"})
        data = path.read_bytes()
        sizes = struct.pack("<I", 5)
        path.write_bytes(data.replace(sizes, struct.pack("<I", 6)))
        with pytest.raises(DamagedArchiveError):
            unpack(path, folder)


class TestDisk:
    def test_room_is_asked_for_before_anything_is_written(self, tmp_path, small_disk):
        path = make_zip(tmp_path / "x.zip", {"a": bytes(3_000_000)})
        with pytest.raises(DiskFullError, match=r"3\.0 MB more are needed"):
            unpack(path, small_disk)
        assert sorted(place.name for place in small_disk.iterdir()) == ["filler"]

    def test_a_disk_that_becomes_full_meanwhile_leaves_nothing_half(
        self, tmp_path, small_disk, monkeypatch
    ):
        path = make_zip(tmp_path / "x.zip", {"D/a": bytes(3_000_000)})
        monkeypatch.setattr("vsda.fetch.unpack.check_space", lambda *_: None)
        with pytest.raises(DiskFullError, match="No space left on device"):
            unpack(path, small_disk)
        assert sorted(tree(small_disk)) == ["filler"]
        (small_disk / "filler").unlink()
        unpack(path, small_disk)
        assert tree(small_disk) == {"D/a": bytes(3_000_000)}


SCRIPT = """
import sys
from pathlib import Path
from vsda.fetch.unpack import unpack
print("begins", flush=True)
unpack(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An archive of 600 files in 30 folders."""
    rng = random.Random(3)
    files = {f"{n % 3}/{n % 30}/{n}.bin": rng.randbytes(20_000) for n in range(600)}
    return make_zip(tmp_path_factory.mktemp("large") / "x.zip", files, packed=False), files


def check_nothing_half(folder, files):
    for name, data in tree(folder).items():
        if not name.startswith(OWN_FOLDER):
            assert data == files[name]


SLOW = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 16)]


@pytest.mark.parametrize("seed", [*range(2), *SLOW])
def test_unpacking_killed_at_random_times_ends_with_the_same_files(large, folder, seed):
    path, files = large
    rng = random.Random(seed)
    command = [sys.executable, "-c", SCRIPT, str(path), str(folder)]
    for _ in range(3):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        check_nothing_half(folder, files)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    assert tree(folder) == files


def test_unpacking_killed_at_every_rename_ends_with_the_same_files(tmp_path, folder):
    """Folders of two archives lie inside each other, so that many are renamed one by one."""
    path = make_zip(tmp_path / "x.zip", FILES)
    other = make_zip(tmp_path / "y.zip", {"D/a/0.txt": b"zero", "D/b/0.txt": b"nought"})
    expected = {name: data for name, data in FILES.items() if data}
    expected |= {"D/a/0.txt": b"zero", "D/b/0.txt": b"nought"}
    for event in range(1, 6):
        place = folder / str(event)
        place.mkdir()
        unpack(other, place)
        _unpack_and_die(path, place, event)
        check_nothing_half(place, expected)
        unpack(path, place)
        assert tree(place) == expected


def _unpack_and_die(path, place, event):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child of a fork has one thread
        child = os.fork()
    if child == 0:
        left, rename = [event], Path.rename

        def counted(source, target):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(source, target)

        Path.rename = counted
        unpack(path, place)
        os._exit(0)
    os.waitpid(child, 0)


def test_gzip_is_read_to_its_end_so_that_its_sum_is_checked(tmp_path, folder):
    path = make_tar(tmp_path / "x.tar.gz", {"a": random.Random(0).randbytes(5000)}, "w:gz")
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # the CRC-32 of the whole
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError):
        unpack(path, folder)


def test_a_sparse_file_is_one_that_is_written_whole(tmp_path, folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("a")
        entry.size = 4
        entry.pax_headers = {"comment": "x"}
        archive.addfile(entry, io.BytesIO(b"1234"))
    (tmp_path / "x.tar").write_bytes(buffer.getvalue())
    unpack(tmp_path / "x.tar", folder)
    assert tree(folder) == {"a": b"1234"}


def test_a_zip_of_more_files_than_fit_into_two_bytes_comes_whole(tmp_path, folder):
    """As train2017.zip of COCO, with 118,287 images."""
    path = make_zip(tmp_path / "x.zip", {f"E/{n}": b"" for n in range(65_535)} | {"D/a": b"1"})
    unpacked = unpack(path, folder, UnpackRules(strip="D"))
    assert tree(folder) == {"a": b"1"}
    assert unpacked.notes[0].startswith("65535 files of the archive are outside")
