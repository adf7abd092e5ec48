"""Downloads from a real server on loopback, with every fault that servers and networks have."""

import email.utils
import hashlib
import json
import logging
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.fetch.servers import PAGE, FaultyServer
from vsda.errors import FetchError, VsdaError
from vsda.fetch.checks import Checks
from vsda.fetch.http import (
    HttpLimits,
    HttpStatusError,
    NetworkError,
    WrongContentError,
    download,
    download_checked,
)
from vsda.fetch.http_errors import DiskFullError
from vsda.storage import exclusive

DATA = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
QUICK = HttpLimits(read_timeout_s=5, max_idle_attempts=3, first_pause_s=0.01, longest_pause_s=0.02)


@pytest.fixture
def folder(tmp_path):
    """A folder with the file x.bin, to be served."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "x.bin").write_bytes(DATA)
    return served


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out" / "x.bin"


def names(target):
    return sorted(path.name for path in target.parent.iterdir())


def get(server, target, **more):
    return download(f"{server.url}/x.bin", target, **{"limits": QUICK} | more)


def cut(folder, target, after_bytes=100_000, **faults):
    """Download the first bytes; then the user stops it."""

    def stop(done, _):
        if done >= after_bytes:
            raise KeyboardInterrupt

    with (
        FaultyServer(folder, cut_after_bytes=after_bytes, **faults) as server,
        pytest.raises(KeyboardInterrupt),
    ):
        get(server, target, on_bytes=stop)
    assert names(target) == ["x.bin.part", "x.bin.part.json"]


def go_on(folder, target, **faults):
    """Serve the folder at another port, and let the part remember that address."""
    origin = target.with_name("x.bin.part.json")
    server = FaultyServer(folder, **faults)
    origin.write_text(json.dumps(json.loads(origin.read_text()) | {"url": f"{server.url}/x.bin"}))
    return server


def test_a_file_comes_whole_with_nothing_beside_it(folder, target):
    with FaultyServer(folder) as server:
        assert get(server, target, size_bytes=len(DATA), sha256=SHA256) == len(DATA)
    assert target.read_bytes() == DATA
    assert names(target) == ["x.bin"]


def test_an_empty_file_is_a_file(folder, target):
    (folder / "x.bin").write_bytes(b"")
    with FaultyServer(folder) as server:
        assert get(server, target) == 0
    assert names(target) == ["x.bin"]


def test_nothing_packed_is_asked_for(folder, target):
    with FaultyServer(folder) as server:
        get(server, target)
    assert server.asked[0].headers["accept-encoding"] == "identity"
    assert server.asked[0].headers["user-agent"].startswith("vsda/")


def test_progress_is_told_in_bytes(folder, target):
    told = []
    with FaultyServer(folder) as server:
        get(server, target, on_bytes=lambda done, size: told.append((done, size)))
    assert told == sorted(told)
    assert told[-1] == (len(DATA), len(DATA))


def test_a_file_that_is_there_is_not_asked_for(folder, target):
    with FaultyServer(folder) as server:
        get(server, target)
        get(server, target, sha256=SHA256)
    assert len(server.asked) == 1


def test_a_file_that_is_there_but_differs_is_fetched_again(folder, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    with FaultyServer(folder) as server:
        get(server, target, sha256=SHA256)
    assert target.read_bytes() == DATA


class TestLostConnection:
    def test_the_same_call_goes_on_where_it_was(self, folder, target):
        with FaultyServer(folder, cut_after_bytes=100_000, num_cuts=2) as server:
            get(server, target, sha256=SHA256)
        ranges = [row.headers.get("range") for row in server.asked]
        assert ranges == [None, "bytes=100000-", "bytes=200000-"]
        etag = f'"{hashlib.md5(DATA).hexdigest()}"'
        assert [row.headers.get("if-range") for row in server.asked] == [None, etag, etag]
        assert server.num_sent_bytes == len(DATA)
        assert names(target) == ["x.bin"]

    def test_attempts_that_bring_something_are_not_counted(self, folder, target):
        with FaultyServer(folder, cut_after_bytes=30_000) as server:
            get(server, target, sha256=SHA256)  # ten attempts, three idle ones would be allowed
        assert len(server.asked) == 10

    def test_attempts_that_bring_nothing_are(self, folder, target):
        with (
            FaultyServer(folder, cut_after_bytes=0) as server,
            pytest.raises(NetworkError, match=r"/x\.bin: the connection failed: peer closed"),
        ):
            get(server, target)
        assert len(server.asked) == 3

    def test_a_later_process_goes_on_where_it_was(self, folder, target):
        cut(folder, target)
        with go_on(folder, target) as server:
            get(server, target, sha256=SHA256)
        assert server.asked[0].headers["range"] == "bytes=100000-"
        assert server.num_sent_bytes == 200_000
        assert target.read_bytes() == DATA

    def test_a_later_process_with_all_bytes_asks_for_none(self, folder, target):
        cut(folder, target)
        target.with_name("x.bin.part").write_bytes(DATA)
        with go_on(folder, target) as server:
            get(server, target, sha256=SHA256)
        assert server.asked == []

    def test_the_date_tells_a_file_without_a_version(self, folder, target):
        cut(folder, target, etag="none")
        with go_on(folder, target, etag="none") as server:
            get(server, target)
        assert server.asked[0].headers["if-range"].endswith("GMT")
        assert server.num_sent_bytes == 200_000

    def test_a_weak_version_is_compared_and_never_sent(self, folder, target):
        cut(folder, target, etag="weak", dated=False)
        with go_on(folder, target, etag="weak", dated=False) as server:
            get(server, target)
        assert "if-range" not in server.asked[0].headers
        assert server.num_sent_bytes == 200_000

    def test_another_weak_version_begins_anew(self, folder, target):
        cut(folder, target, etag="weak", dated=False)
        other = bytes(300_000)
        (folder / "x.bin").write_bytes(other)
        with go_on(folder, target, etag="weak", dated=False) as server:
            get(server, target)
        assert target.read_bytes() == other

    def test_without_version_and_date_a_later_process_begins_anew(self, folder, target):
        cut(folder, target, etag="none", dated=False)
        with go_on(folder, target, etag="none", dated=False) as server:
            get(server, target)
        assert "range" not in server.asked[0].headers
        assert target.read_bytes() == DATA

    def test_without_version_and_date_a_digest_allows_to_go_on(self, folder, target):
        cut(folder, target, etag="none", dated=False)
        with go_on(folder, target, etag="none", dated=False) as server:
            get(server, target, sha256=SHA256)
        assert server.num_sent_bytes == 200_000

    def test_a_file_that_changed_meanwhile_comes_anew(self, folder, target):
        cut(folder, target)
        other = random.Random(1).randbytes(200_000)
        (folder / "x.bin").write_bytes(other)
        with go_on(folder, target) as server:
            get(server, target)
        assert target.read_bytes() == other

    def test_bytes_from_another_address_are_not_mixed_in(self, folder, target):
        cut(folder, target)
        with FaultyServer(folder) as server:
            get(server, target)
        assert "range" not in server.asked[0].headers
        assert target.read_bytes() == DATA

    @pytest.mark.parametrize("origin", [None, b"", b"[]", b"{", b'{"urll": 3}', b"\xff"])
    def test_bytes_of_unknown_origin_are_not_used(self, folder, target, origin):
        cut(folder, target)
        path = target.with_name("x.bin.part.json")
        path.unlink() if origin is None else path.write_bytes(origin)
        with FaultyServer(folder) as server:
            get(server, target)
        assert "range" not in server.asked[0].headers
        assert target.read_bytes() == DATA


class TestServerWithoutRanges:
    def test_it_begins_anew(self, folder, target):
        with FaultyServer(folder, ranges=False, cut_after_bytes=100_000, num_cuts=2) as server:
            get(server, target, sha256=SHA256)
        assert server.num_sent_bytes == 500_000
        assert target.read_bytes() == DATA

    def test_that_never_gets_further_is_given_up(self, folder, target):
        with (
            FaultyServer(folder, ranges=False, cut_after_bytes=100_000) as server,
            pytest.raises(NetworkError),
        ):
            get(server, target)
        assert len(server.asked) == 4  # one that brought something, three that did not

    def test_pieces_of_a_range_are_put_together(self, folder, target):
        faults = {"cut_after_bytes": 100_000, "num_cuts": 1, "longest_piece_bytes": 80_000}
        with FaultyServer(folder, **faults) as server:
            get(server, target, sha256=SHA256)
        assert len(server.asked) == 4

    @pytest.mark.parametrize(
        "header", ["bytes 0-299999/300000", "bytes 99999-299999/300000", "lines 1-2/3", "bytes */9"]
    )
    def test_a_range_that_was_not_asked_for_is_not_taken(self, folder, target, header):
        faults = {"cut_after_bytes": 100_000, "num_cuts": 1, "content_range": header}
        with FaultyServer(folder, **faults) as server:
            get(server, target, sha256=SHA256)
        assert [row.headers.get("range") for row in server.asked] == [None, "bytes=100000-", None]

    def test_another_whole_size_in_the_range_begins_anew(self, folder, target):
        faults = {"cut_after_bytes": 100_000, "num_cuts": 1}
        with FaultyServer(folder, content_range="bytes 100000-1/7", **faults) as server:
            get(server, target, sha256=SHA256)
        assert [row.headers.get("range") for row in server.asked] == [None, "bytes=100000-", None]

    def test_a_range_past_the_end_of_a_shorter_file_begins_anew(self, folder, target):
        cut(folder, target)
        (folder / "x.bin").write_bytes(b"short")
        origin = target.with_name("x.bin.part.json")
        with go_on(folder, target, etag="none", dated=False) as server:
            known = json.loads(origin.read_text())
            origin.write_text(json.dumps(known | {"etag": "W/x", "last_modified": None}))
            get(server, target)
        assert [row.headers.get("range") for row in server.asked] == ["bytes=100000-", None]
        assert target.read_bytes() == b"short"

    def test_a_range_past_the_end_of_a_whole_file_of_unknown_size_is_its_end(self, folder, target):
        cut(folder, target)
        target.with_name("x.bin.part").write_bytes(DATA)
        origin = target.with_name("x.bin.part.json")
        with go_on(folder, target) as server:
            origin.write_text(json.dumps(json.loads(origin.read_text()) | {"size_bytes": None}))
            assert get(server, target) == len(DATA)
        assert server.num_sent_bytes == 0


class TestSize:
    def test_more_promised_than_there_is_never_becomes_a_file(self, folder, target):
        with (
            FaultyServer(folder, stated_bytes=400_000) as server,
            pytest.raises(FetchError, match="said before that it has 400000 bytes"),
        ):
            get(server, target)
        assert not target.exists()

    def test_less_promised_than_expected_is_told_before_the_body(self, folder, target):
        with (
            FaultyServer(folder, stated_bytes=200_000) as server,
            pytest.raises(WrongContentError, match="it has 200000 bytes, expected 300000"),
        ):
            get(server, target, size_bytes=300_000)
        assert names(target) == []

    def test_less_promised_than_sent_ends_at_the_promise(self, folder, target):
        with (
            FaultyServer(folder, stated_bytes=200_000) as server,
            pytest.raises(WrongContentError, match="its sha256 is"),
        ):
            get(server, target, sha256=SHA256)
        assert names(target) == []

    @pytest.mark.parametrize("how", [{"chunked": True}, {"sized": False}])
    def test_a_body_of_unknown_size_comes_whole(self, folder, target, how):
        with FaultyServer(folder, **how) as server:
            assert get(server, target, sha256=SHA256) == len(DATA)

    def test_a_body_in_chunks_that_is_cut_is_gone_on_with(self, folder, target):
        with FaultyServer(folder, chunked=True, cut_after_bytes=100_000, num_cuts=1) as server:
            get(server, target, sha256=SHA256)
        assert server.asked[1].headers["range"] == "bytes=100000-"

    def test_a_body_of_unknown_size_that_is_cut_shows_by_the_expected_size(self, folder, target):
        with FaultyServer(folder, sized=False, cut_after_bytes=100_000, num_cuts=1) as server:
            get(server, target, size_bytes=len(DATA))
        assert target.read_bytes() == DATA

    @pytest.mark.parametrize("how", [{"chunked": True}, {}])
    def test_more_than_the_limit_is_refused(self, folder, target, how):
        limits = HttpLimits(max_bytes=100_000)
        with (
            FaultyServer(folder, **how) as server,
            pytest.raises(WrongContentError, match=r"more than (100000 bytes|the limit)"),
        ):
            get(server, target, limits=limits)
        assert names(target) == []


class TestDigest:
    def test_other_bytes_are_not_kept(self, folder, target):
        with (
            FaultyServer(folder) as server,
            pytest.raises(WrongContentError, match=rf"its sha256 is {SHA256}, expected 0{{64}}"),
        ):
            get(server, target, sha256="0" * 64)
        assert names(target) == []

    def test_a_damaged_part_is_not_gone_on_with_twice(self, folder, target):
        cut(folder, target)
        target.with_name("x.bin.part").write_bytes(bytes(100_000))
        with go_on(folder, target) as server:
            with pytest.raises(WrongContentError):
                get(server, target, sha256=SHA256)
            get(server, target, sha256=SHA256)
        assert target.read_bytes() == DATA

    def test_a_digest_known_in_part_is_compared_at_both_ends(self, folder, target):
        known = f"{SHA256[:8]}...{SHA256[-4:]}"
        with FaultyServer(folder) as server:
            get(server, target, sha256=known)
            target.unlink()
            for wrong in (f"{SHA256[:8]}...0000", f"00000000...{SHA256[-4:]}"):
                with pytest.raises(WrongContentError):
                    get(server, target, sha256=wrong)

    def test_md5_where_nothing_better_is_known(self, folder, target):
        url = "{}/x.bin"
        with FaultyServer(folder) as server:
            good = Checks(md5=hashlib.md5(DATA).hexdigest())
            assert download_checked(url.format(server.url), target, good) == len(DATA)
            target.unlink()
            with pytest.raises(WrongContentError, match="its md5 is"):
                download_checked(url.format(server.url), target, Checks(md5="0" * 32))


class TestSomethingElse:
    def test_a_packed_body_is_refused_rather_than_saved(self, folder, target):
        with (
            FaultyServer(folder, packed=True) as server,
            pytest.raises(WrongContentError, match=r"the server packs it \(gzip\)"),
        ):
            get(server, target)
        assert names(target) == []

    @pytest.mark.parametrize(
        ("kind", "message"),
        [("html", "got text/html, a web page"), ("video", "a web page came in place")],
    )
    def test_a_web_page_is_refused_whatever_it_is_called(self, folder, target, kind, message):
        with (
            FaultyServer(folder, page=kind) as server,
            pytest.raises(WrongContentError, match=message),
        ):
            get(server, target)
        assert names(target) == []

    def test_a_web_page_does_not_cost_what_came_before(self, folder, target):
        cut(folder, target)
        with go_on(folder, target, page="html") as server, pytest.raises(WrongContentError):
            get(server, target)
        assert target.with_name("x.bin.part").stat().st_size == 100_000

    def test_a_web_page_that_is_wanted_is_a_file(self, folder, target):
        with FaultyServer(folder, page="html") as server:
            download(f"{server.url}/x", target.with_suffix(".html"), limits=QUICK)
        assert target.with_suffix(".html").read_bytes() == PAGE


class TestStatus:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 501])
    def test_a_refusal_is_told_at_once(self, folder, target, status):
        with (
            FaultyServer(folder, statuses=[status] * 9) as server,
            pytest.raises(HttpStatusError, match=rf"x\.bin: .* status {status}") as caught,
        ):
            get(server, target)
        assert (caught.value.status, len(server.asked)) == (status, 1)
        assert names(target) == []

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_a_passing_trouble_is_waited_for(self, folder, target, status):
        with FaultyServer(folder, statuses=[status] * 2) as server:
            get(server, target, sha256=SHA256)
        assert len(server.asked) == 3

    def test_one_that_does_not_pass_is_told_in_the_end(self, folder, target):
        with (
            FaultyServer(folder, statuses=[503] * 9) as server,
            pytest.raises(HttpStatusError) as caught,
        ):
            get(server, target)
        assert (caught.value.status, len(server.asked)) == (503, 3)

    def test_the_server_says_how_long_to_wait(self, folder, target):
        with FaultyServer(folder, statuses=[429], retry_after="1") as server:
            start = time.monotonic()
            get(server, target)
        assert 1.0 <= time.monotonic() - start < 3

    def test_the_server_says_until_when_to_wait(self, folder, target):
        until = email.utils.formatdate(time.time() + 2, usegmt=True)
        with FaultyServer(folder, statuses=[503], retry_after=until) as server:
            start = time.monotonic()
            get(server, target)
        assert 0.8 <= time.monotonic() - start < 4

    def test_a_wait_beyond_the_limit_is_the_callers_business(self, folder, target):
        with (
            FaultyServer(folder, statuses=[429] * 3, retry_after="3600") as server,
            pytest.raises(HttpStatusError, match=r"429 and asks to wait 3600 s") as caught,
        ):
            get(server, target)
        assert (caught.value.retry_after_s, len(server.asked)) == (3600.0, 1)

    @pytest.mark.parametrize("value", ["soon", "-5", "", "1e9"])
    def test_a_wait_that_nobody_understands_is_a_pause(self, folder, target, value):
        with FaultyServer(folder, statuses=[429], retry_after=value) as server:
            get(server, target)
        assert target.read_bytes() == DATA

    def test_a_refusal_crosses_process_borders(self):
        error = pickle.loads(pickle.dumps(HttpStatusError(429, "address", 3.0)))
        assert (error.status, error.url, error.retry_after_s) == (429, "address", 3.0)
        full = pickle.loads(pickle.dumps(DiskFullError("no room")))
        assert (str(full), full.exit_code) == ("no room", 1)


class TestAddress:
    def test_redirects_are_followed(self, folder, target):
        with FaultyServer(folder, redirects=3) as server:
            get(server, target, sha256=SHA256)

    def test_redirects_in_a_circle_are_told(self, folder, target):
        with (
            FaultyServer(folder, redirects=99) as server,
            pytest.raises(FetchError, match="cannot be asked for: Exceeded maximum"),
        ):
            get(server, target)

    def test_a_server_that_is_not_there_is_told(self, folder, target):
        with FaultyServer(folder) as server:
            url = f"{server.url}/x.bin"
        with pytest.raises(NetworkError, match=r"x\.bin: the connection failed: .*refused"):
            download(url, target, limits=QUICK)

    @pytest.mark.parametrize("url", ["http://", "http://[::1/x", "http://a:b/c"])
    def test_an_address_that_is_none_is_told(self, target, url):
        with pytest.raises(FetchError):
            download(url, target, limits=QUICK)

    @pytest.mark.parametrize("kind", ["path", "file", "memory"])
    def test_a_path_or_another_kind_of_place_is_copied(self, folder, target, kind):
        import fsspec

        fsspec.filesystem("memory").pipe("/served/x.bin", DATA)
        path = folder / "x.bin"
        places = {"path": str(path), "file": path.as_uri(), "memory": "memory://served/x.bin"}
        told = []
        size = download(
            places[kind], target, sha256=SHA256, on_bytes=lambda *bytes_: told.append(bytes_)
        )
        assert (size, names(target)) == (len(DATA), ["x.bin"])
        assert told[-1] == (len(DATA), len(DATA))
        assert path.is_file()

    def test_a_path_without_a_file_is_told(self, folder, target):
        with pytest.raises(FetchError, match=r"served/y\.bin: no such file"):
            download(str(folder / "y.bin"), target)
        with pytest.raises(FetchError, match=r"cannot be read: .*[Ii]s a directory"):
            download(str(folder), target)


class TestTime:
    def test_a_server_that_says_nothing_is_asked_again(self, folder, target):
        limits = HttpLimits(read_timeout_s=0.3, first_pause_s=0.01)
        with FaultyServer(folder, hang_s=20, num_hangs=1) as server:
            get(server, target, limits=limits, sha256=SHA256)
        assert len(server.asked) == 2

    def test_a_server_that_never_says_anything_is_given_up(self, folder, target):
        limits = HttpLimits(read_timeout_s=0.1, first_pause_s=0.01, max_idle_attempts=2)
        with (
            FaultyServer(folder, hang_s=20) as server,
            pytest.raises(NetworkError, match="nothing came for the time limit"),
        ):
            get(server, target, limits=limits)

    def test_a_slow_server_is_given_up_after_the_time_for_the_whole(self, folder, target):
        limits = HttpLimits(longest_s=0.5)
        with (
            FaultyServer(folder, bytes_per_s=20_000) as server,
            pytest.raises(NetworkError, match=r"not whole after 0\.5 s, \d+ bytes came"),
        ):
            get(server, target, limits=limits)
        assert 0 < target.with_name("x.bin.part").stat().st_size < 300_000

    def test_pauses_grow_and_are_told(self, folder, target, caplog):
        limits = HttpLimits(first_pause_s=0.02, longest_pause_s=0.05, max_idle_attempts=5)
        caplog.set_level(logging.INFO)
        with (
            FaultyServer(folder, statuses=[500] * 5) as server,
            pytest.raises(HttpStatusError),
        ):
            get(server, target, limits=limits)
        lines = [line for line in caplog.messages if "again in" in line]
        assert len(lines) == 4
        assert "status 500; again in 0.0 s" in lines[0]


class TestDisk:
    def test_a_full_disk_stops_and_keeps_what_came(self, folder, small_disk):
        (folder / "x.bin").write_bytes(bytes(3_000_000))
        target = small_disk / "x.bin"
        with FaultyServer(folder, chunked=True) as server:
            with pytest.raises(DiskFullError, match=r"x\.bin: No space left .* free some space"):
                get(server, target)
            assert 500_000 < (small_disk / "x.bin.part").stat().st_size < 1_100_000
            assert not target.exists()
            (small_disk / "filler").unlink()
            assert get(server, target) == 3_000_000
        assert "range" in server.asked[-1].headers

    def test_room_is_asked_for_before_the_first_byte(self, folder, small_disk):
        (folder / "x.bin").write_bytes(bytes(3_000_000))
        with (
            FaultyServer(folder) as server,
            pytest.raises(DiskFullError, match=r"3\.0 MB more are needed .* has 1\.0 MB left"),
        ):
            get(server, small_disk / "x.bin")
        assert server.num_bodies <= 1
        assert not list(small_disk.glob("x.bin"))


class TestTwoProcesses:
    def test_a_second_download_to_the_same_file_is_refused(self, folder, target):
        with (
            FaultyServer(folder) as server,
            exclusive(target.with_name("x.bin.lock")),
            pytest.raises(VsdaError, match="another process is writing here"),
        ):
            get(server, target)
        assert server.asked == []

    def test_of_many_at_once_one_downloads_and_none_harms_it(self, folder, target):
        failed = []

        def fetch():
            try:
                get(server, target, sha256=SHA256)
            except VsdaError as error:
                failed.append(str(error))

        with FaultyServer(folder, bytes_per_s=1_500_000) as server:
            threads = [threading.Thread(target=fetch) for _ in range(8)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
        assert target.read_bytes() == DATA
        assert names(target) == ["x.bin"]
        assert server.num_sent_bytes == len(DATA)
        assert all("another process is writing here" in message for message in failed)


SCRIPT = """
import sys
from pathlib import Path
from vsda.fetch.http import HttpLimits, download
download(sys.argv[1], Path(sys.argv[2]), limits=HttpLimits(first_pause_s=0.01))
"""


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 9))]
)
def test_a_download_killed_at_random_times_ends_with_the_same_bytes(tmp_path, target, seed):
    rng = random.Random(seed)
    served = tmp_path / "served"
    served.mkdir()
    data = rng.randbytes(2_000_000)
    (served / "x.bin").write_bytes(data)
    with FaultyServer(served, bytes_per_s=6_000_000, cut_after_bytes=700_000) as server:
        command = [sys.executable, "-c", SCRIPT, f"{server.url}/x.bin", str(target)]
        for _ in range(4):
            process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
            _wait_for_part(process, target)
            time.sleep(rng.uniform(0, 0.1))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert not target.exists() or target.read_bytes() == data
        subprocess.run(command, cwd=Path(__file__).parents[2], check=True)
    assert target.read_bytes() == data
    assert names(target) == ["x.bin"]
    assert server.num_sent_bytes < 2 * len(data)


def _wait_for_part(process, target):
    part = target.with_name("x.bin.part")
    before = part.stat().st_size if part.exists() else 0
    while process.poll() is None and not target.exists():
        if part.exists() and part.stat().st_size > before:
            return
        time.sleep(0.005)
