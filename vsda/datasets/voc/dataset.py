"""Pascal VOC 2012: photographs, about a sixth of them with a mask of classes and one of objects.

Layout: `VOCdevkit/VOC2012/JPEGImages/<stem>.jpg`, `SegmentationClass/<stem>.png`,
`SegmentationObject/<stem>.png`, `ImageSets/Segmentation/{train,val,trainval}.txt`. A mask is a
palette image whose value is a class, 0 background, 255 the border between objects and what is hard
to tell; the manifest says which COCO class a value is: COCO has all 20. `seg.png` comes from
`SegmentationClass`, `inst.png` from `SegmentationObject` where that has the image; masks that stay
as they are go to `inst.png`, with the values of `SegmentationClass`.

The split `unlabelled` is the photographs without their masks, for a network that learns from
unlabelled images: all of `JPEGImages` (17,125), or the segmentation task's (2,913).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from vsda.datasets.frames import (
    PALETTE_MODE,
    EncodedImage,
    check_sizes,
    present_classes,
    read_jpeg,
    read_mask,
    remap_named,
)
from vsda.datasets.labels import LabelRules
from vsda.datasets.listing import Dataset, Failure, Item, Listing, Request, Source, Unit
from vsda.datasets.voc.layout import (
    IMAGES,
    MASKS,
    OBJECTS,
    UNLABELLED,
    VocFiles,
    find_images,
    find_labelled,
    split_list,
)
from vsda.errors import Outcome, UsageError
from vsda.manifests import table_sha256, voc_values
from vsda.sample import FrameFacts, Mask, Sample, legal_key

NAME = "voc"
_SEGMENTATION_LIST = "trainval"


@dataclass(frozen=True, kw_only=True, slots=True)
class VocOptions:
    """What only VOC can be asked.

    Attributes:
        images: Which photographs the split `unlabelled` has: `jpegs` for all of `JPEGImages`,
            `segmentation` for those that the segmentation task lists.
    """

    images: Literal["jpegs", "segmentation"] = "jpegs"


def list_split(request: Request) -> Listing:
    """Return what a VOC folder holds of a split; see `Dataset.list_split`.

    Raises:
        UsageError: Images are chosen for a split that has a list of its own.
    """
    if request.split == UNLABELLED:
        return _list_unlabelled(request)
    if request.options != VocOptions():
        raise UsageError(
            f"--images {request.options.images} chooses among unlabelled images, but the split is "
            f"{request.split!r}; leave it out, or use --split {UNLABELLED}"
        )
    return _list_labelled(request)


def read(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Yield one image as a sample, nothing if it has labels and none is of a chosen class."""
    mask = None if item.mask is None else _read_mask(source, item.mask)
    seg = None
    if mask is not None and unit.table is not None:
        seg = remap_named(mask, unit.table, item.mask or "")
        if not present_classes(seg):
            return
    image = read_jpeg(source.root, item.image)
    if mask is not None:
        check_sizes(image, mask, item.mask or "")
    facts = FrameFacts(
        dataset=source.dataset,
        split=source.split,
        sequence=None,
        frame=item.frame,
        frame_index=item.frame_index,
        width_px=image.width_px,
        height_px=image.height_px,
        labelled=seg is not None,
        classes=() if seg is None else present_classes(seg),
    )
    inst = mask if seg is None else _read_objects(source, item, image)
    yield Sample(key=item.key, jpg=image.data, seg=seg, inst=inst, facts=facts)


def classes_of(source: Source, unit: Unit, item: Item) -> tuple[int, ...]:
    """Return the chosen classes in an image's mask; see `Dataset.classes_of`."""
    if unit.table is None or item.mask is None:
        return ()
    return present_classes(remap_named(_read_mask(source, item.mask), unit.table, item.mask))


DATASET = Dataset(
    name=NAME,
    splits=("train", "val"),
    list_split=list_split,
    read=read,
    classes_of=classes_of,
    options=VocOptions,
    other_splits=("trainval", UNLABELLED),
)


