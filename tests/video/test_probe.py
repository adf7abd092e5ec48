"""What a probe says of good files, and of everything else that may lie under a video's name."""

import io
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from tests.video import barcode
from tests.video.barcode import B_FRAMES, Coding
from vsda.errors import ItemError, Outcome
from vsda.video.probe import probe


def failure(path, outcome):
    with pytest.raises(ItemError) as caught:
        probe(path)
    assert caught.value.outcome is outcome
    assert str(path) in str(caught.value)
    return str(caught.value)


def no_video(path):
    return failure(path, Outcome.NOT_A_VIDEO)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return barcode.write(tmp_path_factory.mktemp("clip") / "a:b c.mp4", range(50), Fraction(1, 25))


def test_the_facts_of_an_ordinary_video(clip):
    facts = probe(clip)
    assert (facts.codec, facts.pixel_format) == ("h264", "yuv420p")
    assert (facts.width_px, facts.height_px, facts.rotation) == (128, 96, 0)
    assert facts.pts.dtype == np.int64
    assert len(facts.pts) == 50
    assert 1960 < facts.duration_ms <= 2000
    assert facts.container == "mov,mp4,m4a,3gp,3g2,mj2"
    assert not facts.is_edited | facts.is_mirrored | facts.has_open_gops | facts.is_counted
    assert facts.longest_gop == 30


def test_times_come_sorted_where_frames_are_coded_out_of_order(tmp_path):
    path = barcode.write(tmp_path / "b.mp4", range(50), Fraction(1, 25), B_FRAMES)
    facts = probe(path)
    assert (np.diff(facts.pts) > 0).all()
    assert facts.pts[0] == 0


@pytest.mark.parametrize(("turn", "shape"), [(90, (96, 128)), (180, (128, 96)), (270, (96, 128))])
def test_the_turn_is_clockwise_and_the_size_as_shown(turn, shape, tmp_path):
    path = barcode.write(tmp_path / "t.mp4", range(5), Fraction(1, 25), Coding(turn=turn))
    facts = probe(path)
    assert facts.rotation == turn
    assert (facts.width_px, facts.height_px) == shape


def test_a_mirrored_picture_is_told(tmp_path):
    path = barcode.write(tmp_path / "m.mp4", range(5), Fraction(1, 25), Coding(mirror=True))
    facts = probe(path)
    assert (facts.is_mirrored, facts.rotation) == (True, 0)


def test_the_last_frame_lasts_as_long_as_the_one_before_where_nothing_says(tmp_path):
    path = barcode.write(tmp_path / "v.mkv", [0, 100, 300], Fraction(1, 1000))
    assert probe(path).duration_ms in {333, 500}


def test_a_missing_file(tmp_path):
    path = tmp_path / "none.mp4"
    assert no_video(path) == f"{path}: expected a video, found no such file"


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.mp4"
    path.touch()
    assert no_video(path) == f"{path}: expected a video, found an empty file"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page or other markup"),
        (b"\n <?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page or"),
        ("Zugriff verweigert, nämlich für heute.".encode(), "a text"),
        (b"#EXTM3U\n#EXTINF:10,\nother.ts\n", "a play list"),
        (b"PK\x03\x04" + bytes(100), "a zip archive"),
        (bytes(range(200, 256)) * 30, "a file of no known format that starts with c8 c9 ca"),
    ],
)
def test_other_files_are_told_by_what_they_are(data, words, tmp_path):
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    assert f"{path}: expected a video, found {words}" in no_video(path)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
def test_a_picture_is_no_video(kind, tmp_path):
    path = tmp_path / "x.mp4"
    Image.new("RGB", (64, 48)).save(path, kind)
    assert no_video(path).endswith(f"found a {kind.upper()} picture")


def test_a_play_list_does_not_open_the_files_it_names(clip, tmp_path):
    path = tmp_path / "x.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{clip}'\n")
    assert no_video(path).endswith("found a text")


def test_a_cut_download_lacks_its_index(clip, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:1500])
    assert no_video(path).endswith("index (moov) is missing or damaged, as after a cut download")


def sound(path, cover=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        picture = container.add_stream("mjpeg", rate=1) if cover else None
        if picture:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
            picture.disposition = Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if picture:
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts = picture, 0, 0
            container.mux(packet)
    return path


def test_sound_alone_is_no_video(tmp_path):
    assert no_video(sound(tmp_path / "song.mp4")).endswith("found audio without pictures")


def test_sound_with_a_cover_is_no_video(tmp_path):
    cover = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(cover, "jpeg")
    path = sound(tmp_path / "song.mp4", cover.getvalue())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert no_video(path).endswith("found audio, video without pictures")


def test_a_video_stream_without_frames(tmp_path):
    path = tmp_path / "none.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(ItemError, match=r"none of its frames|expected a video|no frames"):
        probe(path)


def test_damage_everywhere_leaves_no_frame(clip, tmp_path):
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov", start) - 4
    data[start:end] = b"\xff" * (end - start)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    assert failure(path, Outcome.UNDECODABLE).endswith("none of its frames can be decoded")


def test_frames_of_the_same_time_are_an_error(tmp_path):
    whole = barcode.write(tmp_path / "whole.mkv", range(0, 400, 40), Fraction(1, 1000))
    path = tmp_path / "same.mkv"
    with av.open(str(whole)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.size:
                packet.pts = packet.dts = max(packet.pts, 80)
                packet.stream = copy
                new.mux(packet)
    message = failure(path, Outcome.UNDECODABLE)
    assert "3 frames share presentation times, the first at 0.080 s" in message


def test_a_probe_leaves_no_file_open(clip, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:1500])
    probe(clip)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        probe(clip)
        with pytest.raises(ItemError):
            probe(broken)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
