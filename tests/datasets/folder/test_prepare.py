"""Somebody's folder as a set: compared with `prepare davis`, killed, by more workers, and back."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.fake_worlds import jpeg, mask_png, read_with_webdataset, snapshot, values, write
from tests.video import barcode
from vsda.datasets.folder.dataset import DATASET
from vsda.manifests import davis_objects
from vsda.prepare import PrepareOptions, plan, prepare
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples
from vsda.shards.verify import verify
from vsda.toolbox.export import ExportOptions, export_sets

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.modules["torch"] = None  # the data part does without, and starts sooner
from pathlib import Path
from vsda.datasets.folder.dataset import DATASET
from vsda.prepare import PrepareOptions, prepare
prepare("folder", PrepareOptions(
    root=Path(sys.argv[1]), out=Path(sys.argv[2]), shard_mb=1, num_workers=2, classes="all",
    own=DATASET.options(name="mine", fps="60", class_map=Path("coco")),
))
"""


def options_of(root, out, *, num_workers=1, remap="coco", **own):
    classes = "all" if remap == "coco" else None
    return PrepareOptions(
        root=root, out=out, shard_mb=1, num_workers=num_workers, remap=remap, classes=classes,
        own=DATASET.options(**{"name": "mine"} | own),
    )  # fmt: skip


