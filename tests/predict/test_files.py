"""The files of each kind, read by what others read them with."""

import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests.predict.made import decoded, pictures, write_jpegs
from tests.stream.made_clips import coded, frames, opened
from vsda.palette import class_colour, overlay
from vsda.predict.legend import Legend

PERSON, DOG = 1, 18


@pytest.fixture
def folder(tmp_path):
    """A folder of six frames."""
    write_jpegs(tmp_path / "clip", pictures(6))
    return tmp_path / "clip"


def test_masks_are_palette_pngs_of_coco_ids_in_the_colours_of_the_classes(folder, predicted):
    found = predicted(folder, kinds=("masks",))
    with Image.open(found.out / "Annotations/clip/00002.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[3 * DOG : 3 * DOG + 3] == list(class_colour(DOG))
    values = {value for mask in found.masks("clip").values() for value in np.unique(mask).tolist()}
    assert {PERSON, DOG} <= values <= {0, PERSON, DOG}


def test_the_overlay_shows_masks_over_the_frames(folder, predicted):
    found = predicted(folder, opacity=0.7, legend=False)
    shown = decoded(found.overlay("clip"))
    for number, mask in enumerate(found.masks("clip").values()):
        frame = np.asarray(Image.open(folder / f"{number:05d}.jpg"))
        expected = overlay(frame, mask, 0.7).astype(int)
        assert np.abs(shown[number] - expected).mean() < 12  # H.264 halves the colours


def test_panoptic_files_hold_the_masks(folder, predicted):
    found = predicted(folder, kinds=("masks", "coco-panoptic"))
    document = json.loads((found.out / "coco-panoptic/clip.json").read_bytes())
    names = {row["id"]: row["name"] for row in document["categories"]}
    assert names[0] == "background"
    assert len(document["images"]) == len(document["annotations"]) == 6
    for row in document["annotations"]:
        png = np.asarray(Image.open(found.out / "coco-panoptic/clip" / row["file_name"]))
        ids = png.astype(int) @ [1, 256, 65536]
        mask = found.masks("clip")[row["file_name"].removesuffix(".png")]
        for segment in row["segments_info"]:
            where = ids == segment["id"]
            assert where.sum() == segment["area"]
            assert set(mask[where].tolist()) == {segment["category_id"]}
        assert (ids > 0).all()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_run_lengths_are_results_that_pycocotools_loads(folder, predicted):
    found = predicted(folder, kinds=("masks", "coco-rle"))
    path = found.out / "coco-rle/clip.json"
    rows = json.loads(path.read_bytes())
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": number, "height": 40, "width": 48} for number in range(1, 7)],
            "categories": [{"id": PERSON}, {"id": DOG}],
            "annotations": [],
        }
        truth.createIndex()
        assert len(truth.loadRes(str(path)).anns) == len(rows)
    for number, (frame, mask) in enumerate(found.masks("clip").items(), start=1):
        again = np.zeros_like(mask)
        for row in rows:
            if row["image_id"] == number:
                assert row["file_name"] == frame
                again[coco_mask.decode(row["segmentation"]) == 1] = row["category_id"]
        assert np.array_equal(again, mask)


def test_images_of_coco_keep_their_numbers(tmp_path, predicted):
    samples = [coded(number, None) for number in range(2)]
    for number, sample in enumerate(samples):
        object.__setattr__(sample, "key", f"coco/val2017/{139 + number:012d}")
    opened(tmp_path / "set", samples, name="coco-val")
    found = predicted(tmp_path / "set", kinds=("coco-panoptic",))
    document = json.loads((found.out / "coco-panoptic/coco-val.json").read_bytes())
    assert [row["id"] for row in document["images"]] == [139, 140]


def test_still_pictures_of_any_size_become_pictures(tmp_path, predicted):
    samples = [coded(0, None), coded(1, None, size_px=48)]
    opened(tmp_path / "set", samples, frames("bear", 2), name="mixed")
    found = predicted(tmp_path / "set")
    assert [path for path in found.files() if path.startswith("overlay")] == [
        "overlay/bear.mp4",
        "overlay/mixed/00000.jpg",
        "overlay/mixed/00001.jpg",
    ]
    with Image.open(found.out / "overlay/mixed/00001.jpg") as image:
        assert image.size == (48, 48)


def test_a_record_says_what_made_the_files(folder, predicted):
    found = predicted(folder, kinds=("masks", "coco-rle"))
    record = json.loads((found.out / "records/clip.json").read_bytes())
    assert record["files"] == ["Annotations/clip/", "coco-rle/clip.json"]
    assert (record["step"], record["size_px"], record["frames"]) == (7, 32, 6)
    assert record["classes"] == {"0": "background", "1": "person", "18": "dog"}


def test_a_legend_names_a_class_from_its_first_frame_on_and_never_flickers():
    legend, picture = Legend(), np.full((240, 320, 3), 90, np.uint8)
    empty, person = np.zeros((2, 240, 320), np.uint8)
    person[100:] = PERSON

    def drawn(mask):
        copy = picture.copy()
        legend.draw(copy, mask)
        return copy

    def has(frame, colour):
        return (np.abs(frame - np.array(colour)) < 60).all(axis=2).any()

    assert np.array_equal(drawn(empty), picture)
    assert has(drawn(person), class_colour(PERSON))
    assert has(drawn(person), (255, 255, 255))
    dimmed = drawn(empty)
    assert has(dimmed, class_colour(PERSON))
    assert not has(dimmed, (255, 255, 255))


def test_a_legend_without_room_is_left_out():
    picture, mask = np.full((20, 24, 3), 90, np.uint8), np.full((20, 24), PERSON, np.uint8)
    Legend().draw(picture, mask)
    assert (picture == 90).all()
