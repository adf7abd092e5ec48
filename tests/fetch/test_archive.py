"""The archives of a dataset from a server, a folder, and after everything that goes wrong."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fetch.archives import make_tar, make_zip, tree
from tests.fetch.servers import FaultyServer
from vsda import manifests
from vsda.errors import UnknownNameError, VsdaError
from vsda.fetch import archive_plan
from vsda.fetch.archive import fetch
from vsda.fetch.archive_plan import FetchOptions, State, plan
from vsda.fetch.http import HttpLimits
from vsda.fetch.http_errors import DiskFullError
from vsda.fetch.marker import marker_path, read_marker
from vsda.fetch.unpack import OWN_FOLDER
from vsda.storage import exclusive

QUICK = HttpLimits(max_idle_attempts=2, first_pause_s=0.01, longest_pause_s=0.01)
ROOT = Path(__file__).parents[2]

COCO = {
    "train2017.zip": {"train2017/1.jpg": b"one", "train2017/2.jpg": b"two"},
    "val2017.zip": {"val2017/3.jpg": b"three"},
    "annotations_trainval2017.zip": {"annotations/instances_val2017.json": b"{}"},
    "stuffthingmaps_trainval2017.zip": {"train2017/1.png": b"map", "val2017/3.png": b"map3"},
}
"""The archives of COCO in their real layout."""

COCO_TREE = {
    "train2017/1.jpg": b"one",
    "train2017/2.jpg": b"two",
    "val2017/3.jpg": b"three",
    "annotations/instances_val2017.json": b"{}",
    "stuffthingmaps/train2017/1.png": b"map",
    "stuffthingmaps/val2017/3.png": b"map3",
}


@pytest.fixture
def mirror(tmp_path):
    """A folder with the archives of COCO."""
    for name, files in COCO.items():
        make_zip(tmp_path / "mirror" / name, files)
    return tmp_path / "mirror"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data" / "coco"


def options_of(root, mirror, **more):
    return FetchOptions(root=root, mirror=str(mirror), limits=QUICK, **more)


def run(dataset, options):
    return list(fetch(dataset, options))


def content(root):
    """Return the files of a dataset without those of our own."""
    return {name: data for name, data in tree(root).items() if not name.startswith(OWN_FOLDER)}


def states(reports):
    return {row.archive: str(row.state) for row in reports}


class TestFetch:
    @pytest.mark.parametrize("kind", ["folder", "file-url", "http"])
    def test_a_dataset_comes_in_its_layout_and_leaves_no_archives(self, mirror, root, kind):
        with FaultyServer(mirror) as server:
            place = {"folder": mirror, "file-url": mirror.as_uri(), "http": server.url}[kind]
            reports = run("coco", options_of(root, place))
        assert content(root) == COCO_TREE
        assert set(states(reports).values()) == {"fetched"}
        assert [row.num_files for row in reports] == [2, 1, 1, 2]
        assert not (root / "archives").exists()
        assert len(list(mirror.iterdir())) == 4

    def test_a_second_run_asks_nobody(self, mirror, root):
        with FaultyServer(mirror) as server:
            run("coco", options_of(root, server.url))
            num_asked = len(server.asked)
            reports = run("coco", options_of(root, server.url))
            assert len(server.asked) == num_asked
        assert set(states(reports).values()) == {"up to date"}
        assert [row.unpacked_bytes for row in reports] == [6, 5, 2, 7]

    def test_the_marker_says_what_came(self, mirror, root):
        run("coco", options_of(root, mirror))
        marker = read_marker(root, "val2017.zip")
        assert (marker.archive, marker.place) == ("val2017.zip", f"{mirror}/val2017.zip")
        assert marker.size_bytes == (mirror / "val2017.zip").stat().st_size
        assert marker.sha256 == hashlib.sha256((mirror / "val2017.zip").read_bytes()).hexdigest()
        assert list(marker.files) == ["val2017/3.jpg"]

    def test_parts_come_by_name(self, mirror, root):
        run("coco", options_of(root, mirror, only=("val", "annotations")))
        assert sorted(content(root)) == ["annotations/instances_val2017.json", "val2017/3.jpg"]
        reports = run("coco", options_of(root, mirror, only=("images",)))
        assert list(states(reports).values()) == ["fetched", "up to date"]

    def test_a_part_that_there_is_not_is_told(self, mirror, root):
        with pytest.raises(
            UnknownNameError, match=r"unknown part of coco 'imges'. Did you mean 'im"
        ):
            run("coco", options_of(root, mirror, only=("imges",)))
        with pytest.raises(UnknownNameError, match=r"--resolution '720p'.* Known: 480p, Full-Res"):
            plan("davis", options_of(root, mirror, variant="720p"))

    def test_archives_are_kept_on_demand_and_used_again(self, mirror, root):
        with FaultyServer(mirror) as server:
            options = options_of(root, server.url, only=("val",), keep_archives=True)
            run("coco", options)
            assert [path.name for path in (root / "archives").iterdir()] == ["val2017.zip"]
            (root / "val2017" / "3.jpg").unlink()
            num_bodies = server.num_bodies
            run("coco", options)
            assert server.num_bodies == num_bodies
        assert content(root)["val2017/3.jpg"] == b"three"

    def test_an_archive_that_the_user_put_there_is_used(self, mirror, root):
        make_zip(root / "archives" / "val2017.zip", COCO["val2017.zip"])
        with FaultyServer(mirror, statuses=[404] * 9) as server:
            reports = run("coco", options_of(root, server.url, only=("val",)))
        assert states(reports) == {"val2017.zip": "fetched"}

    @pytest.mark.parametrize(
        ("dataset", "archives", "expected"),
        [
            (
                "fbms",
                {
                    "FBMS_Trainingset.zip": {"Trainingset/bear01/bear01_0001.jpg": b"1"},
                    "FBMS_Testset.zip": {"Testset/cars1/GroundTruth/cars1Def.dat": b"2"},
                },
                ["Testset/cars1/GroundTruth/cars1Def.dat", "Trainingset/bear01/bear01_0001.jpg"],
            ),
            (
                "voc",
                {"VOCtrainval_11-May-2012.tar": {"VOCdevkit/VOC2012/JPEGImages/1.jpg": b"1"}},
                ["VOCdevkit/VOC2012/JPEGImages/1.jpg"],
            ),
            (
                "davis",
                {
                    "DAVIS-2017-trainval-480p.zip": {
                        "DAVIS/JPEGImages/480p/bear/00000.jpg": b"1",
                        "DAVIS/README.md": b"x",
                    }
                },
                ["JPEGImages/480p/bear/00000.jpg", "README.md"],
            ),
        ],
    )
    def test_other_datasets_have_their_layout(self, tmp_path, dataset, archives, expected):
        for name, files in archives.items():
            make = make_tar if name.endswith(".tar") else make_zip
            make(tmp_path / "m" / name, files)
        root = tmp_path / dataset
        run(dataset, options_of(root, tmp_path / "m", unchecked=True))
        assert sorted(content(root)) == expected

    def test_archives_of_davis_lie_inside_each_other(self, tmp_path):
        root, mirror = tmp_path / "davis", tmp_path / "m"
        shared = {"DAVIS/ImageSets/2017/val.txt": b"bear\n"}
        first = {
            "DAVIS/JPEGImages/480p/bear/0.jpg": b"1",
            "DAVIS/Annotations/480p/bear/0.png": b"2",
        }
        make_zip(mirror / "DAVIS-2017-trainval-480p.zip", shared | first)
        full = {name.replace("480p", "Full-Resolution"): b"3" for name in first}
        make_zip(mirror / "DAVIS-2017-trainval-Full-Resolution.zip", shared | full)
        semantics = {"DAVIS/Annotations_semantics/480p/bear/0.png": b"4"}
        make_zip(mirror / "DAVIS-2017_semantics-480p.zip", shared | semantics)
        options = options_of(root, mirror, unchecked=True)
        run("davis", options)
        run("davis", replace(options, variant="Full-Resolution"))
        run("davis", replace(options, only=("annotations", "semantics")))
        wanted = shared | first | full | semantics
        assert sorted(content(root)) == sorted(name.removeprefix("DAVIS/") for name in wanted)

    def test_a_table_that_is_no_archive_comes_as_it_is(self, tmp_path):
        for name in ("train", "validation"):
            path = tmp_path / "m" / f"yt_bb_detection_{name}.csv.gz"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
        with FaultyServer(tmp_path / "m") as server:
            options = options_of(tmp_path / "ytbb", server.url)
            assert set(states(run("ytbb", options)).values()) == {"fetched"}
            assert set(states(run("ytbb", options)).values()) == {"up to date"}
        assert content(tmp_path / "ytbb") == {
            "yt_bb_detection_train.csv.gz": b"train",
            "yt_bb_detection_validation.csv.gz": b"validation",
        }


class TestWhatIsThere:
    def test_a_file_that_is_missing_comes_again(self, mirror, root):
        run("coco", options_of(root, mirror))
        (root / "train2017" / "2.jpg").unlink()
        reports = run("coco", options_of(root, mirror))
        assert list(states(reports).values()) == ["fetched", *["up to date"] * 3]
        assert content(root) == COCO_TREE

    def test_a_file_of_another_size_is_told_and_stays(self, mirror, root):
        run("coco", options_of(root, mirror))
        (root / "train2017" / "2.jpg").write_bytes(b"longer")
        report = run("coco", options_of(root, mirror))[0]
        assert report.state == State.FAILED
        assert report.message == (
            "1 files are not as the archive had them any more: train2017/2.jpg; delete them and "
            "run again"
        )

    def test_a_file_of_the_same_size_shows_when_it_is_read(self, mirror, root):
        run("coco", options_of(root, mirror))
        (root / "train2017" / "2.jpg").write_bytes(b"TWO")
        assert run("coco", options_of(root, mirror))[0].state == State.UP_TO_DATE
        assert run("coco", options_of(root, mirror, verify=True))[0].state == State.FAILED

    def test_files_of_the_user_stay_and_are_told_each_time(self, mirror, root):
        (root / "val2017").mkdir(parents=True)
        (root / "val2017" / "3.jpg").write_bytes(b"mine")
        for _ in range(2):
            report = run("coco", options_of(root, mirror, only=("val",)))[0]
            assert report.notes == (
                "1 files were there with other bytes and stay: val2017/3.jpg; to have those of "
                "the archive, delete them and run again",
            )
        assert content(root) == {"val2017/3.jpg": b"mine"}
        (root / "val2017" / "3.jpg").unlink()
        assert run("coco", options_of(root, mirror, only=("val",)))[0].notes == ()
        assert content(root) == {"val2017/3.jpg": b"three"}

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"archive": "x"}', b"\xff"])
    def test_a_damaged_marker_is_none(self, mirror, root, data):
        run("coco", options_of(root, mirror, only=("val",)))
        marker_path(root, "val2017.zip").write_bytes(data)
        report = run("coco", options_of(root, mirror, only=("val",)))[0]
        assert (report.state, report.notes) == (State.FETCHED, ())

    def test_another_archive_than_the_known_one_is_told(self, tmp_path):
        make_zip(tmp_path / "m" / "DAVIS-2017-trainval-480p.zip", {"DAVIS/x": b"1"})
        options = options_of(tmp_path / "davis", tmp_path / "m", unchecked=True)
        run("davis", options)
        report = run("davis", replace(options, unchecked=False))[0]
        assert report.state == State.UP_TO_DATE
        assert report.notes[0].startswith("it came from another archive: it has ")
        assert report.notes[0].endswith(" bytes, expected 832766765")


class TestFailures:
    def test_one_archive_that_fails_does_not_stop_the_others(self, mirror, root):
        (mirror / "train2017.zip").unlink()
        with FaultyServer(mirror) as server:
            reports = run("coco", options_of(root, server.url))
            assert [str(row.state) for row in reports] == ["failed", *["fetched"] * 3]
            assert reports[0].message == (
                f"{server.url}/train2017.zip: the server answers with status 404; give --mirror, "
                f"or put the file into {root}/archives by hand, and run again"
            )
            make_zip(mirror / "train2017.zip", COCO["train2017.zip"])
            again = run("coco", options_of(root, server.url))
        assert [str(row.state) for row in again] == ["fetched", *["up to date"] * 3]
        assert content(root) == COCO_TREE

    def test_a_damaged_archive_is_not_kept_for_the_next_run(self, mirror, root):
        good = (mirror / "val2017.zip").read_bytes()
        (mirror / "val2017.zip").write_bytes(good[:-30])
        with FaultyServer(mirror) as server:
            report = run("coco", options_of(root, server.url, only=("val",)))[0]
            assert "val2017.zip: a damaged archive: " in report.message
            assert report.message.endswith("the archive is deleted, run again to fetch it anew")
            assert content(root) == {}
            (mirror / "val2017.zip").write_bytes(good)
            run("coco", options_of(root, server.url, only=("val",)))
        assert content(root) == {"val2017/3.jpg": b"three"}

    def test_a_damaged_archive_of_a_local_mirror_stays(self, mirror, root):
        (mirror / "val2017.zip").write_bytes(b"PK nonsense")
        report = run("coco", options_of(root, mirror, only=("val",)))[0]
        assert report.message.startswith(f"{mirror}/val2017.zip: a damaged archive: ")
        assert (mirror / "val2017.zip").exists()

    def test_a_mirror_without_the_archive_is_told(self, mirror, root):
        (mirror / "val2017.zip").unlink()
        report = run("coco", options_of(root, mirror, only=("val",)))[0]
        assert report.message == (
            f"{mirror}/val2017.zip: no such file; --mirror must have the archives by their names"
        )

    @pytest.mark.parametrize("kind", ["folder", "http"])
    def test_a_mirror_with_another_archive_is_told(self, tmp_path, kind):
        make_zip(tmp_path / "m" / "DAVIS-2017-trainval-480p.zip", {"DAVIS/x": b"1"})
        with FaultyServer(tmp_path / "m") as server:
            place = tmp_path / "m" if kind == "folder" else server.url
            report = run("davis", options_of(tmp_path / "davis", place))[0]
        assert report.state == State.FAILED
        assert "bytes, expected 832766765" in report.message
        assert report.message.endswith("or --unchecked if this one means to have another archive")

    def test_md5_is_checked_where_it_is_all_that_is_known(self, tmp_path):
        path = make_tar(tmp_path / "m" / "VOCtrainval_11-May-2012.tar", {"VOCdevkit/x": b"1"})
        report = run("voc", options_of(tmp_path / "voc", tmp_path / "m"))[0]
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        assert f"its md5 is {md5}, expected 6cd6e144f989b92b3379bac3b3de84fd" in report.message

    def test_a_server_that_stops_keeps_what_came(self, mirror, root):
        with FaultyServer(mirror, cut_after_bytes=50, ranges=False) as server:
            report = run("coco", options_of(root, server.url, only=("val",)))[0]
        assert report.message.endswith("what came is kept: run again to go on, or give --mirror")
        assert (root / "archives" / "val2017.zip.part").stat().st_size == 50


class TestPlan:
    def test_it_says_what_would_come_and_writes_nothing(self, mirror, root):
        with FaultyServer(mirror) as server:
            planned = plan("coco", options_of(root, server.url))
            assert {row.method for row in server.asked} == {"HEAD"}
        sizes = {path.name: path.stat().st_size for path in mirror.iterdir()}
        assert {row.archive: row.size_bytes for row in planned.archives} == sizes
        assert planned.needed_bytes == sum(sizes.values()) + max(sizes.values())
        assert not root.exists()

    def test_what_is_known_is_not_asked_for(self, tmp_path):
        with FaultyServer(tmp_path) as server:
            planned = plan("davis", options_of(tmp_path / "davis", server.url))
        assert server.asked == []
        assert planned.archives[0].size_bytes == 832766765
        assert planned.needed_bytes == 2 * 832766765

    def test_a_size_that_nobody_tells_is_unknown(self, root):
        planned = plan("coco", options_of(root, "http://127.0.0.1:9", only=("val",)))
        assert (planned.archives[0].size_bytes, planned.needed_bytes) == (None, 0)

    def test_room_for_archives_depends_on_where_they_lie_and_whether_they_stay(self, mirror, root):
        sizes = [(mirror / name).stat().st_size for name in COCO]
        with FaultyServer(mirror) as server:
            keep = plan("coco", options_of(root, server.url, keep_archives=True))
        assert keep.needed_bytes == 2 * sum(sizes)
        assert plan("coco", options_of(root, mirror)).needed_bytes == sum(sizes)

    def test_no_room_stops_before_anything_comes(self, mirror, root, monkeypatch):
        monkeypatch.setattr(archive_plan, "free_bytes", lambda _: 100)
        with pytest.raises(DiskFullError, match=r"coco: about 0\.0 MB are needed .* 0\.0 MB left"):
            run("coco", options_of(root, mirror))
        assert content(root) == {}


def test_a_full_disk_stops_the_whole_run(tmp_path, small_disk):
    for name in COCO:
        make_zip(tmp_path / "m" / name, {"annotations/x": bytes(2_000_000)})
    root = small_disk / "coco"
    with pytest.raises(DiskFullError, match=r"2\.0 MB more are needed"):
        run("coco", options_of(root, tmp_path / "m"))
    (small_disk / "filler").unlink()
    reports = run("coco", options_of(root, tmp_path / "m", only=("train",)))
    assert states(reports) == {"train2017.zip": "fetched"}


def test_a_second_run_at_the_same_time_is_refused(mirror, root):
    with (
        exclusive(root / OWN_FOLDER / "lock"),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        run("coco", options_of(root, mirror))


SCRIPT = """
import sys
from pathlib import Path
from vsda.fetch.archive import fetch
from vsda.fetch.archive_plan import FetchOptions
options = FetchOptions(root=Path(sys.argv[2]), mirror=sys.argv[1])
print("begins", flush=True)
sys.exit(any(report.message for report in fetch("coco", options)))
"""
SLOW = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 24)]


@pytest.fixture(scope="module")
def large_mirror(tmp_path_factory):
    """Archives of COCO with enough in them to be killed in the middle."""
    mirror, expected = tmp_path_factory.mktemp("large"), {}
    rng = random.Random(5)
    for name in COCO:
        into = "stuffthingmaps/" if name.startswith("stuff") else ""
        files = {f"{name[:5]}/{n % 9}/{n}.bin": rng.randbytes(9_000) for n in range(120)}
        make_zip(mirror / name, files, packed=False)
        expected |= {f"{into}{place}": data for place, data in files.items()}
    return mirror, expected


@pytest.mark.parametrize("seed", [*range(2), *SLOW])
def test_a_run_killed_at_random_times_ends_as_one_that_was_not(large_mirror, root, seed):
    mirror, expected = large_mirror
    rng = random.Random(seed)
    with FaultyServer(mirror, bytes_per_s=12_000_000, cut_after_bytes=700_000) as server:
        command = [sys.executable, "-c", SCRIPT, server.url, str(root)]
        for _ in range(3):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.8))
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            _check_nothing_half(root, expected)
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    assert content(root) == expected
    assert sorted(path.name for path in (root / OWN_FOLDER).iterdir()) == sorted(
        f"{name}.json" for name in COCO
    )


def _check_nothing_half(root, expected):
    for name, data in content(root).items():
        if not name.startswith("archives/"):
            assert data == expected[name]
        elif name.endswith(".zip"):
            assert len(data) > 0
    for path in (root / OWN_FOLDER).glob("*.zip.json"):
        assert all(name in expected for name in json.loads(path.read_bytes())["files"])


def test_every_source_is_somebodys_default_or_part():
    for dataset in ("davis", "coco", "fbms", "voc"):
        for source in manifests.sources(dataset):
            assert source.parts
            assert source.into is not None
