"""Labels from COCO's panoptic segmentation: a PNG of segment ids and a list of the segments.

An id is R + 256 G + 65536 B; 0 is void, which nobody labelled. Stuff becomes background.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vsda.datasets.coco.json_rows import strict_json
from vsda.datasets.coco.layout import (
    ANNOTATIONS,
    Labels,
    annotation_file,
    check_folder,
    image_folder,
    missing,
    some,
)
from vsda.datasets.coco.listing import list_annotated
from vsda.datasets.coco.rows import MAX_SEGMENT_ID, panoptic_entry
from vsda.datasets.coco.table import TableKind
from vsda.datasets.coco.things import Owners, bands, inst_of, seg_of
from vsda.datasets.frames import read_rgb
from vsda.datasets.listing import Item, Listing, Request, Source, Unit, is_folder
from vsda.errors import DatasetError, ItemError, Outcome
from vsda.taxonomy import IGNORE_INDEX

PANOPTIC = TableKind(name="panoptic", parse=panoptic_entry, order_key="image_id")
_ARCHIVE = "panoptic_annotations_trainval2017.zip"
_ID_OF_COLOUR = np.array([1, 1 << 8, 1 << 16], dtype=np.uint32)


def list_panoptic(request: Request) -> Listing:
    """Return the images of a split with their segments; see `list_annotated`."""
    folder, file = image_folder(request.split), annotation_file(PANOPTIC.name, request.split)
    masks = mask_folder(request.split)
    check_folder(request.root, folder, f"{folder}.zip", request.split)
    if not (request.root / file).exists():
        raise missing(request.root, file, "file", _ARCHIVE, PANOPTIC.name)
    if not is_folder(request.root / masks):
        raise _packed(request.root, masks) or missing(
            request.root, masks, "folder", _ARCHIVE, PANOPTIC.name
        )
    return list_annotated(request, PANOPTIC, masks)


def panoptic_labels(source: Source, unit: Unit, item: Item) -> Labels:
    """Return the labels of an image from its segments.

    Raises:
        ItemError: The PNG cannot be read, has another size than its image, or has other segments
            than the list.
    """
    where, said = item.mask or "", strict_json(item.annotation)
    (row,) = said["annotations"]
    things = panoptic_entry(row).things
    owners = _owners(source.root, where, [segment["id"] for segment in row["segments_info"]])
    if owners.shape != (said["height"], said["width"]):
        raise ItemError(
            Outcome.SIZE_MISMATCH,
            f"{where}: {owners.shape[1]}x{owners.shape[0]} pixels, its image "
            f"{said['width']}x{said['height']}",
        )
    return Labels(
        seg=None if unit.table is None else seg_of(owners, things, unit.table, IGNORE_INDEX),
        inst=inst_of(owners, things, IGNORE_INDEX),
        where=where,
    )


def mask_folder(split: str) -> str:
    """Return the folder of the PNGs of a split."""
    return f"{ANNOTATIONS}/{PANOPTIC.name}_{split}2017"


def _packed(root: Path, masks: str) -> DatasetError | None:
    """Return what to do where the PNGs are still in the zip inside the archive."""
    inner = root / f"{masks}.zip"
    if not inner.is_file():
        return None
    command = f"python -m zipfile -e {inner} {inner.parent}"
    return DatasetError(f"{root / masks}: no such folder; `{command}` unpacks {inner.name}")


def _owners(root: Path, where: str, ids: Sequence[int]) -> Owners:
    rgb = read_rgb(root, where)
    positions = np.zeros(MAX_SEGMENT_ID + 1, dtype=np.uint16)  # of which few pages are touched
    positions[list(ids)] = np.arange(1, len(ids) + 1)
    owners = np.empty(rgb.shape[:2], dtype=np.uint16)
    has_pixels = np.zeros(len(ids) + 1, dtype=np.bool_)
    unlisted: set[int] = set()
    for band in bands(rgb.shape):
        found = rgb[band].astype(np.uint32) @ _ID_OF_COLOUR
        owners[band] = positions[found]
        has_pixels[owners[band]] = True
        unlisted.update(np.unique(found[(owners[band] == 0) & (found != 0)]).tolist())
    if unlisted:
        raise ItemError(
            Outcome.UNKNOWN_ID,
            f"{where}: segments that its list lacks: {some(sorted(unlisted))}",
        )
    if not has_pixels[1:].all():
        lacking = [ids[index] for index in np.flatnonzero(~has_pixels[1:]).tolist()]
        raise ItemError(
            Outcome.UNKNOWN_ID,
            f"{where}: no pixel of the segments {some(lacking)}, which its list has",
        )
    return owners
