"""Downloads through the whole of yt-dlp: a plugin is YouTube, a loopback server has its files."""

import gc
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.fetch.servers import FaultyServer
from vsda.errors import FetchError, ItemError, ManifestError, Outcome
from vsda.fetch.youtube import YoutubeOptions, download_video, page, tool_name

pytestmark = [
    # yt-dlp leaves the connection of a failed attempt to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PLUGIN = Path(__file__).resolve().parent / "plugin"
DATA = random.Random(0).randbytes(300_000)
QUICK = YoutubeOptions(request_pause_s=0, retry_pause_s=0, timeout_s=5, num_retries=3)
ID = "AAB6lO-XiKE"
RATE_LIMITED = (
    "Video unavailable. This content isn\u2019t available, try again later. The current session "
    "has been rate-limited by YouTube for up to an hour. It is recommended to use `-t sleep`"
)
NO_RUNTIME = "No supported JavaScript runtime could be found. Only deno is enabled by default"


class Youtube:
    """What YouTube answers, and how often it was asked."""

    def __init__(self, place):
        self.place, self.answers = place, {}

    def says(self, youtube_id=ID, **answer):
        self.answers[youtube_id] = answer
        self.place.write_text(json.dumps(self.answers))

    @property
    def asked(self):
        log = Path(f"{self.place}.asked")
        return log.read_text().split() if log.is_file() else []


@pytest.fixture
def youtube(tmp_path, monkeypatch):
    # yt-dlp looks for plugins once in a process, where its first object is made.
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("VSDA_CANNED_YOUTUBE", str(tmp_path / "youtube.json"))
    yield Youtube(tmp_path / "youtube.json")
    gc.collect()  # here, where the marks above hold


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(DATA)
    return folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail(folder, options=QUICK, youtube_id=ID):
    with pytest.raises(ItemError) as caught:
        download_video(youtube_id, folder, options)
    return caught.value


def a_format(name, codec, width, height, **more):
    return {
        "format_id": name,
        "vcodec": codec,
        "acodec": "none",
        "width": width,
        "height": height,
        "ext": "mp4",
    } | more


def test_a_video_comes_whole_and_alone(youtube, served, folder):
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4", duration=3)
        download = download_video(ID, folder, QUICK)
    assert download.path == folder / f"{ID}.mp4"
    assert download.path.read_bytes() == DATA
    assert names(folder) == [f"{ID}.mp4"]
    assert (download.duration_ms, download.format_id) == (3000, "136")
    assert (download.tool, download.session) == (tool_name(), "guest")
    assert re.fullmatch(r"yt-dlp 20\d\d\.\d+\.\d+", tool_name())
    assert youtube.asked == [ID]


def test_a_video_without_a_duration_comes_too(youtube, served, folder):
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        assert download_video(ID, folder, QUICK).duration_ms is None


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("Video unavailable. This video has been removed by the uploader", "gone"),
        ("Private video. Sign in if you've been granted access to this video", "private"),
        ("Video unavailable", "unavailable"),
        (RATE_LIMITED, "throttled"),
        ("Sign in to confirm you\u2019re not a bot. Use --cookies", "bot-check"),
        ("Sign in to confirm you're not a bot. Use --cookies", "bot-check"),
        ("Something that nobody has seen yet", "unknown-reply"),
    ],
)
def test_a_message_becomes_an_outcome_and_stays_readable(youtube, folder, message, outcome):
    youtube.says(message=message)
    error = fail(folder)
    assert error.outcome == outcome
    assert str(error) == f"[youtube] {ID}: {message}"
    assert youtube.asked == [ID]
    assert names(folder) == []


def test_a_video_for_other_countries_is_told_by_its_class(youtube, folder):
    youtube.says(message="Not for you", countries=["DE", "AT"])
    error = fail(folder)
    assert error.outcome == Outcome.GEO_BLOCKED, error
    assert str(error).endswith("Not for you")
    assert youtube.asked == [ID]


def test_a_bug_in_yt_dlp_is_a_reply_that_nobody_knows(youtube, folder):
    youtube.says(**{"raise": "'NoneType' object is not subscriptable"})
    error = fail(folder)
    assert error.outcome == Outcome.UNKNOWN_REPLY, error
    assert "TypeError: 'NoneType' object" in str(error)


