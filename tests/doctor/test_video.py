"""What is found of the decoders."""

import os
import sys
from pathlib import Path

import av

from vsda.doctor.check import State, try_in_process
from vsda.doctor.video import check_decord, check_pyav, check_video, write_clip


def test_this_pyav_decodes_what_youtube_has():
    check = check_pyav()
    assert (check.state, check.mend) == (State.OK, "")
    assert check.found.endswith("decodes H.264, VP9, AV1")


def test_a_pyav_without_av1_is_a_warning_and_without_h264_a_failure():
    # ffmpeg's own decoder for AV1 needs a graphics card
    check = check_pyav({"h264", "vp9", "av1"})
    assert (check.state, check.found.endswith("cannot decode AV1")) == (State.WARN, True)
    check = check_pyav({"libvpx-vp9", "libaom-av1"})
    assert (check.state, check.found.endswith("cannot decode H.264")) == (State.FAIL, True)


def test_the_trial_clip_has_its_frames(tmp_path):
    path = tmp_path / "clip.mp4"
    assert write_clip(path)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].codec_context.name == "h264"
    assert [(frame.width, frame.height) for frame in frames] == [(64, 64)] * 5


def test_this_decord_reads_the_trial_clip():
    check = check_decord()
    assert (check.state, check.mend) == (State.OK, "")
    assert check.found.endswith("decodes H.264")


def shadow(tmp_path, monkeypatch, text):
    """Put a package in front of the real decord."""
    (tmp_path / "decord.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_decord_that_crashes_is_a_warning(tmp_path, monkeypatch):
    shadow(tmp_path, monkeypatch, "import os; os.abort()")
    check = check_decord()
    assert check.state == State.WARN
    assert "it ended with status -6" in check.found
    assert "PyAV decodes in its place" in check.found


def test_a_decord_that_reads_other_frames_is_a_warning(tmp_path, monkeypatch):
    shadow(
        tmp_path,
        monkeypatch,
        "import numpy\n__version__ = '9'\n"
        "class VideoReader:\n"
        "    def __init__(self, path): pass\n"
        "    def __len__(self): return 4\n"
        "    def __getitem__(self, index): return numpy.zeros((64, 64, 3))\n",
    )
    check = check_decord()
    assert check.state == State.WARN
    assert "cannot read an H.264 file (9 4 64 64 3)" in check.found


def test_packages_that_are_missing_are_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check = check_decord()
    assert (check.state, check.found) == (
        State.WARN,
        "not installed; PyAV decodes in its place",
    )
    (check,) = check_video()
    assert (check.state, check.mend) == (State.FAIL, "pip install av")


def test_code_runs_in_a_process_of_its_own():
    assert try_in_process("import os, sys; print(os.getpid(), *sys.argv[1:])", "a b")[0]
    assert int(try_in_process("import os; print(os.getpid())")[1]) != os.getpid()
    assert try_in_process("raise ImportError('no such library')") == (
        False,
        "ImportError: no such library",
    )
    assert try_in_process("import sys; sys.exit(3)") == (False, "it ended with status 3")
    assert Path(try_in_process("import sys; print(sys.executable)")[1]) == Path(sys.executable)