def _list_labelled(request: Request) -> Listing:
    files = find_labelled(request)
    table = _value_table(request.rules)
    stems = [name for name in files.names if name in files.images and name in files.masks]
    return Listing(
        dataset=NAME,
        split=request.split,
        root=files.root,
        units=tuple(
            Unit(sequence=None, items=(_labelled_item(files, stem),), table=table) for stem in stems
        ),
        settings={"table_sha256": table_sha256(NAME, "classes")},
        failures=tuple(
            _missing(files, name, split_list(request.split))
            for name in files.names
            if name not in files.images or name not in files.masks
        ),
        notes=(
            *_orphan_note(files, request.split),
            *(_object_note(files, stems) if table is not None else ()),
        ),
    )


def _list_unlabelled(request: Request) -> Listing:
    """Return the images alone. The settings say so, whatever labels were asked for."""
    choice = request.options.images
    list_name = None if choice == "jpegs" else _SEGMENTATION_LIST
    files = find_images(request, list_name)
    return Listing(
        dataset=NAME,
        split=request.split,
        root=files.root,
        units=tuple(
            Unit(sequence=None, items=(_image_item(files, stem),), table=None)
            for stem in files.names
            if stem in files.images
        ),
        settings=LabelRules(classes=None).settings() | {"images": choice},
        failures=tuple(
            _missing(files, name, split_list(_SEGMENTATION_LIST))
            for name in files.names
            if name not in files.images
        ),
        notes=("images alone: --remap, --classes and --outside mean nothing here",),
    )


def _image_item(files: VocFiles, stem: str) -> Item:
    image = files.images[stem]
    return Item(
        key=legal_key(NAME, stem),
        frame=stem,
        frame_index=0,
        image=f"{IMAGES}/{stem}.jpg",
        image_bytes=image.size_bytes,
        changed_ns=image.changed_ns,
    )


def _labelled_item(files: VocFiles, stem: str) -> Item:
    """Return an image with its mask; `annotation` is the folder and size of that of objects."""
    image, mask, objects = files.images[stem], files.masks[stem], files.objects.get(stem)
    found = (image, mask) if objects is None else (image, mask, objects)
    return Item(
        key=legal_key(NAME, stem),
        frame=stem,
        frame_index=0,
        image=f"{IMAGES}/{stem}.jpg",
        mask=f"{MASKS}/{stem}.png",
        image_bytes=image.size_bytes,
        mask_bytes=mask.size_bytes,
        changed_ns=max(file.changed_ns for file in found),
        annotation=b"" if objects is None else f"{OBJECTS} {objects.size_bytes}".encode(),
    )


def _value_table(rules: LabelRules) -> Mapping[int, int] | None:
    if rules.classes is None:
        return None
    return rules.value_table({row.value: row.class_name for row in voc_values()})


def _read_mask(source: Source, name: str) -> Mask:
    """Return the classes in a mask.

    A grey one is refused: it may hold the brightness of the palette's colours, where a boat
    (value 4, dark blue) becomes 15, a person.
    """
    return read_mask(source.root, name, modes=(PALETTE_MODE,)).values


def _read_objects(source: Source, item: Item, image: EncodedImage) -> Mask | None:
    if not item.annotation:
        return None
    name = f"{OBJECTS}/{item.frame}.png"
    objects = _read_mask(source, name)
    check_sizes(image, objects, name)
    return objects


def _missing(files: VocFiles, name: str, listed_in: str) -> Failure:
    image, mask = f"{IMAGES}/{name}.jpg", f"{MASKS}/{name}.png"
    if name in files.masks:
        message = f"{image}: there is a mask but no image"
    elif name in files.images:
        message = f"{mask}: there is an image but no mask"
    else:
        message = f"{image}: no such image, but {listed_in} names it"
    return Failure(key=legal_key(NAME, name), outcome=Outcome.MISSING, message=message)


def _orphan_note(files: VocFiles, split: str) -> list[str]:
    orphans = files.masks.keys() - files.images.keys() - set(files.names)
    if not orphans:
        return []
    return [
        f"{len(orphans)} masks of {MASKS} have no image; {split_list(split)} does not name them, "
        "so they are passed over"
    ]


def _object_note(files: VocFiles, stems: list[str]) -> list[str]:
    num_without = sum(stem not in files.objects for stem in stems)
    if not num_without:
        return []
    return [f"{num_without} of {len(stems)} images have no {OBJECTS}, so no inst.png"]