def test_a_warning_tells_why_no_player_answered(youtube, folder):
    youtube.says(
        warnings=["Unable to download API page: HTTP Error 429: Too Many Requests"],
        message="Failed to extract any player response",
    )
    assert fail(folder).outcome == Outcome.THROTTLED


def test_formats_that_miss_for_want_of_a_javascript_runtime_stop_the_run(youtube, folder):
    youtube.says(
        warnings=[NO_RUNTIME],
        formats=[a_format("140", "none", None, None, acodec="mp4a", url="http://127.0.0.1:9/x")],
    )
    error = fail(folder)
    assert error.outcome == Outcome.NO_JS_RUNTIME, error
    assert str(error).endswith(NO_RUNTIME)


def test_a_video_of_sound_alone_has_no_format(youtube, folder):
    youtube.says(
        formats=[a_format("140", "none", None, None, acodec="mp4a", url="http://127.0.0.1:9/x")]
    )
    assert fail(folder).outcome == Outcome.NO_FORMAT


def test_a_stream_that_goes_on_is_not_begun(youtube, folder):
    youtube.says(file="http://127.0.0.1:9/x.mp4", is_live=True)
    error = fail(folder)
    assert (error.outcome, str(error)) == (
        Outcome.UNAVAILABLE,
        "a live stream that is still going on",
    )


FORMATS = [
    ("av1-480", "av01.0.04M.08", 854, 480),
    ("avc-144", "avc1.4d400c", 256, 144),
    ("avc-480", "avc1.4d401e", 854, 480),
    ("avc-720", "avc1.4d401f", 1280, 720),
    ("avc-1080", "avc1.640028", 1920, 1080),
    ("avc-tall", "avc1.4d401f", 480, 854),
    ("vp9-480", "vp09.00.30.08", 854, 480),
]


@pytest.mark.parametrize(
    ("short_side_px", "offered", "chosen"),
    [
        (480, {"av1-480", "vp9-480", "avc-144", "avc-480", "avc-720"}, "avc-480"),
        (481, {"av1-480", "avc-144", "avc-480", "avc-720", "avc-1080"}, "avc-720"),
        (480, {"avc-144", "avc-tall", "avc-720"}, "avc-tall"),
        (2000, {"avc-144", "avc-480", "avc-720"}, "avc-720"),
        (None, {"avc-144", "avc-480", "avc-720"}, "avc-720"),
        (480, {"av1-480", "vp9-480"}, "vp9-480"),
        (480, {"av1-480"}, "av1-480"),
    ],
)
def test_the_smallest_h264_that_is_large_enough_is_taken(
    youtube, served, folder, short_side_px, offered, chosen
):
    with FaultyServer(served) as server:
        url = f"{server.url}/film.mp4"
        youtube.says(formats=[a_format(*row, url=url) for row in FORMATS if row[0] in offered])
        options = YoutubeOptions(min_short_side_px=short_side_px, request_pause_s=0)
        assert download_video(ID, folder, options).format_id == chosen
    assert youtube.asked == [ID]


def test_a_file_with_sound_is_taken_only_where_there_is_none_without(youtube, served, folder):
    with FaultyServer(served) as server:
        url = f"{server.url}/film.mp4"
        with_sound = a_format("18", "avc1.42001E", 640, 360, acodec="mp4a.40.2", url=url)
        without = a_format("134", "avc1.4d401e", 640, 360, url=url)
        youtube.says(formats=[without, with_sound])
        assert download_video(ID, folder, QUICK).format_id == "134"
        youtube.says(formats=[with_sound])
        assert download_video(ID, folder, QUICK).format_id == "18"


def test_a_plain_file_with_sound_is_taken_before_a_stream_in_fragments(youtube, served, folder):
    with FaultyServer(served) as server:
        url = f"{server.url}/film.mp4"
        plain = a_format("18", "avc1.42001E", 640, 360, acodec="mp4a.40.2", url=url)
        stream = a_format("hls", "avc1.4d401e", 640, 360, url=url, protocol="m3u8_native")
        youtube.says(formats=[plain, stream])
        assert download_video(ID, folder, QUICK).format_id == "18"


