"""Labels from COCO's object annotations: polygons, and run lengths for crowds.

Where objects overlap, the smaller one is in front: people were outlined with what they hold and
wear, so that ties, bags and phones lie on them. Of equal ones the later is in front. An object is
always in front of a crowd.
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
)
from vsda.datasets.coco.listing import list_annotated
from vsda.datasets.coco.rows import Thing, instance_entry
from vsda.datasets.coco.runs import Canvas, Runs, num_pixels
from vsda.datasets.coco.table import TableKind
from vsda.datasets.coco.things import Owners, inst_of, seg_of
from vsda.datasets.listing import Item, Listing, Request, Source, Unit
from vsda.errors import ItemError
from vsda.taxonomy import BACKGROUND_ID

INSTANCES = TableKind(name="instances", parse=instance_entry, order_key="id")
_ARCHIVE = "annotations_trainval2017.zip"


def list_instances(request: Request) -> Listing:
    """Return the images of a split with their objects; see `list_annotated`."""
    folder = image_folder(request.split)
    check_folder(request.root, folder, f"{folder}.zip", request.split)
    instances_path(request.root, request.split)
    return list_annotated(request, INSTANCES, None)


def instances_path(root: Path, split: str) -> Path:
    """Return the annotation file of a split.

    Raises:
        DatasetError: It is not there.
    """
    file = annotation_file(INSTANCES.name, split)
    if not (root / file).exists():
        raise missing(root, file, "file", _ARCHIVE, ANNOTATIONS)
    return root / file


def instance_labels(source: Source, unit: Unit, item: Item) -> Labels:
    """Return the labels of an image from its objects.

    Raises:
        ItemError: An object cannot be drawn.
    """
    where = f"{annotation_file(INSTANCES.name, source.split)}: {item.frame}"
    said = strict_json(item.annotation)
    things = [instance_entry(row).things[0] for row in said["annotations"]]
    shape = said["height"], said["width"]
    try:
        canvas = Canvas(*shape)
        runs = [_runs(canvas, row) for row in said["annotations"]]
    except ItemError as error:
        raise ItemError(error.outcome, f"{where}: {error}") from error
    owners = _owners(runs, things, *shape)
    return Labels(
        seg=None if unit.table is None else seg_of(owners, things, unit.table, BACKGROUND_ID),
        inst=inst_of(owners, things, BACKGROUND_ID),
        where=where,
    )


def _runs(canvas: Canvas, row: dict[str, object]) -> Runs:
    try:
        return canvas.runs(row["segmentation"])
    except ItemError as error:
        raise ItemError(error.outcome, f"annotation {row['id']}: {error}") from error


def _owners(runs: Sequence[Runs], things: Sequence[Thing], height_px: int, width_px: int) -> Owners:
    """Return what is in front at each pixel."""
    areas = [num_pixels(one) for one in runs]
    back_to_front = sorted(
        range(len(runs)), key=lambda index: (not things[index].is_crowd, -areas[index], index)
    )
    flat = np.zeros(height_px * width_px, dtype=np.uint16)
    for index in back_to_front:
        for start, end in runs[index].tolist():
            flat[start:end] = index + 1
    return np.ascontiguousarray(flat.reshape(width_px, height_px).T)
