"""Weights by name: found, fetched, resumed, and refused when something else comes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fetch.servers import FaultyServer
from tests.fetch.weights_table import FILES, KNOWN, safetensors_bytes, serve
from vsda.errors import UnknownNameError, VsdaError, WeightsError
from vsda.fetch.http import HttpLimits
from vsda.fetch.http_errors import DiskFullError
from vsda.fetch.weights import Presence, WeightsOptions, fetch_weights, find_weights, presence
from vsda.manifests import weights_sources
from vsda.storage import exclusive

pytestmark = pytest.mark.usefixtures("weights_table")

ROOT = Path(__file__).resolve().parents[2]
QUICK = HttpLimits(read_timeout_s=5, max_idle_attempts=2, first_pause_s=0.01, longest_pause_s=0.02)


@pytest.fixture
def served(tmp_path):
    """A folder with the three files."""
    return serve(tmp_path / "served")


@pytest.fixture
def folder(tmp_path):
    """Where weights go."""
    return tmp_path / "weights"


def fetch(names, folder, mirror):
    options = WeightsOptions(folder=folder, mirror=str(mirror), limits=QUICK)
    return list(fetch_weights(names, options))


def content(folder):
    """Return the files of a folder without what a lock leaves."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


class TestFind:
    def test_a_name_is_its_file(self, folder):
        serve(folder)
        assert find_weights("swin", folder) == folder / "swin.pth"
        assert find_weights("hub", folder) == folder / "hub.safetensors"

    @pytest.mark.parametrize(
        "place",
        ["runs/a", "a.pth", "./swin", "/x/y", "s3://bucket/a", "https://h/a.pth", "..", "run/"],
    )
    def test_a_path_or_url_passes_as_it_is(self, folder, place):
        assert find_weights(place, folder) == place

    def test_a_bare_word_that_lies_there_is_a_path(self, folder, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "myrun").mkdir()
        assert find_weights("myrun", folder) == "myrun"

    def test_a_file_of_ones_own_beside_the_others_goes_by_its_name(
        self, folder, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        folder.mkdir()
        (folder / "own.safetensors").touch()
        assert find_weights("own.safetensors", folder) == folder / "own.safetensors"
        assert find_weights("./own.safetensors", folder) == "./own.safetensors"
        (tmp_path / "own.safetensors").touch()
        assert find_weights("own.safetensors", folder) == "own.safetensors"

    def test_a_name_whose_file_is_not_there_says_how_to_get_it(self, folder):
        told = f"{folder}/swin.pth: the weights 'swin' are not there; `vsda weights fetch swin` "
        with pytest.raises(WeightsError, match=re.escape(told)):
            find_weights("swin", folder)

    def test_a_file_that_came_in_part_is_not_taken(self, folder):
        folder.mkdir()
        (folder / "swin.pth.part").write_bytes(b"first")
        with pytest.raises(WeightsError, match="are there in part only; `vsda weights fetch"):
            find_weights("swin", folder)

    def test_a_file_of_another_size_is_not_taken(self, folder):
        folder.mkdir()
        (folder / "swin.pth").write_bytes(b"short")
        with pytest.raises(WeightsError, match="are not of 300000 bytes, as expected"):
            find_weights("swin", folder)

    def test_an_unknown_word_gets_a_suggestion(self, folder):
        with pytest.raises(UnknownNameError, match=r"unknown weights 'swim'. Did you mean 'swin'"):
            find_weights("swim", folder)


def test_presence_tells_what_is_there(folder):
    serve(folder)
    (folder / "swin.pth").write_bytes(b"short")
    (folder / "hub.safetensors").replace(folder / "hub.safetensors.part")
    found = {name: presence(row, folder) for name, row in weights_sources().items()}
    assert found == {"swin": Presence.OTHER, "resnet": Presence.HERE, "hub": Presence.PART}
    assert presence(weights_sources()["swin"], folder / "x") == Presence.ABSENT


class TestFetch:
    @pytest.mark.parametrize("kind", ["folder", "web"])
    def test_files_come_whole_once_and_can_be_found(self, served, folder, kind):
        with FaultyServer(served) as server:
            mirror = served if kind == "folder" else server.url
            reports = fetch(["swin", "resnet", "hub", "swin"], folder, mirror)
            assert [str(row.state) for row in reports] == ["fetched"] * 3
            assert [row.size_bytes for row in reports] == [300_000, 40_000, 20_000]
            num_asked = len(server.asked)
            again = fetch(["hub", "swin"], folder, mirror)
            assert [str(row.state) for row in again] == ["up to date"] * 2
            assert len(server.asked) == num_asked
        assert content(folder) == FILES
        assert find_weights("swin", folder) == reports[0].path

    def test_without_a_mirror_the_authors_server_is_asked(self, folder):
        report = next(fetch_weights(["hub"], WeightsOptions(folder=folder, limits=QUICK)))
        assert report.place == "http://127.0.0.1:9/hub.safetensors"
        assert report.message.startswith(report.place)

    def test_an_unknown_name_stops_before_anything_comes(self, served, folder):
        with pytest.raises(UnknownNameError, match="unknown weights 'resnett'"):
            fetch(["swin", "resnett"], folder, served)
        assert not folder.exists()

    def test_a_file_with_other_bytes_comes_anew(self, served, folder):
        folder.mkdir()
        (folder / "swin.pth").write_bytes(bytes(300_000))
        (report,) = fetch(["swin"], folder, served)
        assert str(report.state) == "fetched"
        assert content(folder) == {"swin.pth": FILES["swin.pth"]}

    def test_a_lost_connection_is_taken_up_again(self, served, folder):
        with FaultyServer(served, cut_after_bytes=70_000) as server:
            (report,) = fetch(["swin"], folder, server.url)
            assert server.num_sent_bytes == 300_000
        assert report.message == ""
        assert content(folder) == {"swin.pth": FILES["swin.pth"]}

    def test_one_that_fails_does_not_stop_the_others(self, served, folder):
        (served / "resnet-cafe.pth").unlink()
        with FaultyServer(served) as server:
            reports = fetch(["swin", "resnet", "hub"], folder, server.url)
        assert [str(row.state) for row in reports] == ["fetched", "failed", "fetched"]
        assert reports[1].message == (
            f"{server.url}/resnet-cafe.pth: the server answers with status 404; give --mirror, or "
            f"put the file there by hand as {folder}/resnet-cafe.pth"
        )

    def test_a_folder_without_the_file_is_told(self, served, folder):
        (served / "hub.safetensors").unlink()
        (report,) = fetch(["hub"], folder, served)
        assert report.message.startswith(f"{served}/hub.safetensors: no such file; --mirror must")

    @pytest.mark.parametrize("kind", ["folder", "web"])
    @pytest.mark.parametrize(
        ("name", "file", "told"),
        [
            ("swin", "swin.pth", f"its sha256 is 0.*, expected {KNOWN['swin.pth'][1]}"),
            ("resnet", "resnet-cafe.pth", f"expected {KNOWN['resnet-cafe.pth'][1]}"),
        ],
    )
    def test_other_bytes_are_refused_and_not_kept(self, served, folder, kind, name, file, told):
        (served / file).write_bytes(bytes(len(FILES[file])))
        with FaultyServer(served) as server:
            (report,) = fetch([name], folder, served if kind == "folder" else server.url)
        assert re.search(told.replace("is 0.*", "is [0-9a-f]{64}"), report.message)
        assert report.message.endswith("your own file by its path in place of the name")
        assert content(folder) == {}

    def test_other_bytes_do_not_replace_what_is_there(self, served, folder):
        folder.mkdir()
        (folder / "resnet-cafe.pth").write_bytes(b"mine")
        (served / "resnet-cafe.pth").write_bytes(b"theirs")
        (report,) = fetch(["resnet"], folder, served)
        assert str(report.state) == "failed"
        assert content(folder) == {"resnet-cafe.pth": b"mine"}

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"", "it begins with b''"),
            (b"\x80\x02", "it begins with"),
            (bytes(5_000), "it begins with b'.x00"),
            (b"PK\x03\x04" + bytes(5_000), "a zip file without its end came"),
            (FILES["hub.safetensors"][:9_000], "has 8900 bytes of values, its header says 19900"),
            (FILES["hub.safetensors"] + b"x", "has 19901 bytes of values, its header says 19900"),
            (b"\xff" * 8 + b"{}", "its header would have 18446744073709551615 bytes"),
            (b"\x02" + bytes(7) + b"{]", r"cannot be read as that of safetensors \(JSONDec"),
            (b"\x07" + bytes(7) + b'{"a":1}', r"cannot be read as that of safetensors \(TypeE"),
        ],
    )
    def test_bytes_that_are_no_weights_are_refused_without_a_digest(
        self, served, folder, data, told
    ):
        (served / "hub.safetensors").write_bytes(data)
        (report,) = fetch(["hub"], folder, served)
        assert re.search(told, report.message)
        assert content(folder) == {}

    def test_what_lies_there_and_is_no_weights_comes_anew(self, served, folder):
        folder.mkdir()
        (folder / "hub.safetensors").write_bytes(bytes(5_000))
        (report,) = fetch(["hub"], folder, served)
        assert str(report.state) == "fetched"
        assert content(folder) == {"hub.safetensors": FILES["hub.safetensors"]}

    def test_what_is_there_stays_where_it_cannot_come_again(self, served, folder):
        fetch(["hub"], folder, served)
        (served / "hub.safetensors").write_bytes(b"no weights")
        options = WeightsOptions(folder=folder, mirror=str(served), limits=QUICK, again=True)
        (report,) = fetch_weights(["hub"], options)
        assert str(report.state) == "failed"
        assert content(folder) == {"hub.safetensors": FILES["hub.safetensors"]}

    @pytest.mark.parametrize("page", ["html", "video"])
    def test_a_web_page_in_place_of_the_file_is_refused(self, served, folder, page):
        with FaultyServer(served, page=page) as server:
            (report,) = fetch(["hub"], folder, server.url)
        assert "web page" in report.message
        assert content(folder) == {}

    def test_a_body_that_ends_early_is_kept_for_the_next_run(self, served, folder):
        with FaultyServer(served, cut_after_bytes=9_000, ranges=False) as server:
            (report,) = fetch(["hub"], folder, server.url)
        assert report.message.endswith("what came is kept: run again to go on, or give --mirror")
        assert content(folder)["hub.safetensors.part"] == FILES["hub.safetensors"][:9_000]
        with pytest.raises(WeightsError, match="in part only"):
            find_weights("hub", folder)

    def test_a_second_fetch_at_the_same_time_is_refused(self, served, folder):
        with (
            exclusive(folder / "swin.pth.lock"),
            pytest.raises(VsdaError, match="another process is writing here"),
        ):
            fetch(["swin"], folder, served)

    def test_a_disk_that_fills_up_keeps_what_came_and_stops_the_run(self, served, small_disk):
        (served / "hub.safetensors").write_bytes(safetensors_bytes(3_000_000))
        folder = small_disk / "weights"
        with FaultyServer(served, chunked=True) as server:
            with pytest.raises(DiskFullError, match="what came is kept: free some space"):
                fetch(["hub", "swin"], folder, server.url)
            assert (folder / "hub.safetensors.part").stat().st_size > 500_000
            (small_disk / "filler").unlink()
            reports = fetch(["hub"], folder, server.url)
            assert "range" in server.asked[-1].headers
        assert reports[0].size_bytes == 3_000_000


SCRIPT = """
import sys
from pathlib import Path
from tests.fetch.weights_table import use_table
from vsda.fetch.weights import WeightsOptions, fetch_weights
use_table(Path(sys.argv[1]))
print("begins", flush=True)
options = WeightsOptions(folder=Path(sys.argv[2]), mirror=sys.argv[3])
sys.exit(any(report.message for report in fetch_weights(["swin", "resnet"], options)))
"""


def test_a_killed_fetch_goes_on_where_it_was(served, folder, weights_table):
    with FaultyServer(served, bytes_per_s=200_000) as server:
        command = [sys.executable, "-c", SCRIPT, str(weights_table), str(folder), server.url]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        process.stdout.readline()
        part = folder / "swin.pth.part"
        while not (part.exists() and part.stat().st_size > 50_000):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        came = part.read_bytes()
        assert 0 < len(came) < 300_000
        assert FILES["swin.pth"].startswith(came)
        server.faults.bytes_per_s = None
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        ranges = [row.headers["range"] for row in server.asked if "range" in row.headers]
    assert ranges == [f"bytes={len(came)}-"]
    assert content(folder) == {name: FILES[name] for name in ("swin.pth", "resnet-cafe.pth")}