@pytest.mark.parametrize("codec", ["avc1.640028", "vp09.00.40.08", "av01.0.08M.08"])
def test_an_enlargement_that_a_network_drew_is_never_taken(youtube, served, folder, codec):
    with FaultyServer(served) as server:
        url = f"{server.url}/film.mp4"
        drawn = a_format("137-sr", codec, 1920, 1080, url=url, format_note="1080p, AI-upscaled")
        recorded = a_format("133", codec, 426, 240, url=url, format_note="240p")
        youtube.says(formats=[recorded, drawn])
        assert download_video(ID, folder, QUICK).format_id == "133"
        youtube.says(formats=[drawn])
        error = fail(folder)
    assert error.outcome == Outcome.NO_FORMAT, error


def test_a_connection_that_drops_twice_is_taken_up_with_a_range(youtube, served, folder):
    with FaultyServer(served, cut_after_bytes=100_000, num_cuts=2) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        assert download_video(ID, folder, QUICK).path.read_bytes() == DATA
        ranges = [row.headers.get("range") for row in server.asked]
    # yt-dlp writes whole blocks, so it asks again for a piece of what came
    assert ranges[0] is None
    assert [re.fullmatch(r"bytes=[1-9]\d+-", one) is not None for one in ranges[1:]] == [True, True]
    assert server.num_sent_bytes < 1.5 * len(DATA)
    assert names(folder) == [f"{ID}.mp4"]


def test_a_download_that_fails_goes_on_in_the_next_call(youtube, served, folder):
    with FaultyServer(served, cut_after_bytes=50_000) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        error = fail(folder, YoutubeOptions(request_pause_s=0, num_retries=0))
        assert error.outcome == Outcome.NETWORK, error
        assert names(folder) == [f"{ID}.136-0.mp4.part"]
        server.faults.cut_after_bytes = None
        assert download_video(ID, folder, QUICK).path.read_bytes() == DATA
        assert server.asked[-1].headers["range"].startswith("bytes=")
    assert names(folder) == [f"{ID}.mp4"]


def test_a_part_of_another_version_is_not_gone_on_with(youtube, served, folder):
    folder.mkdir()
    (folder / f"{ID}.136-299999.mp4.part").write_bytes(b"old" * 1000)
    (folder / f"{ID}.18-300000.mp4.part").write_bytes(b"old" * 1000)
    with FaultyServer(served) as server:
        url = f"{server.url}/film.mp4"
        row = a_format("136", "avc1.4d401f", 1280, 720, url=url, filesize=len(DATA))
        youtube.says(formats=[row])
        assert download_video(ID, folder, QUICK).path.read_bytes() == DATA
    assert names(folder) == [f"{ID}.mp4"]


def test_files_of_other_videos_stay(youtube, served, folder):
    folder.mkdir()
    others = [f"{ID[:-1]}x.mp4.part", f"{ID}x.mp4", "note.txt"]
    for name in others:
        (folder / name).write_bytes(b"1")
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        download_video(ID, folder, QUICK)
    assert names(folder) == sorted([*others, f"{ID}.mp4"])


@pytest.mark.parametrize("status", [404, 429, 503])
def test_a_file_that_its_server_refuses_is_not_a_dead_video(youtube, served, folder, status):
    with FaultyServer(served, statuses=[status] * 9) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        error = fail(folder)
    assert error.outcome == (Outcome.THROTTLED if status == 429 else Outcome.NETWORK)
    assert f"HTTP Error {status}" in str(error)


def test_an_expired_address_is_asked_for_anew(youtube, served, folder):
    with FaultyServer(served, statuses=[403]) as server:
        youtube.says(urls=[f"{server.url}/old.mp4", f"{server.url}/film.mp4"])
        assert download_video(ID, folder, QUICK).path.read_bytes() == DATA
        assert server.paths() == ["/old.mp4", "/film.mp4"]
    assert youtube.asked == [ID, ID]


def test_an_address_that_stays_refused_is_asked_for_once_more_only(youtube, served, folder):
    with FaultyServer(served, statuses=[403] * 9) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        error = fail(folder)
        assert error.outcome == Outcome.NETWORK, error
        assert len(server.asked) == 2
    assert youtube.asked == [ID, ID]


