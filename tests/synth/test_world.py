import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from vsda.datasets.davis.objects import read_class_map
from vsda.errors import UnknownNameError, UsageError
from vsda.synth.catalogue import looks
from vsda.synth.options import WorldOptions
from vsda.synth.world import write_world

ALL = {look.name for look in looks()}
SPLITS = ("train2017", "val2017")
TINY = {
    "num_images": 1,
    "num_val_images": 1,
    "num_videos": 1,
    "num_frames": 1,
    "num_val_videos": 1,
    "num_val_frames": 1,
    "size_px": 32,
}


def digests(folder):
    """The hash of every file below a folder by its relative name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_number_of_workers_changes_no_byte(tmp_path, world, small_options):
    write_world(tmp_path / "other", small_options, num_workers=3)
    made = digests(tmp_path / "other")
    assert len(made) == 2 * 8 + 2 * 13 + 2 + 2 + 1 + 1
    assert made == digests(world.coco_root.parent)


def test_the_number_of_workers_changes_no_byte_of_a_shifted_world(tmp_path):
    tiny = WorldOptions(**TINY, style="blur+diversity", image_classes=("dog", "car"))
    one, other = (
        digests(write_world(tmp_path / str(count), tiny, num_workers=count).coco_root.parent)
        for count in (1, 3)
    )
    assert one == other


def classes_of(world):
    """The classes of the images, and those of the videos."""
    path = world.coco_root / "annotations" / "instances_{}.json"
    lists = [json.loads(Path(str(path).format(name)).read_text()) for name in SPLITS]
    names = {row["id"]: row["name"] for row in lists[0]["categories"]}
    images = {names[row["category_id"]] for content in lists for row in content["annotations"]}
    return images, {row.class_name for row in read_class_map(world.class_map)}


@pytest.mark.parametrize(
    ("shift", "images", "videos"),
    [
        ({"image_classes": ("dog", "car")}, {"dog", "car"}, ALL),
        ({"video_classes": ("bird",)}, ALL, {"bird"}),
        ({"image_classes": ("dog",), "video_classes": ("dog", "horse")}, {"dog"}, {"dog", "horse"}),
    ],
)
def test_a_label_shift_takes_classes_from_one_domain(tmp_path, shift, images, videos):
    many = TINY | {"num_images": 30, "num_videos": 30}
    made = classes_of(write_world(tmp_path / "out", WorldOptions(**many, style="none", **shift)))
    assert made == (images, videos)


def test_classes_of_the_videos_change_no_image(tmp_path, world, small_options):
    other = dataclasses.replace(small_options, video_classes=("horse",))
    made = write_world(tmp_path / "out", other)
    assert digests(made.coco_root) == digests(world.coco_root)
    assert digests(made.davis_root) != digests(world.davis_root)


def test_another_seed_gives_another_world(tmp_path, world, small_options):
    other = write_world(tmp_path / "other", dataclasses.replace(small_options, seed=1))
    one, two = digests(world.coco_root / "train2017"), digests(other.coco_root / "train2017")
    assert one.keys() == two.keys()
    assert not set(one.values()) & set(two.values())


def test_more_scenes_leave_the_first_ones_as_they_are(tmp_path, world, small_options):
    more = dataclasses.replace(small_options, num_images=9, num_videos=4)
    larger = digests(write_world(tmp_path / "other", more).coco_root.parent)
    for name, digest in digests(world.coco_root.parent).items():
        if name.endswith((".jpg", ".png")):
            assert larger[name] == digest


def test_a_style_changes_the_videos_and_not_the_images(tmp_path, world, small_options):
    other = write_world(tmp_path / "other", dataclasses.replace(small_options, style="light"))
    assert digests(other.coco_root) == digests(world.coco_root)
    assert not set(digests(other.davis_root / "JPEGImages").values()) & set(
        digests(world.davis_root / "JPEGImages").values()
    )


def test_severity_changes_the_videos(tmp_path, world, small_options):
    other = write_world(tmp_path / "other", dataclasses.replace(small_options, severity=0.5))
    one, two = (digests(made.davis_root / "JPEGImages") for made in (world, other))
    assert not set(one.values()) & set(two.values())


def test_no_two_frames_of_a_world_are_alike(world):
    pictures = [
        digest for name, digest in digests(world.coco_root.parent).items() if name.endswith(".jpg")
    ]
    assert len(pictures) == len(set(pictures)) == 8 + 13


def test_the_world_says_what_it_is_and_how_much_it_holds(world, small_options):
    content = (world.coco_root.parent / "world.json").read_text()
    assert TypeAdapter(WorldOptions).validate_json(content, strict=True) == small_options
    assert (world.num_images, world.num_video_frames) == (8, 13)


def test_an_unknown_style_leaves_nothing(tmp_path, small_options):
    with pytest.raises(UnknownNameError, match="unknown style 'dusk'"):
        write_world(tmp_path / "out", dataclasses.replace(small_options, style="dusk"))
    assert not list(tmp_path.iterdir())


def test_overwrite_replaces_a_world_and_spares_what_else_lies_in_its_folder(tmp_path):
    tiny = WorldOptions(**TINY)
    out = write_world(tmp_path / "out", tiny).coco_root.parent
    (out / "coco" / "old").touch()
    write_world(out, tiny, overwrite=True)
    assert not (out / "coco" / "old").exists()
    (out / "shards").mkdir()
    with pytest.raises(UsageError, match="out also holds shards, which --overwrite would delete"):
        write_world(out, tiny, overwrite=True)
    assert (out / "shards").is_dir()


def test_no_workers_are_refused(tmp_path, small_options):
    with pytest.raises(UsageError, match="--workers: expected at least 1, got 0"):
        write_world(tmp_path / "out", small_options, num_workers=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_images": 0}, "--images: expected at least 1, got 0"),
        ({"num_val_images": -1}, "--val-images: expected at least 1, got -1"),
        ({"num_videos": 0}, "--videos: expected at least 1"),
        ({"num_val_videos": 0}, "--val-videos: expected at least 1"),
        ({"num_frames": 0}, "--frames: expected 1 to 100, got 0"),
        ({"num_val_frames": 101}, "--val-frames: expected 1 to 100, got 101"),
        ({"size_px": 63}, "--size-px: expected an even number from 32 to 1024, got 63"),
        ({"size_px": 16}, "--size-px: expected an even number"),
        ({"severity": 1.5}, "--severity: expected 0 to 1, got 1.5"),
        ({"seed": -1}, "--seed: expected at least 0, got -1"),
        ({"image_classes": ("cow",)}, "--image-classes: unknown class 'cow'. Known: person, bic"),
        ({"video_classes": ("dgo",)}, "--video-classes: unknown class 'dgo'. Did you mean 'dog'"),
        ({"video_classes": ("dog", "dog")}, "--video-classes: expected each class once, got 'dog"),
    ],
)
def test_options_out_of_range_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        WorldOptions(**change)
