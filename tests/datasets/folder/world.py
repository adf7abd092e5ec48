"""Folders of somebody's own files, and how to ask for them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from vsda.datasets.folder import dataset as folder
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source


def request(root, split="train", remap="coco", classes="all", outside="background", **own):
    rules = label_rules(remap, None if remap == "none" else classes, outside)
    paths = {"images", "masks", "videos", "class_map"}
    own = {name: Path(value) if name in paths else value for name, value in own.items()}
    options = folder.DATASET.options(**{"name": "mine"} | own)
    return Request(root=root, split=split, rules=rules, options=options)


def listing_of(root, **more):
    return folder.list_split(request(root, **more))


def sequences(listing):
    return {unit.sequence: [item.frame for item in unit.items] for unit in listing.units}


def rows(listing):
    return [(row.key, row.outcome.value, row.num_items) for row in listing.failures]


def samples_of(root, split="train", **more):
    """Return all samples of a folder by key, read as a worker does."""
    asked = request(root, split, **more)
    listing = folder.list_split(asked)
    source = Source(dataset="mine", split=split, root=listing.root, options=asked.options)
    found = (
        sample
        for unit in listing.units
        for item in unit.items
        for sample in folder.read(source, unit, item)
    )
    return {sample.key: sample for sample in found}


def picture(kind, size=(8, 8), mode="RGB", **more):
    """Return an encoded picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, (200, 0, 0))
    image.paste((0, 0, 200), (size[0] // 2, 0, *size))
    data = io.BytesIO()
    image.convert(mode).save(data, kind, **more)
    return data.getvalue()


def colours_png(rows_of_hex):
    """Return an RGB PNG from rows of colours such as "ff0000"."""
    pixels = [[tuple(bytes.fromhex(cell)) for cell in row] for row in rows_of_hex]
    data = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(data, "PNG")
    return data.getvalue()
