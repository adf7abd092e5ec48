"""Clips -> files in the layouts of COCO (with COCO-Stuff maps) and DAVIS-2017.

    coco/train2017/000000000001.jpg
    coco/stuffthingmaps/train2017/000000000001.png
    coco/annotations/instances_train2017.json
    davis/JPEGImages/480p/<sequence>/00000.jpg
    davis/Annotations/480p/<sequence>/00000.png
    davis/ImageSets/2017/train.txt
    davis/objects.tsv

`480p` is the folder's name in DAVIS, not the size. The files are written plainly: the folder that
holds them gets its final name when all of them are there (vsda/synth/world.py).
"""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from vsda.manifests import coco_classes
from vsda.sample import Mask
from vsda.synth.clip import Clip
from vsda.synth.colour import Display
from vsda.synth.scene import Kind, Scene

JPEG_QUALITY = 95
COCO_SPLITS = {Kind.TRAIN_IMAGE: "train2017", Kind.VAL_IMAGE: "val2017"}
DAVIS_SPLITS = {Kind.TRAIN_VIDEO: "train", Kind.VAL_VIDEO: "val"}

_FIRST_IMAGE_ID = {Kind.TRAIN_IMAGE: 1, Kind.VAL_IMAGE: 500_001}
_MAX_THINGS_PER_ID = 10  # annotation ids are image id * this + number of the object

Json = dict[str, Any]


def write_coco_image(root: Path, kind: Kind, index: int, clip: Clip) -> tuple[Json, list[Json]]:
    """Write the JPEG and the stuff-and-thing map of one image.

    Returns:
        Its entries in the `images` and `annotations` lists of the instances file.
    """
    image_id = _FIRST_IMAGE_ID[kind] + index
    stem = f"{image_id:012d}"
    frame, objects = clip.frames[0], clip.objects[0]
    (root / COCO_SPLITS[kind] / f"{stem}.jpg").write_bytes(encode_jpeg(frame))
    maps = root / "stuffthingmaps" / COCO_SPLITS[kind]
    (maps / f"{stem}.png").write_bytes(encode_png(stuff_and_things(clip.scene, objects)))
    height, width = objects.shape
    entry = {"id": image_id, "file_name": f"{stem}.jpg", "height": height, "width": width}
    return entry, _annotations(clip.scene, objects, image_id)


def write_coco_instances(
    root: Path, kind: Kind, entries: Iterable[tuple[Json, list[Json]]]
) -> None:
    """Write the instances file of a split from what `write_coco_image` returned."""
    images, annotations = [], []
    for image, objects in entries:
        images.append(image)
        annotations += objects
    categories = [
        {"id": row.id, "name": row.name, "supercategory": row.supercategory}
        for row in coco_classes()
    ]
    content = {
        "info": {"description": "made-up world of vsda, in the layout of COCO 2017"},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    place = root / "annotations" / f"instances_{COCO_SPLITS[kind]}.json"
    place.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")


def stuff_and_things(scene: Scene, objects: Mask) -> Mask:
    """Return the stuffthingmaps values (H, W): COCO id - 1 of things, the label of the ground."""
    values = [scene.ground.stuff_value, *(thing.look.coco_id - 1 for thing in scene.things)]
    return np.array(values, dtype=np.uint8)[objects]


def write_davis_sequence(root: Path, kind: Kind, index: int, clip: Clip) -> str:
    """Write the frames and palette masks of one video; return its rows of objects.tsv."""
    sequence = sequence_name(kind, index)
    images, masks = (root / part / "480p" / sequence for part in ("JPEGImages", "Annotations"))
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for number, (frame, objects) in enumerate(zip(clip.frames, clip.objects, strict=True)):
        (images / f"{number:05d}.jpg").write_bytes(encode_jpeg(frame))
        (masks / f"{number:05d}.png").write_bytes(encode_png(objects, palette=_palette()))
    names = [thing.look.name for thing in clip.scene.things]
    return "".join(
        f"{sequence}\t{number}\t{name}\t{name}\n" for number, name in enumerate(names, start=1)
    )


def write_davis_lists(root: Path, rows: dict[Kind, list[str]]) -> None:
    """Write the lists of sequences and objects.tsv from what `write_davis_sequence` returned."""
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    for kind, split in DAVIS_SPLITS.items():
        names = [sequence_name(kind, index) for index in range(len(rows[kind]))]
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    header = (
        "# Made-up videos: the class of every object id of `Annotations`.\n"
        "# Columns as in manifests/davis/objects.tsv.\n"
        "sequence\tobject_id\tcategory\tclass\n"
    )
    table = header + "".join(row for kind in DAVIS_SPLITS for row in rows[kind])
    (root / "objects.tsv").write_text(table, encoding="utf-8")


def sequence_name(kind: Kind, index: int) -> str:
    """Return the name of a made-up video, such as `synth-val-00007`."""
    return f"synth-{DAVIS_SPLITS[kind]}-{index:05d}"


def encode_jpeg(frame: Display) -> bytes:
    """Return a JPEG of quality 95 without loss of colour resolution."""
    data = io.BytesIO()
    Image.fromarray(frame).save(data, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return data.getvalue()


def encode_png(mask: Mask, palette: bytes | None = None) -> bytes:
    """Return a PNG whose values are those of `mask`; of mode P where there is a palette."""
    image = Image.fromarray(mask)
    if palette is not None:
        image.putpalette(palette)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _annotations(scene: Scene, objects: Mask, image_id: int) -> list[Json]:
    found = []
    for number, thing in enumerate(scene.things, start=1):
        inside = objects == number
        if inside.any():
            annotation_id = image_id * _MAX_THINGS_PER_ID + number
            found.append(
                {
                    "id": annotation_id,
                    "image_id": image_id,
                    "category_id": thing.look.coco_id,
                    "iscrowd": 0,
                }
                | _region(inside.astype(np.uint8))
            )
    return found


def _region(inside: Mask) -> Json:
    """Return area, bounding box and run lengths; polygons could not hold a wheel's hole."""
    encoded = coco_mask.encode(np.asfortranarray(inside))
    return {
        "area": int(inside.sum()),
        "bbox": [float(side) for side in coco_mask.toBbox(encoded)],
        "segmentation": {
            "size": [int(side) for side in encoded["size"]],
            "counts": encoded["counts"].decode("ascii"),
        },
    }


def _palette() -> bytes:
    """Return 256 colours in which the bits of an id are spread over red, green and blue.

    Bit 3i + c of the id becomes bit 7 - i of channel c, as Pascal VOC and DAVIS do.
    """
    ids = np.arange(256)[:, None]
    channels = np.arange(3)[None, :]
    colours = sum(((ids >> (3 * bit + channels)) & 1) << (7 - bit) for bit in range(3))
    return np.asarray(colours, dtype=np.uint8).tobytes()
