"""Videos from a mirror: a folder, a loopback web server, an S3 server."""

import random
import shutil
import subprocess

import pytest
import s3fs

from tests.fetch.servers import FaultyServer
from vsda.errors import ItemError, Outcome, UsageError, VsdaError
from vsda.fetch.http import HttpLimits
from vsda.fetch.mirror import check_mirror, from_mirror

ID = "AAB6lO-XiKE"
DATA = random.Random(1).randbytes(200_000)
QUICK = HttpLimits(
    max_idle_attempts=2, first_pause_s=0.01, longest_pause_s=0.02, longest_wait_s=0.1
)


@pytest.fixture
def mirror(tmp_path):
    """A folder with one video."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / f"{ID}.mp4").write_bytes(DATA)
    return folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def fail(mirror, folder, youtube_id=ID):
    with pytest.raises(ItemError) as caught:
        from_mirror(str(mirror), youtube_id, folder, QUICK)
    return caught.value


def test_a_file_of_a_local_mirror_stays_where_it_is(mirror, folder):
    download = from_mirror(str(mirror), ID, folder)
    assert download.path == mirror / f"{ID}.mp4"
    assert (download.tool, download.session) == ("mirror", "mirror")
    assert (download.duration_ms, download.format_id) == (None, None)
    assert not folder.exists()


def test_a_file_url_is_a_local_mirror(mirror, folder):
    assert from_mirror(mirror.as_uri(), ID, folder).path == mirror / f"{ID}.mp4"


def test_extensions_are_looked_for_in_order(mirror, folder):
    (mirror / f"{ID}.mkv").write_bytes(b"1")
    (mirror / f"{ID}.webm").write_bytes(b"1")
    assert from_mirror(str(mirror), ID, folder).path.suffix == ".mp4"
    (mirror / f"{ID}.mp4").unlink()
    assert from_mirror(str(mirror), ID, folder).path.suffix == ".webm"
    (mirror / f"{ID}.webm").unlink()
    assert from_mirror(str(mirror), ID, folder).path.suffix == ".mkv"


def test_a_folder_of_a_videos_name_is_no_video(mirror, folder):
    (mirror / "BBBBBBBBBBB.mp4").mkdir()
    assert fail(mirror, folder, "BBBBBBBBBBB").outcome == Outcome.GONE


def test_a_video_that_a_local_mirror_lacks_is_gone(mirror, folder):
    error = fail(mirror, folder, "-ther-video")
    assert error.outcome == Outcome.GONE
    assert str(error) == f"not in the mirror {mirror} as -ther-video.mp4|.webm|.mkv"


@pytest.mark.parametrize("youtube_id", ["../AAB6lO-X", "a/b", "", ".", "a.b", "x\n", "a?b", "%2e"])
def test_what_is_no_id_is_never_looked_for(mirror, folder, youtube_id):
    with FaultyServer(mirror) as server:
        error = fail(server.url, folder, youtube_id)
        assert server.asked == []
    assert error.outcome == Outcome.GONE
    assert "is no YouTube id" in str(error)


def test_a_web_mirror_is_asked_for_each_extension_and_the_file_comes(mirror, folder):
    (mirror / f"{ID}.mp4").rename(mirror / f"{ID}.webm")
    with FaultyServer(mirror) as server:
        download = from_mirror(f"{server.url}/", ID, folder, QUICK)
        assert server.paths() == [f"/{ID}.mp4", f"/{ID}.webm"]
    assert download.path == folder / f"{ID}.webm"
    assert download.path.read_bytes() == DATA
    assert [path.name for path in folder.iterdir()] == [f"{ID}.webm"]


def test_a_lost_connection_is_taken_up(mirror, folder):
    with FaultyServer(mirror, cut_after_bytes=90_000, num_cuts=2) as server:
        assert from_mirror(server.url, ID, folder, QUICK).path.read_bytes() == DATA
        assert server.num_sent_bytes == len(DATA)


def test_a_video_that_a_web_mirror_lacks_is_gone(mirror, folder):
    with FaultyServer(mirror) as server:
        assert fail(server.url, folder, "BBBBBBBBBBB").outcome == Outcome.GONE
        assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(429, "throttled"), (503, "throttled"), (500, "network"), (403, "network"), (410, "gone")],
)
def test_only_an_absent_file_is_gone(mirror, folder, status, outcome):
    with FaultyServer(mirror, statuses=[status] * 9) as server:
        assert fail(server.url, folder).outcome == outcome


def test_a_mirror_that_asks_to_wait_long_is_told_at_once(mirror, folder):
    with FaultyServer(mirror, statuses=[503] * 9, retry_after="3600") as server:
        error = fail(server.url, folder)
    assert error.outcome == Outcome.THROTTLED
    assert "asks to wait 3600 s" in str(error)


def test_a_web_page_called_video_is_no_video(mirror, folder):
    with FaultyServer(mirror, page="video") as server:
        assert fail(server.url, folder).outcome == Outcome.NOT_A_VIDEO
    assert list(folder.iterdir()) == []


def test_a_mirror_that_cannot_be_reached_is_the_network(mirror, folder):
    with FaultyServer(mirror) as server:
        url = server.url
    assert fail(url, folder).outcome == Outcome.NETWORK


def test_a_mirror_on_s3_is_copied_from(s3, mirror, folder):
    import fsspec

    filesystem = fsspec.filesystem("s3")
    filesystem.put(str(mirror / f"{ID}.mp4"), f"{s3}/{ID}.mkv")
    check_mirror(s3)
    assert from_mirror(s3, ID, folder).path.read_bytes() == DATA
    assert fail(s3, folder, "BBBBBBBBBBB").outcome == Outcome.GONE


def test_an_s3_mirror_that_cannot_be_reached_is_the_network(folder, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # else one of another test is used again
    assert fail("s3://unreachable/videos", folder).outcome == Outcome.NETWORK
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_folder_that_is_not_there_is_told_before_the_run(mirror, tmp_path):
    check_mirror(str(mirror))
    check_mirror(mirror.as_uri())
    check_mirror("https://example.org/videos")
    for wrong in (tmp_path / "none", mirror / f"{ID}.mp4"):
        with pytest.raises(
            UsageError, match=r"--mirror .*: no such folder; .*\.mp4, \.webm, \.mkv"
        ):
            check_mirror(str(wrong))
    with pytest.raises(UsageError, match="no such folder"):
        check_mirror("memory://nothing-here")


def test_a_kind_of_place_that_nobody_knows_is_told():
    with pytest.raises(VsdaError, match="cannot be opened"):
        check_mirror("nonsense://x")


def test_a_full_disk_is_the_disk(mirror, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if not made or made.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        with FaultyServer(mirror) as server:
            assert fail(server.url, small / "out").outcome == Outcome.DISK_FULL
    finally:
        subprocess.run(["umount", str(small)], check=True)