def make(root, out, **more):
    (report,) = prepare("folder", options_of(root, out, **more))
    return report


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three videos, of which one is broken, two labelled sequences and a still image."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "videos").mkdir()
    for number in range(2):
        path = folder / f"videos/film{number}.mp4"
        barcode.write(path, range(40 + 2 * number), Fraction(1, 25))
    whole = (folder / "videos/film0.mp4").read_bytes()
    write(folder / "videos/broken.mp4", whole[: len(whole) // 2])
    for name in ("a/1", "a/2", "b/1", "still"):
        write(folder / f"images/{name}.jpg", jpeg() + bytes(600_000))
        write(folder / f"masks/{name}.png", mask_png(values(0, 1, 18)))
    return folder


def test_a_broken_video_costs_itself_alone(root, tmp_path):
    report = make(root, tmp_path, class_map=Path("coco"))
    assert dict(report.outcomes) == {"ok": 48 + 51 + 4, "not-a-video": 1}
    assert report.failures[0].message.startswith(
        "videos/broken.mp4: expected a video, found an MP4"
    )
    found = open_set(str(tmp_path / "mine-train"))
    assert verify(found) == []
    sequences = [row for shard in found.index.shards for row in shard.sequences]
    assert {row.name: row.num_frames for row in sequences} == {
        "a": 2,
        "b": 1,
        "film0": 48,
        "film1": 51,
    }
    assert found.index.command == (
        "vsda prepare folder --split train --remap coco --classes all --shard-mb 1 --name mine "
        "--class-map coco"
    )
    assert len(read_with_webdataset(tmp_path, "mine-train")) == 103


def test_the_number_of_workers_changes_no_byte(root, tmp_path):
    for num_workers in (1, 3):
        make(root, tmp_path / str(num_workers), num_workers=num_workers, class_map=Path("coco"))
    assert snapshot(tmp_path / "1") == snapshot(tmp_path / "3")


def test_a_killed_run_is_mended_by_the_next(root, tmp_path):
    own = {"fps": "60", "class_map": Path("coco")}
    make(root, tmp_path / "undisturbed", **own)
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", SCRIPT, str(root), str(out)]
    environment = os.environ | {"TMPDIR": str(scratch)}
    for num_results in (0, 1, 3):
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        _wait_for_results(process, out / ".mine-train.part", num_results)
        process.send_signal(signal.SIGKILL)
        process.wait()
    make(root, out, **own)
    assert snapshot(out) == snapshot(tmp_path / "undisturbed")
    assert not [path for path in scratch.iterdir() if path.is_file()]


def _wait_for_results(process, staging, num_results):
    while process.poll() is None:
        if staging.is_dir() and len(list(staging.glob("*.result.json"))) >= num_results:
            return
        time.sleep(0.002)


def test_a_dry_run_reads_masks_and_counts_a_video_as_one(root, tmp_path):
    (planned,) = plan("folder", options_of(root, tmp_path / "out", class_map=Path("coco")))
    assert planned.num_samples == 4 + 3
    assert planned.class_frames == {"person": 4, "dog": 4}
    assert planned.num_failed == 0  # that one of them is broken shows when it is decoded
    assert not (tmp_path / "out").exists()


def test_a_dry_run_keeps_frames_of_sequences_without_an_object(tmp_path):
    for name in ("s/1", "s/2", "still"):
        write(tmp_path / f"images/{name}.jpg", jpeg())
        write(tmp_path / f"masks/{name}.png", mask_png(values(0)))
    write(tmp_path / "images/s/3.jpg", jpeg())
    own = {"class_map": Path("coco")}
    (planned,) = plan("folder", options_of(tmp_path, tmp_path / "out", **own))
    report = make(tmp_path, tmp_path / "out", **own)
    assert dict(planned.outcomes) == dict(report.outcomes) == {"ok": 3, "left-out": 1}


def test_the_command_names_flags_without_a_value(tmp_path):
    write(tmp_path / "world/s/1.jpg", jpeg())
    make(tmp_path / "world", tmp_path, still=True, remap="none")
    assert open_set(str(tmp_path / "mine-train")).index.command.endswith("--name mine --still")


def test_pictures_of_the_same_name_fail_alone(tmp_path):
    for name in ("1.jpg", "2.jpg", "1.jpeg"):
        write(tmp_path / "world" / name, jpeg())
    report = make(tmp_path / "world", tmp_path / "out")
    assert dict(report.outcomes) == {"ok": 1, "same-key": 2}


def test_frames_and_masks_of_davis_as_a_plain_folder_give_the_labels_of_prepare_davis(
    real_samples, tmp_path
):
    davis = real_samples / "davis"
    plain, out = tmp_path / "plain", tmp_path / "out"
    plain.mkdir()
    (plain / "images").symlink_to(davis / "JPEGImages/480p")
    (plain / "masks").symlink_to(davis / "Annotations/480p")
    table = ["sequence,value,class", "*,255,ignore"]
    table += [f"{row.sequence},{row.object_id},{row.class_name}" for row in davis_objects()]
    write(plain / "classes.csv", "\n".join(table).encode())
    (report,) = prepare(
        "folder",
        PrepareOptions(
            root=plain, out=out, classes="shared", num_workers=2,
            own=DATASET.options(name="mine", class_map=plain / "classes.csv"),
        ),
    )  # fmt: skip
    prepare("davis", PrepareOptions(root=davis, out=out, num_workers=2))
    expected = {
        sample.key.removeprefix("davis/"): sample
        for split in ("train", "val")
        for sample in iterate_samples(open_set(str(out / f"davis-{split}")))
    }
    mine = {
        sample.key.removeprefix("mine/"): sample
        for sample in iterate_samples(open_set(str(out / "mine-train")))
    }
    assert report.num_samples == len(expected) == 219
    assert mine.keys() == expected.keys()
    for key, sample in mine.items():
        assert sample.jpg == expected[key].jpg
        assert np.array_equal(sample.seg, expected[key].seg)
        assert np.array_equal(sample.inst, expected[key].inst)


def test_what_export_wrote_comes_back(root, tmp_path):
    make(root, tmp_path / "first", class_map=Path("coco"))
    back = tmp_path / "back"
    export_sets([str(tmp_path / "first/mine-train")], ExportOptions(out=str(back), layout="folder"))
    make(back, tmp_path / "second", class_map=back / "classes.csv")
    first, second = (
        {
            sample.key: sample
            for sample in iterate_samples(open_set(str(tmp_path / name / "mine-train")))
        }
        for name in ("first", "second")
    )
    assert first.keys() == second.keys()
    for key, sample in first.items():
        assert sample.jpg == second[key].jpg
        assert np.array_equal(sample.seg, second[key].seg)
