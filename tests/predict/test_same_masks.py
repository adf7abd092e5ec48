"""The same frames give the same masks, wherever they come from, and those that are judged."""

import os
import threading
from contextlib import suppress

import numpy as np
import pytest

from tests.predict.made import pictures, write_jpegs, write_lossless
from tests.shards.frames import make_set
from tests.stream.made_clips import frames, opened, stills
from vsda.evaluation.predict import predict_set
from vsda.evaluation.trained import open_run
from vsda.sample import FrameFacts, Sample

RUNS = ["pictures_run", "clips_run"]


def judged(run_dir, shards):
    """Return what `evaluate` compares with the truth, as COCO ids by sequence and frame."""
    trained = open_run(run_dir)
    ids = np.array((0, *trained.classes.ids), dtype=np.uint8)
    return {
        tuple(one.key.split("/")[1:]): ids[one.predicted]
        for one in predict_set(trained, shards, range(len(shards)), "cpu")
    }


@pytest.mark.parametrize("name", RUNS)
def test_masks_of_shards_are_those_that_are_judged(name, request, tmp_path, predicted):
    run = request.getfixturevalue(name)
    shards = opened(tmp_path / "set", frames("bear", 18), [*frames("cows", 3), *stills(5)])
    found = predicted(tmp_path / "set" / "clips", run=run, kinds=("masks",))
    assert not found.report.failures
    expected = judged(run, shards)
    masks = {
        (kind, frame): mask
        for kind, folder in (("bear", "bear"), ("cows", "cows"), ("stills", "clips"))
        for frame, mask in found.masks(folder).items()
    }
    assert masks.keys() == expected.keys()
    assert all(np.array_equal(masks[key], expected[key]) for key in expected)
    assert len({mask.tobytes() for mask in masks.values()}) > 10  # frames tell apart


def as_shards(folder, source):
    samples = [
        Sample(
            key=f"made/clip/{path.stem}",
            jpg=path.read_bytes(),
            seg=None,
            inst=None,
            facts=FrameFacts(
                dataset="made",
                split="val",
                sequence="clip",
                frame=path.stem,
                frame_index=number,
                width_px=48,
                height_px=40,
                labelled=False,
            ),
        )
        for number, path in enumerate(sorted(source.iterdir()))
    ]
    make_set(folder, [samples], name="made-val")
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_a_folder_its_shards_and_its_video_give_the_same_masks(
    name, request, tmp_path, predicted, monkeypatch
):
    run = request.getfixturevalue(name)
    shown = write_jpegs(tmp_path / "folder" / "clip", pictures(13))
    as_shards(tmp_path / "shards", tmp_path / "folder" / "clip")
    video = write_lossless(tmp_path / "clip.mkv", shown)
    places = {"folder": tmp_path / "folder" / "clip", "shards": tmp_path / "shards", "video": video}
    found = {
        kind: predicted(place, run=run, out=tmp_path / f"out-{kind}").masks("clip")
        for kind, place in places.items()
    }
    with piped(video, monkeypatch):
        found["pipe"] = predicted("-", run=run, out=tmp_path / "out-pipe").masks("stdin")
    assert len(found["video"]) == 13
    assert len({mask.tobytes() for mask in found["video"].values()}) > 5
    for masks in found.values():
        assert masks.keys() == found["video"].keys()
        assert all(np.array_equal(masks[frame], found["video"][frame]) for frame in masks)


class piped:  # noqa: N801  reads like a function
    """Standard input is a pipe through which a file comes."""

    def __init__(self, path, monkeypatch):
        self._data = path.read_bytes()
        self._read, self._write = os.pipe()
        monkeypatch.setattr("vsda.predict.pipe._STDIN", self._read)
        self._thread = threading.Thread(target=self._send)

    def _send(self):
        with suppress(BrokenPipeError), os.fdopen(self._write, "wb", buffering=0) as file:
            file.write(self._data)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *error):
        os.close(self._read)
        self._thread.join()
