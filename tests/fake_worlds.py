"""Tiny DAVIS and COCO trees in the datasets' own layouts, made by code."""

import gc
import io
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import webdataset
from PIL import Image

from vsda.manifests import davis_objects, davis_sequences

SIZE_PX = 8
_PALETTE = [(index * 37) % 256 for index in range(3 * 256)]


@cache
def jpeg(width_px: int = SIZE_PX, height_px: int = SIZE_PX, seed: int = 0) -> bytes:
    """Return a JPEG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def values(*present: int, width_px: int = SIZE_PX, height_px: int = SIZE_PX) -> np.ndarray:
    """Return a mask (H, W) uint8 in which each of the values `present` occurs."""
    return np.resize(np.array(present, dtype=np.uint8), (height_px, width_px))


def mask_png(mask: np.ndarray, mode: str = "P") -> bytes:
    """Return `mask` as a PNG of a mode of Pillow: P, L, LA, 1, RGB or I;16."""
    image = Image.fromarray(mask)
    if mode == "P":
        image = Image.frombytes("P", image.size, mask.tobytes())
        image.putpalette(_PALETTE)
    elif mode == "LA":
        image = Image.merge("LA", [image, Image.new("L", image.size, 255)])
    elif mode == "I;16":
        image = Image.fromarray(mask.astype(np.uint16))
    else:
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write(path: Path, data: bytes) -> Path:
    """Write `data` to `path`, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


class DavisTree:
    """A DAVIS folder to which sequences are added."""

    def __init__(self, root: Path, resolution: str = "480p") -> None:
        self.root = root
        self.images = root / "JPEGImages" / resolution
        self.masks = root / "Annotations" / resolution
        self.images.mkdir(parents=True)
        self.masks.mkdir(parents=True)

    def add(
        self,
        name: str,
        ids: Sequence[int] = (0, 1),
        *,
        num_frames: int = 2,
        padding_bytes: int = 0,
    ) -> "DavisTree":
        """Add a sequence whose masks hold the object ids `ids`.

        `padding_bytes` zeros after the end of each JPEG make it as large as a real one.
        """
        for index in range(num_frames):
            image = jpeg(seed=index) + bytes(padding_bytes)
            write(self.images / name / f"{index:05d}.jpg", image)
            write(self.masks / name / f"{index:05d}.png", mask_png(values(*ids)))
        return self

    def list(self, split: str, names: Iterable[str]) -> "DavisTree":
        """Write the list of a split."""
        text = "".join(f"{name}\n" for name in names)
        write(self.root / "ImageSets" / "2017" / f"{split}.txt", text.encode())
        return self

    def image(self, sequence: str, frame: int = 0) -> Path:
        return self.images / sequence / f"{frame:05d}.jpg"

    def mask(self, sequence: str, frame: int = 0) -> Path:
        return self.masks / sequence / f"{frame:05d}.png"


def small_davis(root: Path) -> DavisTree:
    """Make a DAVIS of three train and two val sequences; bear and camel have no shared class."""
    tree = DavisTree(root)
    tree.add("bear").add("lucia", num_frames=3).add("bmx-bumps", (0, 1, 2, 255))
    tree.add("camel").add("car-shadow")
    return tree.list("train", ["lucia", "bear", "bmx-bumps"]).list("val", ["camel", "car-shadow"])


def davis_of_many_shards(root: Path) -> DavisTree:
    """Make a DAVIS with five train sequences, of which each fills a shard of 1 MB."""
    tree = DavisTree(root)
    names = ["bmx-bumps", "lucia", "rollerblade", "car-turn", "mallard-water"]
    for name in names:
        tree.add(name, padding_bytes=400_000)
    return tree.list("train", names)


def full_davis(root: Path) -> DavisTree:
    """Make a DAVIS with all sequences, frames and object ids of the manifest, 8x8 pixels each.

    All frames share one JPEG, the frames of a sequence one mask, as links.
    """
    tree = DavisTree(root)
    image = write(root / "image.jpg", jpeg())
    for row in davis_sequences():
        ids = [entry.object_id for entry in davis_objects() if entry.sequence == row.name]
        mask = write(root / f"{row.name}.png", mask_png(values(0, *ids, 255)))
        for folder in (tree.images, tree.masks):
            (folder / row.name).mkdir()
        for frame in range(row.num_frames):
            os.link(image, tree.image(row.name, frame))
            os.link(mask, tree.mask(row.name, frame))
    for split in ("train", "val"):
        tree.list(split, [row.name for row in davis_sequences() if row.split == split])
    return tree


def coco_tree(root: Path, splits: Mapping[str, Mapping[str, np.ndarray | None]]) -> Path:
    """Make a COCO folder: by split and file stem the values of the label map, None without one."""
    for split, images in splits.items():
        for stem, mask in images.items():
            height_px, width_px = (SIZE_PX, SIZE_PX) if mask is None else mask.shape
            write(root / f"{split}2017" / f"{stem}.jpg", jpeg(width_px, height_px))
            if mask is not None:
                path = root / "stuffthingmaps" / f"{split}2017" / f"{stem}.png"
                write(path, mask_png(mask, "L"))
    return root


def small_coco(root: Path) -> Path:
    """Make a COCO: person, dog and sky; a cat, which DAVIS lacks; stuff only; one without a map."""
    return coco_tree(
        root,
        {
            "train": {
                "000000000001": values(0, 17, 156),
                "000000000002": values(16, 255),
                "000000000003": values(156, 255),
                "000000000004": None,
            },
            "val": {"000000000005": values(17, 16, width_px=10)},
        },
    )


def read_with_webdataset(out: Path, name: str) -> list[dict[str, Any]]:
    """Return the samples of a set as the plain webdataset library reads them."""
    tars = sorted(str(path) for path in out.glob(f"{name}-*.tar"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the library leaves tars open
        samples = list(webdataset.WebDataset(tars, shardshuffle=False))
        gc.collect()
    return samples


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below `folder`, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