def test_a_server_that_cannot_be_reached_is_the_network(youtube, served, folder):
    with FaultyServer(served) as server:
        url = server.url
    youtube.says(file=f"{url}/film.mp4")
    error = fail(folder)
    assert error.outcome == Outcome.NETWORK, error


@pytest.mark.parametrize(("kind", "name"), [("file", "film.mp4"), ("hls", "film.m3u8")])
def test_a_connection_that_cannot_be_secured_is_the_network(youtube, served, folder, kind, name):
    with FaultyServer(served) as server:
        youtube.says(**{kind: f"{server.url.replace('http:', 'https:')}/{name}"})
        error = fail(folder)
    assert error.outcome == Outcome.NETWORK, error
    assert "SSL" in str(error)


def test_messages_are_plain_text_on_a_terminal_too(youtube, folder, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    youtube.says(message="Private video")
    assert str(fail(folder)) == f"[youtube] {ID}: Private video"


def test_a_server_that_says_nothing_is_the_network(youtube, served, folder):
    with FaultyServer(served, hang_s=9) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        options = YoutubeOptions(request_pause_s=0, num_retries=0, timeout_s=0.3)
        error = fail(folder, options)
        assert error.outcome == Outcome.NETWORK, error


def test_a_body_shorter_than_youtube_says_is_the_network(youtube, served, folder):
    with FaultyServer(served, sized=False, cut_after_bytes=100_000) as server:
        row = a_format("136", "avc1.4d401f", 1280, 720, url=f"{server.url}/film.mp4")
        youtube.says(formats=[row | {"filesize": len(DATA)}])
        error = fail(folder)
    assert (error.outcome, str(error)) == (Outcome.NETWORK, "100000 of 300000 bytes came")
    assert names(folder) == []


def test_a_web_page_called_video_is_no_video(youtube, served, folder):
    with FaultyServer(served, page="video") as server:
        youtube.says(file=f"{server.url}/film.mp4")
        error = fail(folder)
    assert error.outcome == Outcome.NOT_A_VIDEO, error
    assert "text came in place of the video: b'<!DOCTYPE html>" in str(error)
    assert names(folder) == []


def make_stream(served, num_fragments=15):
    pieces = [bytes([0x47, number]) * 2000 for number in range(num_fragments)]
    for number, piece in enumerate(pieces):
        (served / f"{number}.ts").write_bytes(piece)
    rows = "".join(f"#EXTINF:1.0,\n{number}.ts\n" for number in range(num_fragments))
    (served / "media.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n{rows}#EXT-X-ENDLIST\n"
    )
    (served / "film.m3u8").write_text(
        '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="avc1.4d401f",RESOLUTION=854x480\n'
        "media.m3u8\n"
    )
    return b"".join(pieces)


def test_a_stream_in_fragments_comes_whole(youtube, served, folder):
    whole = make_stream(served)
    with FaultyServer(served) as server:
        youtube.says(hls=f"{server.url}/film.m3u8")
        assert download_video(ID, folder, QUICK).path.read_bytes() == whole
    assert names(folder) == [f"{ID}.mp4"]


def test_a_fragment_that_is_refused_is_asked_for_again(youtube, served, folder):
    whole = make_stream(served)
    (served / "5.ts").rename(served / "late.ts")
    with FaultyServer(served) as server:

        def bring():
            while "/5.ts" not in server.paths():
                time.sleep(0.01)
            (served / "late.ts").rename(served / "5.ts")

        late = threading.Thread(target=bring, daemon=True)
        late.start()
        youtube.says(hls=f"{server.url}/film.m3u8")
        options = YoutubeOptions(request_pause_s=0, retry_pause_s=0.2, num_retries=3)
        assert download_video(ID, folder, options).path.read_bytes() == whole
        late.join(timeout=5)
        assert server.paths().count("/5.ts") > 1


def test_a_stream_with_two_fragments_missing_fails_and_leaves_nothing(youtube, served, folder):
    make_stream(served)
    (served / "5.ts").unlink()
    (served / "6.ts").unlink()
    with FaultyServer(served) as server:
        youtube.says(hls=f"{server.url}/film.m3u8")
        error = fail(folder)
    assert error.outcome == Outcome.NETWORK, error
    assert names(folder) == []


def test_a_stream_that_a_kill_left_in_part_begins_anew(youtube, served, folder):
    whole = make_stream(served)
    folder.mkdir()
    state = {"downloader": {"current_fragment": {"index": 3}, "fragment_count": 15}}
    # killed after the fourth fragment was appended and before that was written down
    (folder / f"{ID}.hls-800-0.mp4.part").write_bytes(whole[: 4 * 4000])
    (folder / f"{ID}.hls-800-0.mp4.ytdl").write_text(json.dumps(state))
    (folder / f"{ID}.hls-800-0.mp4.part-Frag3").write_bytes(b"x")
    with FaultyServer(served) as server:
        youtube.says(hls=f"{server.url}/film.m3u8")
        assert download_video(ID, folder, QUICK).path.read_bytes() == whole


@pytest.mark.parametrize(
    "youtube_id",
    [
        "-abc",
        "--exec=rm",
        "ytsearch:cat",
        "https://x.y",
        "../../../ab",
        "AAB6lO-XiK",
        "AAB6lO-XiKE\n",
        "",
        "AAB6lO XiKE",
        "äAB6lO-XiKE",
    ],
)
def test_what_is_no_id_is_never_asked_for(youtube, folder, youtube_id):
    youtube.says()
    error = fail(folder, youtube_id=youtube_id)
    assert error.outcome == Outcome.GONE, error
    assert "is no YouTube id: those have 11 letters, digits, '-' or '_'" in str(error)
    assert youtube.asked == []
    assert not folder.exists()


@pytest.mark.parametrize("youtube_id", ["-abcdefghij", "--exec-rm-x", "___________", "-----------"])
def test_an_id_that_looks_like_an_option_is_an_id(youtube, served, folder, youtube_id):
    with FaultyServer(served) as server:
        youtube.says(youtube_id, file=f"{server.url}/film.mp4")
        download = download_video(youtube_id, folder, QUICK)
    assert download.path == folder / f"{youtube_id}.mp4"
    assert youtube.asked == [youtube_id]


def test_a_folder_may_have_any_name(youtube, served, tmp_path):
    folder = tmp_path / "100% %(title)s ~ $NONE é"
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        assert download_video(ID, folder, QUICK).path == folder / f"{ID}.mp4"
    assert names(folder) == [f"{ID}.mp4"]


def test_nothing_is_written_elsewhere_and_no_settings_are_read(
    youtube, served, folder, tmp_path, monkeypatch
):
    home, work = tmp_path / "home", tmp_path / "work"
    (home / ".config" / "yt-dlp").mkdir(parents=True)
    (home / ".config" / "yt-dlp" / "config").write_text("--write-info-json\n-o /x/y\n")
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(work)
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        download_video(ID, folder, QUICK)
    assert names(folder) == [f"{ID}.mp4"]
    assert names(work) == []
    assert names(home) == [".config"]


def test_requests_for_facts_are_not_made_in_a_row(youtube, served, folder):
    (served / "facts").write_text("facts")
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4", pages=[f"{server.url}/facts"] * 3)
        start = time.monotonic()
        download_video(ID, folder, YoutubeOptions(request_pause_s=0.3))
        assert time.monotonic() - start > 0.6


def test_without_the_plugin_yt_dlp_itself_asks_through_the_proxy(youtube, folder, monkeypatch):
    monkeypatch.delenv("VSDA_CANNED_YOUTUBE")
    # nothing listens at this proxy, so nothing leaves the machine
    options = YoutubeOptions(proxy="http://127.0.0.1:9", request_pause_s=0, num_retries=0)
    error = fail(folder, options)
    assert error.outcome == Outcome.NETWORK, error
    assert "Unable to connect to proxy" in str(error)


def test_a_speed_limit_is_kept(youtube, served, folder):
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        start = time.monotonic()
        options = YoutubeOptions(request_pause_s=0, max_bytes_per_s=300_000)
        download_video(ID, folder, options)
        assert time.monotonic() - start > 0.6


def cookies_file(tmp_path):
    path = tmp_path / "cookies.txt"
    path.write_text(
        "# Netscape HTTP Cookie File\n"
        ".youtube.com\tTRUE\t/\tTRUE\t4102444800\tSID\tsecret\n"
        "127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tSEEN\tyes\n"
    )
    return path


def test_cookies_are_sent_and_their_file_is_left_as_it_is(youtube, served, folder, tmp_path):
    path = cookies_file(tmp_path)
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    options = YoutubeOptions(cookies=path, request_pause_s=0)
    path.chmod(0o400)
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        for _ in range(3):
            download = download_video(ID, folder, options)
        assert {row.headers.get("cookie") for row in server.asked} == {"SEEN=yes"}
    assert len(youtube.asked) == 3
    assert download.session == "cookies"
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, changed)
    assert {entry.name for entry in path.parent.iterdir()} >= {"cookies.txt"}


