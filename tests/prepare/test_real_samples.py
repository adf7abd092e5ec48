"""The pieces of the real datasets; skipped where they are absent."""

import io
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from tests.fake_worlds import DavisTree, jpeg, read_with_webdataset, snapshot, write
from vsda.errors import Outcome
from vsda.prepare import PrepareOptions, prepare


def prepared(dataset, root, out, **more):
    return prepare(dataset, PrepareOptions(root=root, out=out, **{"num_workers": 1} | more))


def samples(out, name):
    """Return what the plain webdataset library reads, by key."""
    return {row["__key__"]: row for row in read_with_webdataset(out, name)}


def png_values(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def values_by_sequence(out, name):
    found = {}
    for key, row in samples(out, name).items():
        values = set(np.unique(png_values(row["seg.png"])).tolist())
        found.setdefault(key.split("/")[1], set()).update(values)
    return found


@pytest.fixture(scope="module")
def davis(real_samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("davis")
    reports = prepared("davis", real_samples / "davis", out)
    return out, reports


def test_real_davis_gives_107_train_and_112_val_frames(davis):
    out, (train, val) = davis
    assert (train.num_samples, val.num_samples) == (107, 112)
    assert (train.num_failed, val.num_failed) == (0, 0)
    assert "left out, no object of a chosen class: bear, train" in train.notes
    assert "left out, no object of a chosen class: camel" in val.notes
    assert (len(samples(out, "davis-train")), len(samples(out, "davis-val"))) == (107, 112)


def test_real_davis_has_coco_ids_of_the_sequences_classes(davis):
    out, _ = davis
    assert values_by_sequence(out, "davis-train") == {
        "car-turn": {0, 3},
        "lucia": {0, 1},
        "mallard-water": {0, 16},
        "rollerblade": {0, 1},
    }
    assert values_by_sequence(out, "davis-val") == {
        "blackswan": {0, 16},
        "car-shadow": {0, 3},
        "dance-twirl": {0, 1},
        "libby": {0, 18},
    }


def test_real_davis_keeps_jpegs_and_object_ids_as_they_are(davis, real_samples):
    out, _ = davis
    row = samples(out, "davis-train")["davis/lucia/00007"]
    root = real_samples / "davis"
    assert row["jpg"] == (root / "JPEGImages/480p/lucia/00007.jpg").read_bytes()
    mask = Image.open(root / "Annotations/480p/lucia/00007.png")
    np.testing.assert_array_equal(png_values(row["inst.png"]), np.asarray(mask))


def test_real_davis_twice_and_with_two_workers_gives_the_same_bytes(davis, real_samples, tmp_path):
    out, _ = davis
    prepared("davis", real_samples / "davis", tmp_path / "again", num_workers=2)
    assert snapshot(tmp_path / "again") == snapshot(out)


def test_tar_shows_folders_of_frames(davis):
    out, _ = davis
    tar = out / "davis-val-000000.tar"
    done = subprocess.run(["tar", "tf", tar], capture_output=True, text=True, check=True)
    names = done.stdout.splitlines()
    assert names[:5] == [
        "davis/blackswan/00000.inst.png",
        "davis/blackswan/00000.jpg",
        "davis/blackswan/00000.json",
        "davis/blackswan/00000.seg.png",
        "davis/blackswan/00001.inst.png",
    ]
    assert {name.rpartition("/")[0] for name in names} == {
        f"davis/{name}" for name in ("blackswan", "car-shadow", "dance-twirl", "libby")
    }


def test_real_coco_gives_the_images_whose_maps_have_a_shared_class(real_samples, tmp_path):
    root = real_samples / "coco"
    train, val = prepared("coco", root, tmp_path)
    assert (train.num_samples, train.outcomes) == (3, {"left-out": 2, "ok": 3})
    assert (val.num_samples, val.outcomes) == (5, {"left-out": 3, "ok": 5})
    assert val.notes == ("5 of 13 images have no label map and are not written",)
    # person 0, bird 15, backpack 26, surfboard 41, cell phone 76 in stuffthingmaps; here plus 1
    shared_values = {0, 1, 2, 3, 15, 17, 18, 26, 41, 76}
    for name, split in (("coco-train", "train2017"), ("coco-val", "val2017")):
        expected = {
            f"coco/{split}/{path.stem}"
            for path in (root / "stuffthingmaps" / split).glob("*.png")
            if shared_values & set(np.unique(np.asarray(Image.open(path))).tolist())
        }
        assert set(samples(tmp_path, name)) == expected


def test_real_coco_masks_hold_the_maps_value_plus_one_for_things(real_samples, tmp_path):
    prepared("coco", real_samples / "coco", tmp_path, split="val")
    row = samples(tmp_path, "coco-val")["coco/val2017/000000001490"]
    path = real_samples / "coco/stuffthingmaps/val2017/000000001490.png"
    stored = np.asarray(Image.open(path))
    seg = png_values(row["seg.png"])
    assert set(np.unique(seg).tolist()) == {0, 1, 42, 255}
    np.testing.assert_array_equal(seg == 1, stored == 0)
    np.testing.assert_array_equal(seg == 42, stored == 41)
    np.testing.assert_array_equal(seg == 255, stored == 255)
    assert "inst.png" not in row


@pytest.fixture
def oddities(real_samples, tmp_path):
    """A DAVIS tree made of the odd masks; frames that are not there are made, in the right size."""
    source = real_samples / "davis_oddities"
    tree = DavisTree(tmp_path / "odd")
    binary = source / "binary-masks"
    for sequence in ("bear", "bmx-bumps"):
        shutil.copytree(binary / "JPEGImages" / sequence, tree.images / sequence)
        shutil.copytree(binary / "Annotations" / sequence, tree.masks / sequence)
    for stem, folder in (("jpg", tree.images), ("png", tree.masks)):
        data = (source / "one-pixel-off" / f"judo_00005.{stem}").read_bytes()
        write(folder / "judo" / f"00005.{stem}", data)
    for path in sorted((source / "palette-masks").glob("[bt]*_0000?.png")):
        sequence, _, frame = path.stem.rpartition("_")
        name = {"test_files": "dogs-jump"}.get(sequence, sequence)
        write(tree.masks / name / f"{frame}.png", path.read_bytes())
        write(tree.images / name / f"{frame}.jpg", jpeg(854, 480))
    return tree


def outcomes_by_sequence(report):
    found = {}
    for row in report.failures:
        found.setdefault(row.outcome, []).append(row.key)
    return found


def test_real_oddities_are_each_told_for_what_they_are(oddities, tmp_path):
    names = ["bear", "bmx-bumps", "judo", "blackswan", "tennis", "dogs-jump"]
    oddities.list("train", names)
    (report,) = prepared("davis", oddities.root, tmp_path / "out", split="train", classes="all")
    found = outcomes_by_sequence(report)
    assert found[Outcome.BINARY_MASK] == ["davis/bear/00077", "davis/bmx-bumps/00061"]
    assert found[Outcome.SIZE_MISMATCH] == ["davis/judo/00005"]
    # the masks of a stranger sequence with ids 1 to 4, where the table of dogs-jump has 1 to 3
    assert found[Outcome.UNKNOWN_ID] == [f"davis/dogs-jump/0000{index}" for index in range(4)]
    assert found.keys() == {Outcome.BINARY_MASK, Outcome.SIZE_MISMATCH, Outcome.UNKNOWN_ID}
    assert "the mask is 853x480 pixels, its frame 854x480" in str(report.failures)
    values = values_by_sequence(tmp_path / "out", "davis-train")
    assert values == {
        "bear": {0, 23},
        "blackswan": {0, 16},
        "bmx-bumps": {0},
        "tennis": {0, 1, 43, 255},
    }


def test_real_grey_masks_of_wide_frames_are_kept_as_they_are_without_a_table(
    real_samples, tmp_path
):
    source = real_samples / "davis_oddities" / "test-challenge-first-frames"
    tree = DavisTree(tmp_path / "challenge")
    names = sorted(path.name for path in (source / "JPEGImages" / "480p").iterdir())
    for name in names:
        shutil.copytree(source / "JPEGImages" / "480p" / name, tree.images / name)
        shutil.copytree(source / "Annotations" / "2017" / name, tree.masks / name)
    tree.list("val", names)
    (unknown,) = prepared("davis", tree.root, tmp_path / "coco", split="val")
    assert unknown.index is None
    assert unknown.outcomes == {"unknown-id": 30}
    assert [row.key for row in unknown.failures] == [f"davis/{name}" for name in names]
    (kept,) = prepared("davis", tree.root, tmp_path / "none", split="val", remap="none")
    assert (kept.num_samples, kept.num_sequences, kept.num_failed) == (30, 30, 0)
    row = samples(tmp_path / "none", "davis-val")["davis/tackle/00000"]
    assert png_values(row["inst.png"]).shape == (480, 1301)
    assert set(np.unique(png_values(row["inst.png"])).tolist()) == {0, 1, 2, 3}
    assert "seg.png" not in row
