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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from vsda.manifests import coco_classes
from vsda.sample import Mask
from vsda.synth.clip import Clip
from vsda.synth.colour import Display
from vsda.synth.scene import Kind, Scene, SceneId

JPEG_QUALITY = 95
STUFFTHINGMAPS = "stuffthingmaps"
OBJECTS_FILE = "objects.tsv"
COCO_SPLITS = {Kind.TRAIN_IMAGE: "train2017", Kind.VAL_IMAGE: "val2017"}
DAVIS_SPLITS = {Kind.TRAIN_VIDEO: "train", Kind.VAL_VIDEO: "val"}

_FIRST_IMAGE_ID = {Kind.TRAIN_IMAGE: 1, Kind.VAL_IMAGE: 500_001}
_IDS_PER_IMAGE = 10  # more than a scene has objects
_OBJECTS_HEADER = """\
# Made-up videos: the class of every object id of `Annotations`.
# Columns as in manifests/davis/objects.tsv.
sequence\tobject_id\tcategory\tclass"""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """What the lists of a layout say of one scene.

    Attributes:
        images: COCO: its entry among the images.
        annotations: COCO: its entries among the annotations.
        objects: DAVIS: its rows of objects.tsv.
    """

    images: tuple[Json, ...] = ()
    annotations: tuple[Json, ...] = ()
    objects: tuple[str, ...] = ()


def make_folders(coco: Path, davis: Path) -> None:
    """Make the folders that hold files of all scenes."""
    for split in COCO_SPLITS.values():
        (coco / split).mkdir(parents=True)
        (coco / STUFFTHINGMAPS / split).mkdir(parents=True)
    (coco / "annotations").mkdir()
    (davis / "ImageSets" / "2017").mkdir(parents=True)


def write_coco_image(root: Path, clip: Clip) -> Record:
    """Write the JPEG and the stuff-and-thing map of one image."""
    scene_id, split = clip.scene.scene_id, COCO_SPLITS[clip.scene.scene_id.kind]
    image_id = _FIRST_IMAGE_ID[scene_id.kind] + scene_id.index
    stem = f"{image_id:012d}"
    frame, objects = clip.frames[0], clip.objects[0]
    (root / split / f"{stem}.jpg").write_bytes(encode_jpeg(frame))
    labels = encode_png(stuff_and_things(clip.scene, objects))
    (root / STUFFTHINGMAPS / split / f"{stem}.png").write_bytes(labels)
    height, width = objects.shape
    image = {"id": image_id, "file_name": f"{stem}.jpg", "height": height, "width": width}
    return Record(images=(image,), annotations=_annotations(clip.scene, objects, image_id))


def write_coco_instances(root: Path, records: Mapping[Kind, Iterable[Record]]) -> None:
    """Write the instances file of each split."""
    categories = [
        {"id": row.id, "name": row.name, "supercategory": row.supercategory}
        for row in coco_classes()
    ]
    for kind, split in COCO_SPLITS.items():
        content = {
            "info": {"description": "made-up world of vsda, in the layout of COCO 2017"},
            "images": [image for record in records[kind] for image in record.images],
            "annotations": [row for record in records[kind] for row in record.annotations],
            "categories": categories,
        }
        place = root / "annotations" / f"instances_{split}.json"
        place.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")


def stuff_and_things(scene: Scene, objects: Mask) -> Mask:
    """Return the stuffthingmaps values (H, W): COCO id - 1 of things, the label of the ground."""
    values = [scene.ground.stuff_value, *(thing.look.coco_id - 1 for thing in scene.things)]
    return np.array(values, dtype=np.uint8)[objects]


def write_davis_sequence(root: Path, clip: Clip) -> Record:
    """Write the frames and palette masks of one video."""
    sequence = sequence_name(clip.scene.scene_id)
    images, masks = (root / part / "480p" / sequence for part in ("JPEGImages", "Annotations"))
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for number, (frame, objects) in enumerate(zip(clip.frames, clip.objects, strict=True)):
        (images / f"{number:05d}.jpg").write_bytes(encode_jpeg(frame))
        (masks / f"{number:05d}.png").write_bytes(encode_png(objects, palette=_palette()))
    names = [thing.look.name for thing in clip.scene.things]
    rows = (f"{sequence}\t{number}\t{name}\t{name}" for number, name in enumerate(names, start=1))
    return Record(objects=tuple(rows))


def write_davis_lists(root: Path, records: Mapping[Kind, Sequence[Record]]) -> None:
    """Write the lists of sequences, and objects.tsv beside them."""
    rows = [_OBJECTS_HEADER]
    for kind, split in DAVIS_SPLITS.items():
        rows += [row for record in records[kind] for row in record.objects]
        names = [record.objects[0].partition("\t")[0] for record in records[kind]]
        _write_lines(root / "ImageSets" / "2017" / f"{split}.txt", names)
    _write_lines(root / OBJECTS_FILE, rows)


def sequence_name(scene_id: SceneId) -> str:
    """Return the name of a made-up video, such as `synth-val-00007`."""
    return f"synth-{DAVIS_SPLITS[scene_id.kind]}-{scene_id.index:05d}"


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


def _annotations(scene: Scene, objects: Mask, image_id: int) -> tuple[Json, ...]:
    found = []
    for number, thing in enumerate(scene.things, start=1):
        inside = objects == number
        if inside.any():
            row = {"id": image_id * _IDS_PER_IMAGE + number, "image_id": image_id, "iscrowd": 0}
            found.append(row | {"category_id": thing.look.coco_id} | _region(inside))
    return tuple(found)


def _region(inside: NDArray[np.bool_]) -> Json:
    """Return area, bounding box and run lengths; polygons could not hold a wheel's hole."""
    encoded = coco_mask.encode(np.asfortranarray(inside, dtype=np.uint8))
    return {
        "area": int(inside.sum()),
        "bbox": [float(side) for side in coco_mask.toBbox(encoded)],
        "segmentation": {
            "size": [int(side) for side in encoded["size"]],
            "counts": encoded["counts"].decode("ascii"),
        },
    }


@cache
def _palette() -> bytes:
    """Return 256 colours in which the bits of an id are spread over red, green and blue.

    Bit 3i + c of the id becomes bit 7 - i of channel c, as Pascal VOC and DAVIS do.
    """
    ids = np.arange(256)[:, None]
    channels = np.arange(3)[None, :]
    colours = sum(((ids >> (3 * bit + channels)) & 1) << (7 - bit) for bit in range(3))
    return np.asarray(colours, dtype=np.uint8).tobytes()


def _write_lines(place: Path, lines: Iterable[str]) -> None:
    place.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