def test_cookies_that_are_replaced_are_read_again(youtube, served, folder, tmp_path):
    path = cookies_file(tmp_path)
    options = YoutubeOptions(cookies=path, request_pause_s=0)
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        download_video(ID, folder, options)
        path.write_text(path.read_text().replace("SEEN\tyes", "SEEN\tnow"))
        os.utime(path, ns=(1, 1))
        download_video(ID, folder, options)
        assert [row.headers.get("cookie") for row in server.asked] == ["SEEN=yes", "SEEN=now"]


def test_cookies_that_are_missing_or_of_another_format_are_the_users_mistake(
    youtube, folder, tmp_path
):
    youtube.says(message="Private video")
    with pytest.raises(FetchError, match=r"none\.txt: cookies cannot be read"):
        download_video(ID, folder, YoutubeOptions(cookies=tmp_path / "none.txt"))
    path = tmp_path / "cookies.json"
    path.write_text('[{"name": "SID"}]')
    with pytest.raises(FetchError, match=r"cookies\.json: expected .* Netscape format"):
        download_video(ID, folder, YoutubeOptions(cookies=path))
    assert youtube.asked == []


SCRIPT = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job may have it ignored
from vsda.fetch.youtube import YoutubeOptions, download_video
cookies = Path(sys.argv[2]) if len(sys.argv) > 2 else None
options = YoutubeOptions(cookies=cookies, request_pause_s=0)
for name in sys.argv[1].split(","):
    print("begin", flush=True)
    print(download_video("AAB6lO-XiKE", Path(name), options).path, flush=True)
