"""Labels from the maps of COCO-Stuff.

A map's value is the COCO-Stuff label id minus 1, 255 unlabelled; the manifest says which thing
class a value is. Stuff becomes background. The maps have no instances, so there is no `inst`,
unless maps stay as they are: then it holds the map's own values.
"""

from collections.abc import Mapping
from pathlib import Path

from vsda.datasets.coco.layout import NAME, Labels, check_folder, image_folder
from vsda.datasets.frames import read_mask, remap_named
from vsda.datasets.listing import (
    Failure,
    FoundFile,
    Item,
    Listing,
    Request,
    Source,
    Unit,
    find_files,
)
from vsda.errors import Outcome
from vsda.manifests import stuffthing_values, table_sha256
from vsda.sample import legal_key

STUFFTHINGMAPS = "stuffthingmaps"


def list_maps(request: Request) -> Listing:
    """Return the images of a split that have a map; see `Dataset.list_split`.

    Images without a map are not labelled, so they are noted and passed over; whether a map has a
    pixel of a chosen class shows only when it is read.
    """
    folder = image_folder(request.split)
    check_folder(request.root, folder, f"{folder}.zip", request.split)
    masks = find_maps(request.root, request.split)
    images = find_files(request.root / folder, ".jpg")
    return Listing(
        dataset=NAME,
        split=request.split,
        root=request.root,
        units=_units(request, images, masks),
        settings={
            "labels": STUFFTHINGMAPS,
            "table_sha256": table_sha256(NAME, STUFFTHINGMAPS),
        },
        failures=tuple(
            Failure(
                key=legal_key(NAME, folder, stem),
                outcome=Outcome.MISSING,
                message=f"{folder}/{stem}.jpg: there is a label map but no image",
            )
            for stem in masks
            if stem not in images
        ),
        notes=_notes(len(images.keys() - masks.keys()), len(images)),
    )


def find_maps(root: Path, split: str) -> dict[str, FoundFile]:
    """Return the maps of a split by the stems of their images.

    Raises:
        DatasetError: Their folder is not there.
    """
    folder = map_folder(split)
    check_folder(root, folder, "stuffthingmaps_trainval2017.zip", STUFFTHINGMAPS)
    return find_files(root / folder, ".png")


def map_labels(source: Source, unit: Unit, item: Item) -> Labels:
    """Return the labels of an image from its map.

    Raises:
        ItemError: It cannot be read, or holds a value that the manifest lacks.
    """
    where = item.mask or ""
    mask = read_mask(source.root, where).values
    if unit.table is None:
        return Labels(seg=None, inst=mask, where=where)
    return Labels(seg=remap_named(mask, unit.table, where), inst=None, where=where)


def map_folder(split: str) -> str:
    """Return the folder of the maps of a split."""
    return f"{STUFFTHINGMAPS}/{image_folder(split)}"


def map_classes() -> dict[int, str]:
    """Return the class name of every value of a map."""
    return {row.value: row.class_name for row in stuffthing_values()}


def _units(
    request: Request, images: Mapping[str, FoundFile], masks: Mapping[str, FoundFile]
) -> tuple[Unit, ...]:
    folder, labels = image_folder(request.split), map_folder(request.split)
    table = None if request.rules.classes is None else request.rules.value_table(map_classes())
    items = (
        Item(
            key=legal_key(NAME, folder, stem),
            frame=stem,
            frame_index=0,
            image=f"{folder}/{stem}.jpg",
            mask=f"{labels}/{stem}.png",
            image_bytes=images[stem].size_bytes,
            mask_bytes=mask.size_bytes,
            changed_ns=max(images[stem].changed_ns, mask.changed_ns),
        )
        for stem, mask in masks.items()
        if stem in images
    )
    return tuple(Unit(sequence=None, items=(item,), table=table) for item in items)


def _notes(num_unlabelled: int, num_images: int) -> tuple[str, ...]:
    if not num_unlabelled:
        return ()
    return (f"{num_unlabelled} of {num_images} images have no label map and are not written",)
