import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from vsda.datasets.davis.objects import read_class_map
from vsda.synth.clip import make_image, make_video
from vsda.synth.layouts import encode_jpeg, sequence_name, stuff_and_things
from vsda.synth.scene import Kind, SceneId
from vsda.synth.styles import style_named

# pycocotools decodes masks in a way that numpy 2 will not accept for ever
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def coco_of(world, split):
    return COCO(str(world.coco_root / "annotations" / f"instances_{split}.json"))


def read_png(path):
    """Mode and values of a mask."""
    with Image.open(path) as image:
        return image.mode, np.asarray(image)


def test_things_have_their_coco_id_minus_one_and_the_ground_its_stuff_value():
    clip = make_image(SceneId(0, Kind.TRAIN_IMAGE, 0), 64)
    labels = stuff_and_things(clip.scene, clip.objects[0])
    assert set(labels[clip.objects[0] == 0]) == {clip.scene.ground.stuff_value}
    for number, thing in enumerate(clip.scene.things, start=1):
        assert set(labels[clip.objects[0] == number]) <= {thing.look.coco_id - 1}
    assert 255 not in labels


def test_instances_and_maps_say_the_same(world):
    for split, count in (("train2017", 6), ("val2017", 2)):
        coco = coco_of(world, split)
        assert len(coco.getImgIds()) == count
        for image in coco.loadImgs(coco.getImgIds()):
            name = image["file_name"].replace(".jpg", ".png")
            _, labels = read_png(world.coco_root / "stuffthingmaps" / split / name)
            things = np.zeros_like(labels)
            for row in coco.loadAnns(coco.getAnnIds(image["id"])):
                inside = coco.annToMask(row).astype(bool)
                assert not things[inside].any()
                assert row["area"] == inside.sum()
                things[inside] = row["category_id"]
            np.testing.assert_array_equal(things, np.where(labels < 90, labels + 1, 0))


def test_a_bounding_box_holds_its_object_tightly(world):
    coco = coco_of(world, "train2017")
    for row in coco.loadAnns(coco.getAnnIds()):
        rows, columns = np.nonzero(coco.annToMask(row))
        left, top = columns.min(), rows.min()
        size = [columns.max() - left + 1, rows.max() - top + 1]
        assert row["bbox"] == [left, top, *size]


def test_ids_are_unique_over_both_splits(world):
    contents = [
        json.loads((world.coco_root / "annotations" / f"instances_{split}.json").read_text())
        for split in ("train2017", "val2017")
    ]
    for part, count in (("images", 8), ("annotations", None)):
        ids = [row["id"] for content in contents for row in content[part]]
        assert len(ids) == len(set(ids))
        assert count in {None, len(ids)}
    assert len(contents[0]["categories"]) == 80


def test_images_have_their_frame_and_label_map_in_the_same_size(world):
    images = sorted((world.coco_root / "train2017").iterdir())
    maps = sorted((world.coco_root / "stuffthingmaps" / "train2017").iterdir())
    assert [path.stem for path in images] == [path.stem for path in maps]
    assert images[0].name == "000000000001.jpg"
    assert read_png(images[0])[1].shape == (64, 64, 3)
    mode, labels = read_png(maps[0])
    assert (mode, labels.shape) == ("L", (64, 64))


def test_davis_masks_are_palette_images_with_the_usual_colours(world):
    place = world.davis_root / "Annotations" / "480p" / "synth-train-00000" / "00000.png"
    with Image.open(place) as image:
        palette = image.getpalette()
    assert palette[:15] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128]
    assert palette[255 * 3 :] == [224, 224, 192]
    mode, mask = read_png(place)
    assert mode == "P"
    identity = SceneId(0, Kind.TRAIN_VIDEO, 0)
    clip = make_video(identity, style_named("dim"), 3, 64)
    np.testing.assert_array_equal(mask, clip.objects[0])


def test_davis_lists_name_the_folders_that_are_there(world):
    for split, count, num_frames in (("train", 3, 3), ("val", 2, 2)):
        lists = world.davis_root / "ImageSets" / "2017" / f"{split}.txt"
        names = lists.read_text().split()
        assert names == [f"synth-{split}-{index:05d}" for index in range(count)]
        for part, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
            for name in names:
                found = sorted(
                    path.name for path in (world.davis_root / part / "480p" / name).iterdir()
                )
                assert found == [f"{index:05d}.{suffix}" for index in range(num_frames)]


def test_the_object_table_has_every_id_of_every_mask(world):
    table = {(row.sequence, row.object_id) for row in read_class_map(world.class_map)}
    masks = sorted((world.davis_root / "Annotations" / "480p").rglob("*.png"))
    assert len(masks) == 13
    for path in masks:
        for value in np.unique(read_png(path)[1]):
            assert value == 0 or (path.parent.name, int(value)) in table


def test_the_object_table_says_the_class_of_the_scene(world):
    clip = make_video(SceneId(0, Kind.VAL_VIDEO, 1), style_named("dim"), 1, 64)
    name = sequence_name(clip.scene.scene_id)
    rows = [row for row in read_class_map(world.class_map) if row.sequence == name]
    assert [row.class_name for row in rows] == [thing.look.name for thing in clip.scene.things]


def test_a_jpeg_keeps_the_frame_closely():
    frame = make_image(SceneId(0, Kind.TRAIN_IMAGE, 1), 64).frames[0]
    decoded = np.asarray(Image.open(io.BytesIO(encode_jpeg(frame))))
    assert np.abs(decoded.astype(int) - frame).mean() < 3