"""


def start(*arguments):
    python_path = os.pathsep.join([str(PLUGIN), str(PLUGIN.parents[2])])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": python_path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_share_cookies_without_touching_them(youtube, served, tmp_path):
    path = cookies_file(tmp_path)
    before = path.read_bytes()
    with FaultyServer(served) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        processes = [start(",".join(str(tmp_path / who / n) for n in "abc"), path) for who in "xy"]
        outputs = [process.communicate(timeout=60) for process in processes]
        assert {row.headers.get("cookie") for row in server.asked} == {"SEEN=yes"}
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert path.read_bytes() == before
    assert list(tmp_path.glob("cookies*")) == [path]


def test_ctrl_c_keeps_what_came_for_the_next_call(youtube, served, folder):
    with FaultyServer(served, bytes_per_s=30_000) as server:
        youtube.says(file=f"{server.url}/film.mp4")
        process = start(folder)
        deadline = time.monotonic() + 30
        while server.num_sent_bytes < 50_000 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "KeyboardInterrupt" in errors
        assert names(folder) == [f"{ID}.136-0.mp4.part"]
        server.faults.bytes_per_s = None
        assert download_video(ID, folder, QUICK).path.read_bytes() == DATA
    assert names(folder) == [f"{ID}.mp4"]


def test_a_full_disk_is_the_disk_and_not_the_video(youtube, served, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if not made or made.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        with FaultyServer(served) as server:
            youtube.says(file=f"{server.url}/film.mp4")
            error = fail(small / "out")
        assert error.outcome == Outcome.DISK_FULL, error
        assert "[Errno 28] No space left on device" in str(error)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_page_that_no_table_names_is_told():
    assert page("watch").replace("{id}", ID).endswith(f"/watch?v={ID}")
    with pytest.raises(ManifestError, match=r"youtube/pages\.tsv: no page 'none'"):
        page("none")
