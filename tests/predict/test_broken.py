"""What is broken costs itself alone and leaves nothing half; what is there is not replaced."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import pytest

from tests.predict.made import pictures, write_jpegs, write_lossless
from tests.stream.made_clips import frames, opened, stills
from vsda.errors import StoppedError, UsageError, VsdaError
from vsda.predict.frame import Frame
from vsda.predict.video import VideoSource
from vsda.predict.writers import Masks
from vsda.storage import exclusive


@pytest.fixture
def video(tmp_path):
    """A video of 40 frames."""
    return write_lossless(tmp_path / "whole.mkv", pictures(40))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "found an empty file"),
        (b"<html>gone</html>", "found a web page"),
        (b"\x89PNG\r\n\x1a\n", "found a PNG picture"),
        (b"\0\0\0\x18ftypmp42" + bytes(99), r"whose index \(moov\) is missing"),
        (None, "no such file; expected a video, a folder of pictures, shards or -"),
    ],
)
def test_what_is_no_video_is_named_and_leaves_nothing(data, words, tmp_path, predicted):
    path = tmp_path / "broken.mp4"
    if data is not None:
        path.write_bytes(data)
    found = predicted(path)
    (failure,) = found.report.failures
    assert failure.source == str(path)
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(failure.reason)
    assert not found.out.exists()


def test_one_bad_input_does_not_stop_the_others(tmp_path, video, predicted):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    found = predicted(bad, video, tmp_path / "absent", kinds=("masks",))
    assert [one.name for one in found.report.videos] == ["whole"]
    assert len(found.report.failures) == 2
    assert not found.report.is_whole


def test_a_video_whose_end_is_cut_off_is_predicted_up_to_there_and_told(tmp_path, predicted):
    video = write_lossless(tmp_path / "slow.mkv", pictures(40), time_base=Fraction(1, 5))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size // 3])
    found = predicted(cut, kinds=("masks", "overlay"))
    (one,) = found.report.videos
    assert 5 < one.frames < 20
    assert len(found.masks("cut")) == one.frames
    assert "its head announces 7.8 s, but it ends after" in one.damage
    assert not found.report.is_whole


def test_a_damaged_picture_is_left_out_and_told(tmp_path, predicted):
    write_jpegs(tmp_path / "clip", pictures(5))
    (tmp_path / "clip/00002.jpg").write_bytes(b"\xff\xd8\xffnothing")
    found = predicted(tmp_path / "clip", kinds=("masks",))
    (one,) = found.report.videos
    assert list(found.masks("clip")) == ["00000", "00001", "00003", "00004"]
    assert one.damage.startswith(f"left out: {tmp_path / 'clip'}/00002.jpg: not a whole JPEG")


def test_a_damaged_sample_costs_itself_alone(tmp_path, predicted):
    samples = frames("bear", 4)
    object.__setattr__(samples[1], "jpg", samples[1].jpg[:200])
    opened(tmp_path / "set", samples, frames("cows", 2))
    found = predicted(tmp_path / "set", kinds=("masks",))
    assert {one.name: (one.frames, bool(one.damage)) for one in found.report.videos} == {
        "bear": (3, True),
        "cows": (2, False),
    }


def test_frames_of_several_sizes_are_no_video(tmp_path, predicted):
    write_jpegs(tmp_path / "clip", [*pictures(1), *pictures(1, 50, 60)])
    found = predicted(tmp_path / "clip")
    (failure,) = found.report.failures
    assert "a frame of 60x50 pixels among others of 48x40" in failure.reason
    assert found.files() == []
    assert len(predicted(tmp_path / "clip", still=True).masks("clip")) == 2


def test_folders_without_pictures_say_what_to_do(tmp_path, video, predicted):
    (reason,) = (one.reason for one in predicted(tmp_path).report.failures)
    assert f"give the videos in it one by one: {tmp_path}/*" in reason


def test_older_predictions_are_replaced_only_when_asked(tmp_path, video, predicted):
    first = predicted(video, kinds=("masks", "coco-rle"))
    with pytest.raises(UsageError, match=r"predictions of whole already; .* --overwrite"):
        predicted(video)
    again = predicted(video, stop_s=Fraction("0.1"), kinds=("masks",), overwrite=True)
    assert again.files() == [
        *(f"Annotations/whole/{number:05d}.png" for number in range(3)),
        "records/whole.json",
    ]
    assert len(first.masks("whole")) == 3


def test_what_is_no_prediction_is_left_alone(tmp_path, video, predicted):
    mine = tmp_path / "out/Annotations/whole/00000.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(UsageError, match="is in the way, and no prediction"):
        predicted(video, overwrite=True)
    assert mine.read_bytes() == b"mine"


def test_two_inputs_of_one_name_are_refused_before_any_work(tmp_path, video, predicted):
    opened(tmp_path / "set", frames("whole", 2))
    with pytest.raises(UsageError, match="several inputs would be called whole"):
        predicted(video, tmp_path / "set")
    assert not (tmp_path / "out").exists()


def test_a_full_set_of_options_is_checked(video, predicted):
    with pytest.raises(UsageError, match="expected a share from 0 to 1"):
        predicted(video, opacity=1.5)


def test_only_some_frames_are_in_memory_however_long_a_video_is(
    tmp_path, video, predicted, monkeypatch
):
    """A writer that is slow makes all others wait."""
    made, written, most = [0], [0], [0]
    frames_of = VideoSource.frames

    def counted(self, seen):
        for event in frames_of(self, seen):
            made[0] += isinstance(event, Frame)
            yield event

    class Slow:
        def add(self, frame, mask):
            time.sleep(0.01)
            written[0] += 1
            most[0] = max(most[0], made[0] - written[0])

        def close(self, *, is_whole):
            pass

        def notes(self):
            return []

    monkeypatch.setattr(VideoSource, "frames", counted)
    monkeypatch.setattr("vsda.predict.outputs.open_writer", lambda *_: Slow())
    predicted(video, batch=4, kinds=("masks",))
    assert written == [40]
    assert 4 <= most[0] <= 4 * 4  # read ahead, in the network, to be written, and one in each hand


def test_a_signal_ends_the_work_and_leaves_what_is_complete(
    tmp_path, video, predicted, monkeypatch
):
    second = write_lossless(tmp_path / "second.mkv", pictures(40))
    add = Masks.add

    def add_and_stop(self, frame, mask):
        add(self, frame, mask)
        if frame.video.name == "second" and frame.place == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Masks, "add", add_and_stop)
    with pytest.raises(StoppedError, match="stopped by SIGTERM; videos that are complete: 1"):
        predicted(video, second, kinds=("masks", "overlay"))
    out = tmp_path / "out"
    assert (out / "records/whole.json").is_file()
    assert sorted(path.name for path in out.iterdir()) == ["Annotations", "overlay", "records"]
    assert not list(out.rglob("*second*"))


@pytest.mark.slow
def test_a_process_that_is_told_to_end_leaves_nothing_half(tmp_path, pictures_run, video):
    out = tmp_path / "out"
    command = ["-m", "vsda", "predict", str(pictures_run), str(video), "-", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    with process:
        process.stdin.write(video.read_bytes())  # and no more: it waits for the rest
        process.stdin.flush()
        part = out / ".predict.part/Annotations/stdin"
        until = time.monotonic() + 60
        while not (part.is_dir() and list(part.iterdir())):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        assert (out / "records/whole.json").is_file()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
        words = process.stderr.read().decode()
        assert "stopped by SIGTERM; videos that are complete: 1" in words
    assert sorted(path.name for path in out.iterdir()) == ["Annotations", "overlay", "records"]
    assert not list(out.rglob("*stdin*"))


def test_two_processes_do_not_share_a_folder(tmp_path, video, predicted):
    with (
        exclusive(tmp_path / "out/.predict.lock"),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        predicted(video)


def test_numbers_of_stills_that_clash_are_refused(tmp_path, predicted):
    samples = stills(2)
    object.__setattr__(samples[1], "facts", samples[0].facts)
    opened(tmp_path / "set", samples)
    (failure,) = predicted(tmp_path / "set").report.failures
    assert "two pictures are called 00000" in failure.reason
