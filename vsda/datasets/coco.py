"""COCO 2017 images with the label maps of COCO-Stuff.

Layout: `<split>2017/<stem>.jpg` and `stuffthingmaps/<split>2017/<stem>.png`. A map's value is the
COCO-Stuff label id minus 1, 255 unlabelled; the manifest says which thing class a value is. Stuff
becomes background. The maps have no instances, so samples have no `inst.png`, unless maps stay as
they are: then `inst.png` holds the map's own values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from vsda.datasets.frames import (
    check_sizes,
    present_classes,
    read_jpeg,
    read_mask,
    remap_named,
)
from vsda.datasets.listing import (
    Dataset,
    Failure,
    FoundFile,
    Item,
    Listing,
    Request,
    Source,
    Unit,
    find_files,
    how_to_get,
    is_folder,
)
from vsda.errors import DatasetError, Outcome
from vsda.manifests import stuffthing_values
from vsda.sample import FrameFacts, Sample, legal_key

NAME = "coco"
STUFFTHINGMAPS = "stuffthingmaps"


@dataclass(frozen=True, kw_only=True, slots=True)
class CocoOptions:
    """What only COCO can be asked: where the masks come from."""

    labels: Literal["stuffthingmaps"] = "stuffthingmaps"


def list_split(request: Request) -> Listing:
    """Return what a COCO folder holds of a split; see `Dataset.list_split`.

    Images without a map are not labelled, so they are noted and passed over; whether a map has a
    pixel of a chosen class shows only when it is read.
    """
    folder, labels = f"{request.split}2017", f"{request.options.labels}/{request.split}2017"
    _check_folders(request, folder, labels)
    images = find_files(request.root / folder, ".jpg")
    masks = find_files(request.root / labels, ".png")
    return Listing(
        dataset=NAME,
        split=request.split,
        root=request.root,
        units=_units(request, images, masks),
        settings={"labels": request.options.labels},
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


def read(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Yield one image as a sample, nothing if it has no pixel of a chosen class."""
    name = item.mask or ""
    mask = read_mask(source.root, name).values
    seg = None if unit.table is None else remap_named(mask, unit.table, name)
    classes = () if seg is None else present_classes(seg)
    if seg is not None and not classes:
        return
    image = read_jpeg(source.root, item.image)
    check_sizes(image, mask, name)
    facts = FrameFacts(
        dataset=source.dataset,
        split=source.split,
        sequence=None,
        frame=item.frame,
        frame_index=item.frame_index,
        width_px=image.width_px,
        height_px=image.height_px,
        labelled=seg is not None,
        classes=classes,
    )
    inst = mask if seg is None else None
    yield Sample(key=item.key, jpg=image.data, seg=seg, inst=inst, facts=facts)


def classes_of(source: Source, unit: Unit, item: Item) -> tuple[int, ...]:
    """Return the chosen classes in an image's map; see `Dataset.classes_of`."""
    if unit.table is None:
        return ()
    name = item.mask or ""
    return present_classes(remap_named(read_mask(source.root, name).values, unit.table, name))


DATASET = Dataset(
    name=NAME,
    splits=("train", "val"),
    list_split=list_split,
    read=read,
    classes_of=classes_of,
    options=CocoOptions,
)


def _check_folders(request: Request, folder: str, labels: str) -> None:
    archives = {
        folder: (f"{folder}.zip", request.split),
        labels: ("stuffthingmaps_trainval2017.zip", STUFFTHINGMAPS),
    }
    for name, (archive, part) in archives.items():
        if not is_folder(request.root / name):
            how = how_to_get(NAME, request.root, archive, f" --only {part}")
            raise DatasetError(
                f"{request.root / name}: no such folder; {how}, or give another --root or --split"
            )


def _units(
    request: Request, images: Mapping[str, FoundFile], masks: Mapping[str, FoundFile]
) -> tuple[Unit, ...]:
    folder, labels = f"{request.split}2017", f"{request.options.labels}/{request.split}2017"
    table = _value_table(request)
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


def _value_table(request: Request) -> Mapping[int, int] | None:
    if request.rules.classes is None:
        return None
    return request.rules.value_table({row.value: row.class_name for row in stuffthing_values()})


def _notes(num_unlabelled: int, num_images: int) -> tuple[str, ...]:
    if not num_unlabelled:
        return ()
    return (f"{num_unlabelled} of {num_images} images have no label map and are not written",)
