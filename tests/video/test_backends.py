"""Every tick shows the right frame, whatever the file and whoever decodes it."""

from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

import av
import numpy as np
import pytest

from tests.video import barcode
from tests.video.barcode import B_FRAMES, Coding
from vsda.errors import ItemError, Outcome, UnknownNameError
from vsda.video.backends import BACKENDS, choose_backend, read_frames
from vsda.video.decord import misfit
from vsda.video.probe import probe
from vsda.video.timeline import frames_at_ticks, tick_of_label

MS = Fraction(1, 1000)
TENTH_MS = Fraction(1, 10_000)
VARIABLE_MS = list(accumulate([33, 33, 200, 17, 50, 100, 41, 42, 5, 33] * 6, initial=0))[:60]
GAP_MS = [40 * number for number in range(20)] + [2800 + 40 * number for number in range(20)]

REGULAR = {
    "23.976": Fraction(1001, 24_000),
    "24": Fraction(1, 24),
    "25": Fraction(1, 25),
    "29.97": Fraction(1001, 30_000),
    "30": Fraction(1, 30),
    "50": Fraction(1, 50),
    "60": Fraction(1, 60),
}
VP9 = Coding(codec="libvpx-vp9", options=(("cpu-used", "8"), ("g", "20")))
VP8 = Coding(codec="libvpx", options=(("cpu-used", "8"), ("g", "20")))
AV1 = Coding(codec="libsvtav1", options=(("preset", "8"), ("crf", "10"), ("svtav1-params", "lp=1")))
HEVC = Coding(codec="libx265", options=(("x265-params", "log-level=none:pools=1:keyint=20"),))
OPEN_GOPS = Coding(
    options=(("x264-params", "open-gop=1:keyint=20:bframes=3:b-adapt=0:scenecut=0"),)
)
SHORT_GOPS = Coding(options=(("x264-params", "keyint=2:min-keyint=1:bframes=1:b-adapt=0"),))
FRAGMENTS = Coding(options=B_FRAMES.options, container=(("movflags", "frag_keyframe+empty_moov"),))

