"""A COCO folder with annotation files, made by code."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from tests.fake_worlds import SIZE_PX, jpeg, write
from vsda.datasets.coco import dataset as coco
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Listing, Request, Source
from vsda.manifests import coco_classes, panoptic_stuff
from vsda.sample import Sample

IDS = {row.name: row.id for row in (*coco_classes(), *panoptic_stuff())}


class CocoTree:
    """One split of COCO, to which images and annotations are added.

    `images`, `annotations` and `categories` are what the annotation file will hold.
    """

    def __init__(self, root: Path, split: str = "train") -> None:
        self.root, self.split = root, split
        self.images: list[Any] = []
        self.annotations: list[Any] = []
        self.categories: list[Any] = [{"id": number, "name": name} for name, number in IDS.items()]
        (root / f"{split}2017").mkdir(parents=True, exist_ok=True)

    def image(self, number: int, width_px: int = SIZE_PX, height_px: int = SIZE_PX) -> "CocoTree":
        """Add an image that shows nothing yet."""
        write(self.image_path(number), jpeg(width_px, height_px))
        name = self.image_path(number).name
        row = {"id": number, "file_name": name, "width": width_px, "height": height_px}
        self.images.append(row)
        return self

    def thing(self, image: int, name: str, segmentation: object, **more: Any) -> "CocoTree":
        """Add an object to an image, for an instances file."""
        row = {
            "id": 100 + len(self.annotations),
            "image_id": image,
            "category_id": IDS[name],
            "iscrowd": 0,
            "segmentation": segmentation,
        }
        self.annotations.append(row | more)
        return self

    def segments(self, image: int, ids: np.ndarray, *segments: tuple[int, str, int]) -> "CocoTree":
        """Add the PNG of an image and its segments: id, category and crowd; for panoptic."""
        name = f"{image:012d}.png"
        info = [{"id": i, "category_id": IDS[c], "iscrowd": crowd} for i, c, crowd in segments]
        self.annotations.append({"image_id": image, "file_name": name, "segments_info": info})
        write(self.png_path(image), rgb_png(ids))
        return self

    def save(self, kind: str = "instances", **more: Any) -> "CocoTree":
        """Write the annotation file; `more` replaces members, None leaves them out."""
        members = {name: getattr(self, name) for name in ("images", "annotations", "categories")}
        document = {name: value for name, value in (members | more).items() if value is not None}
        write(self.file(kind), json.dumps(document).encode())
        return self

    def file(self, kind: str = "instances") -> Path:
        return self.root / "annotations" / f"{kind}_{self.split}2017.json"

    def image_path(self, number: int) -> Path:
        return self.root / f"{self.split}2017" / f"{number:012d}.jpg"

    def png_path(self, number: int) -> Path:
        return self.root / f"annotations/panoptic_{self.split}2017/{number:012d}.png"

    def request(
        self,
        labels: str = "instances",
        remap: str = "coco",
        classes: str | None = "all",
        outside: str = "background",
    ) -> Request:
        """Return a request for this split."""
        rules = label_rules(remap, None if remap == "none" else classes, outside)
        options = coco.CocoOptions(labels=labels)  # type: ignore[arg-type]
        return Request(root=self.root, split=self.split, rules=rules, options=options)

    def listing(self, labels: str = "instances", **rules: str) -> Listing:
        """Return what the folder holds."""
        return coco.list_split(self.request(labels, **rules))

    def read(self, number: int, labels: str = "instances", **rules: str) -> Sample | None:
        """Return the sample of an image; None if it is left out."""
        request = self.request(labels, **rules)
        units = {unit.items[0].frame: unit for unit in coco.list_split(request).units}
        if f"{number:012d}" not in units:
            return None
        unit = units[f"{number:012d}"]
        source = Source(dataset="coco", split=self.split, root=self.root, options=request.options)
        return next(iter(coco.read(source, unit, unit.items[0])), None)


def box(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    """Return a polygon whose pixels are columns left..right-1 of rows top..bottom-1."""
    return [[left, top, right, top, right, bottom, left, bottom]]


def lengths(mask: np.ndarray, *, compressed: bool = False) -> dict[str, Any]:
    """Return the run lengths of a mask, as numbers or as a text."""
    if compressed:
        packed = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        return {"size": list(mask.shape), "counts": packed["counts"].decode()}
    flat = mask.ravel(order="F").astype(bool)
    changes = np.flatnonzero(np.diff(flat, prepend=False)).tolist()
    counts = np.diff([0, *changes, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": counts}


def region(*rectangle: int, size_px: int = SIZE_PX) -> np.ndarray:
    """Return a mask (H, W) that is 1 in columns left..right-1 of rows top..bottom-1."""
    left, top, right, bottom = rectangle
    mask = np.zeros((size_px, size_px), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def rgb_png(ids: np.ndarray, mode: str = "RGB") -> bytes:
    """Return a PNG whose colours are the segment ids (H, W)."""
    colours = np.stack([ids & 255, ids >> 8 & 255, ids >> 16 & 255], axis=2).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(colours).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()