# name: file name, times of the frames, their unit, coding, whether decord may read it
FILES = {
    **{
        f"{rate} fps": ("clip.mp4", range(80), step, Coding(), True)
        for rate, step in REGULAR.items()
    },
    "variable rate in MP4": ("clip.mp4", VARIABLE_MS, MS, Coding(), True),
    "variable rate in Matroska": ("clip.mkv", VARIABLE_MS, MS, Coding(), True),
    "variable rate and B-frames": ("clip.mp4", VARIABLE_MS, MS, B_FRAMES, True),
    "start at 2 s": ("clip.mp4", range(50, 110), Fraction(1, 25), Coding(), True),
    "start at 2 s in Matroska": ("clip.mkv", range(2000, 4000, 40), MS, B_FRAMES, True),
    "gap of 2 s": ("clip.mp4", GAP_MS, MS, Coding(), True),
    "B-frames": ("clip.mp4", range(80), Fraction(1, 25), B_FRAMES, True),
    "B-frames in fragments": ("clip.mp4", range(80), Fraction(1, 25), FRAGMENTS, True),
    "B-frames in a transport stream": ("clip.ts", range(80), Fraction(1, 25), B_FRAMES, True),
    "B-frames in AVI": ("clip.avi", range(80), Fraction(1, 25), B_FRAMES, False),
    "open groups": ("clip.mp4", range(80), Fraction(1, 25), OPEN_GOPS, False),
    "groups of two": ("clip.mp4", range(80), Fraction(1, 25), SHORT_GOPS, True),
    "no edit list for B-frames": (
        "clip.mp4",
        range(80),
        Fraction(1, 25),
        Coding(options=B_FRAMES.options, container=(("use_editlist", "0"),)),
        True,
    ),
    "turned by 90": ("clip.mp4", range(40), Fraction(1, 25), Coding(turn=90), True),
    "turned by 180": ("clip.mp4", range(40), Fraction(1, 25), Coding(turn=180), True),
    "turned by 270": ("clip.mp4", range(40), Fraction(1, 25), Coding(turn=270), True),
    "mirrored": ("clip.mp4", range(40), Fraction(1, 25), Coding(mirror=True), False),
    "VP9": ("clip.webm", range(0, 2000, 40), MS, VP9, True),
    "VP8": ("clip.webm", range(0, 2000, 40), MS, VP8, False),
    "AV1": ("clip.mp4", range(50), Fraction(1, 25), AV1, False),
    "HEVC": ("clip.mp4", range(50), Fraction(1, 25), HEVC, False),
    "10 bits": (
        "clip.mp4",
        range(50),
        Fraction(1, 25),
        Coding(pixel_format="yuv420p10le"),
        False,
    ),
    "full range": ("clip.mp4", range(50), Fraction(1, 25), Coding(pixel_format="yuvj420p"), True),
}
SHIFTED_S = {"B-frames in a transport stream", "B-frames in fragments", "no edit list for B-frames"}
"""Files that start later than they were written to: their containers cannot say otherwise."""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Write a file of the table once; return its path, the times of its frames and its coding."""
    made = {}

    def make(name):
        if name not in made:
            file_name, times, time_base, coding, _ = FILES[name]
            path = tmp_path_factory.mktemp("video") / file_name
            barcode.write(path, times, time_base, coding)
            times_s = barcode.seconds(times, time_base)
            if name in SHIFTED_S:
                shift_s = container_start_s(path)
                times_s = [time_s + shift_s for time_s in times_s]
            made[name] = path, times_s, coding
        return made[name]

    return make


def container_start_s(path):
    with av.open(str(path)) as container:
        return container.streams.video[0].start_time * container.streams.video[0].time_base


def as_painted(frame, coding):
    turned_back = np.rot90(frame, coding.turn // 90)
    return turned_back[:, ::-1] if coding.mirror else turned_back


def backends_for(facts):
    return ["pyav"] if misfit(facts) else ["pyav", "decord"]


@pytest.mark.parametrize("name", FILES)
def test_every_tick_shows_the_frame_that_a_player_shows(name, file):
    path, times_s, coding = file(name)
    facts = probe(path)
    ticks = range(int(max(times_s) * 30) + 4)
    indices = frames_at_ticks(facts.pts, facts.time_base, ticks).tolist()
    expected = [barcode.shown_at(times_s, Fraction(tick, 30)) for tick in ticks]
    wanted = sorted(set(indices) - {-1})
    for backend in backends_for(facts):
        numbers = {-1: -1}
        for index, frame in read_frames(path, facts, wanted, backend):
            numbers[index] = barcode.read(as_painted(frame, coding))
        assert [numbers[index] for index in indices] == expected, backend


@pytest.mark.parametrize("name", FILES)
def test_the_table_holds_the_times_that_were_written(name, file):
    path, times_s, _ = file(name)
    facts = probe(path)
    found = [int(pts) * facts.time_base for pts in facts.pts]
    assert [abs(a - b) < TENTH_MS for a, b in zip(found, times_s, strict=True)] == [True] * len(
        found
    )


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name][4]])
def test_both_backends_give_the_same_bits(name, file):
    path, _, _ = file(name)
    facts = probe(path)
    everything = range(len(facts.pts))
    assert choose_backend(facts, path) == "decord"
    ours = [frame for _, frame in read_frames(path, facts, everything, "pyav")]
    theirs = [frame for _, frame in read_frames(path, facts, everything, "decord")]
    assert len(ours) == len(theirs) == len(facts.pts)
    assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", [name for name in FILES if not FILES[name][4]])
def test_decord_is_not_trusted_with_what_it_cannot_read_or_count(name, file):
    path, _, _ = file(name)
    assert choose_backend(probe(path), path) == "pyav"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name",
    ["B-frames", "groups of two", "variable rate in Matroska", "VP9", "B-frames in fragments"],
)
def test_reading_may_start_at_any_frame(name, backend, file):
    path, _, _ = file(name)
    facts = probe(path)
    for index in range(0, len(facts.pts), 3):
        [(found, frame)] = read_frames(path, facts, [index], backend)
        assert found == index
        assert barcode.read(frame) == index


@pytest.mark.parametrize("name", ["open groups", "B-frames in AVI", "HEVC", "AV1", "10 bits"])
def test_reading_by_pyav_may_start_at_any_frame(name, file):
    path, _, _ = file(name)
    facts = probe(path)
    for index in range(0, len(facts.pts), 3):
        [(_, frame)] = read_frames(path, facts, [index], "pyav")
        assert barcode.read(frame) == index


def test_decord_reads_open_groups_wrong_by_itself_which_is_why_it_is_not_asked(file):
    decord = pytest.importorskip("decord")
    path, _, _ = file("open groups")
    numbers = []
    for index in range(80):
        reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
        numbers.append(barcode.read(reader[index].asnumpy()))
    assert numbers != list(range(80))


def test_a_label_hits_the_frame_of_its_moment(file):
    path, times_s, _ = file("variable rate in MP4")
    facts = probe(path)
    frames = dict(read_frames(path, facts, range(60), "pyav"))
    for timestamp_ms in range(0, 3200, 7):
        tick = tick_of_label(facts.pts, facts.time_base, timestamp_ms)
        [index] = frames_at_ticks(facts.pts, facts.time_base, range(tick, tick + 1)).tolist()
        shown = barcode.shown_at(times_s, Fraction(timestamp_ms, 1000))
        has_a_tick = any(barcode.shown_at(times_s, Fraction(k, 30)) == shown for k in range(120))
        assert barcode.read(frames[index]) == shown or not has_a_tick


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """A cut without re-encoding from 3.1 s to 6 s of a video with a key frame every 2 s."""
    folder = tmp_path_factory.mktemp("cut")
    coding = Coding(options=(("g", "60"), ("bf", "2"), ("sc_threshold", "0")))
    whole = barcode.write(folder / "whole.mp4", range(200), Fraction(1, 30), coding)
    return barcode.cut_by_copy(whole, folder / "cut.mp4", 3.1, 6)


def test_frames_hidden_by_an_edit_list_never_come_out(cut):
    facts = probe(cut)
    numbers = [barcode.read(f) for _, f in read_frames(cut, facts, range(len(facts.pts)), "pyav")]
    assert numbers == list(range(93, 180))
    assert facts.is_edited
    assert facts.pts[0] == 0


def test_a_container_that_counts_more_frames_than_it_shows_is_not_believed(cut):
    with av.open(str(cut)) as container:
        announced = container.streams.video[0].frames
    assert announced > len(probe(cut).pts) == 87
    assert choose_backend(probe(cut), cut) == "pyav"


def test_reading_a_cut_may_start_at_any_frame(cut):
    facts = probe(cut)
    for index in range(0, 87, 5):
        [(_, frame)] = read_frames(cut, facts, [index], "pyav")
        assert barcode.read(frame) == 93 + index


def test_a_cut_in_matroska_starts_at_its_key_frame(cut, tmp_path):
    path = barcode.cut_by_copy(cut.parent / "whole.mp4", tmp_path / "cut.mkv", 3.1, 6)
    facts = probe(path)
    for backend in BACKENDS:
        frames = read_frames(path, facts, range(len(facts.pts)), backend)
        assert [barcode.read(frame) for _, frame in frames] == list(range(60, 180))


@pytest.mark.parametrize("backend", BACKENDS)
def test_far_apart_frames_are_read_in_parts(backend, tmp_path):
    path = barcode.write(tmp_path / "long.mp4", range(250), Fraction(1, 30))
    long = [0, 1, 249]
    found = [(i, barcode.read(f)) for i, f in read_frames(path, probe(path), long, backend)]
    assert found == [(0, 0), (1, 1), (249, 249)]


def test_frames_in_groups_of_too_many_bytes_are_not_for_decord(file):
    facts = replace(probe(file("25 fps")[0]), longest_gop=250, width_px=1280, height_px=720)
    assert misfit(facts) == "a group of 250 pictures may take 659 MiB"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_frame_that_does_not_come_is_an_error_that_names_its_time(backend, file, tmp_path):
    path, _, _ = file("25 fps")
    facts = probe(path)
    damaged = tmp_path / "damaged.mp4"
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        position, size = packets[30].pos, packets[30].size
    data[position : position + size] = b"\xff" * size
    damaged.write_bytes(data)
    with pytest.raises(ItemError, match=r"the frame at \d\.\d{3} s") as caught:
        list(read_frames(damaged, facts, range(80), backend))
    assert caught.value.outcome is Outcome.UNDECODABLE


def test_a_frame_that_the_file_lacks_is_not_replaced_by_its_neighbour(file):
    path, _, _ = file("25 fps")
    facts = probe(path)
    shifted = replace(facts, pts=facts.pts + 1)
    with pytest.raises(ItemError, match=r"the frame at 0\.\d+ s does not come out of the decoder"):
        list(read_frames(path, shifted, [4], "pyav"))
    with pytest.raises(ItemError, match=r"the frame at 0\.\d+ s is not in the file"):
        list(read_frames(path, shifted, [4], "decord"))


def test_no_indices_give_no_frames(file):
    path, _, _ = file("25 fps")
    assert list(read_frames(path, probe(path), [], "pyav")) == []


@pytest.mark.parametrize("indices", [[1, 1], [2, 1], [-1], [80]])
def test_indices_out_of_order_or_range_are_a_mistake(indices, file):
    path, _, _ = file("25 fps")
    with pytest.raises(ValueError, match="ind"):
        list(read_frames(path, probe(path), indices, "pyav"))


def test_an_unknown_backend_is_named(file):
    path, _, _ = file("25 fps")
    with pytest.raises(UnknownNameError, match=r"unknown backend 'ffmpeg'\. Known: decord, pyav"):
        list(read_frames(path, probe(path), [0], "ffmpeg"))


def without_picture(source, target, number):
    """Copy a file with the coded frame `number` replaced by filler, which shows nothing."""
    with av.open(str(source)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][number]
        position, size = packet.pos, packet.size
    filler = (size - 4).to_bytes(4, "big") + b"\x0c" + b"\xff" * (size - 6) + b"\x80"
    data = bytearray(source.read_bytes())
    data[position : position + size] = filler
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", [40, 79])
def test_a_coded_frame_without_a_picture_is_an_error_and_shifts_nothing(
    backend, number, file, tmp_path
):
    path = without_picture(file("25 fps")[0], tmp_path / "gap.mp4", number)
    facts = probe(path)
    assert len(facts.pts) == 80
    found = []
    with pytest.raises(ItemError, match=r"the frame at \d\.\d{3} s"):
        found.extend(
            (index, barcode.read(frame))
            for index, frame in read_frames(path, facts, range(80), backend)
        )
    assert all(index == seen for index, seen in found)


def test_frames_before_the_first_key_frame_are_not_in_the_table(file, tmp_path):
    source, _, _ = file("B-frames")
    path = tmp_path / "headless.mkv"
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in [packet for packet in old.demux(stream) if packet.size][1:]:
            packet.stream = copy
            new.mux(packet)
    facts = probe(path)
    frames = [barcode.read(f) for _, f in read_frames(path, facts, range(len(facts.pts)), "pyav")]
    assert frames == list(range(24, 80))


def test_colours_that_decord_gets_wrong_are_an_error(real_samples):
    path = real_samples / "videos" / "h264_10bits.mp4"
    with pytest.raises(ItemError, match=r"its colours differ from PyAV's by up to \d+"):
        list(read_frames(path, probe(path), [0], "decord"))


def test_a_shape_that_decord_gets_wrong_is_an_error(real_samples):
    path = real_samples / "videos" / "bitmap.mp4"
    with pytest.raises(ItemError, match=r"it gives the frame the shape \(1, 1, 96\)"):
        list(read_frames(path, probe(path), [0], "decord"))


def test_a_damaged_frame_is_an_error_of_pyav(real_samples, tmp_path):
    source = real_samples / "youtube_bb" / "videos" / "oDL0b0JDnHw.mp4"
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][200]
        data[packet.pos + packet.size // 2] ^= 0xFF
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with pytest.raises(ItemError, match=r"the frame at \d\.\d{3} s is damaged"):
        list(read_frames(path, probe(path), range(180, 230), "pyav"))
