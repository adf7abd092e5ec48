"""DAVIS-2017 trainval: video sequences with a mask for every frame, in three forms.

Layout: `JPEGImages/<resolution>/<sequence>/<frame>.jpg`, `Annotations/<resolution>/...png`,
`ImageSets/2017/{train,val}.txt`. In a mask, 0 is background and 255 void. By `--annotations`:

* `instances`: a value of `Annotations` is an object id of the sequence; the manifest's table of
  objects says which class an id has. `seg.png` and `inst.png`.
* `semantics`: a value of `Annotations_semantics` is a category, the same in all sequences (see
  `semantics.py`). `seg.png` alone.
* `unsupervised`: a value of `Annotations_unsupervised` is an object id too, of more objects and in
  another order, and no table says their classes. Object ids alone, or the user's `--class-map`.

The split `unlabelled` is the frames alone of the sequences that a list of the user's names.

Known oddities: grey masks, masks with alpha, masks a pixel narrower than their frame, and the
binary masks of DAVIS-2016.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from vsda.datasets.davis.layout import (
    UNLABELLED,
    DavisOptions,
    FoundSequence,
    Layout,
    find_sequences,
    open_layout,
)
from vsda.datasets.davis.notes import left_out_note, list_note, manifest_notes
from vsda.datasets.davis.objects import ValueTables, check_table, table_settings, value_tables
from vsda.datasets.davis.semantics import semantic_notes, semantic_settings, semantic_tables
from vsda.datasets.davis.unlabelled import list_unlabelled
from vsda.datasets.frames import (
    PALETTE_MODE,
    EncodedImage,
    StoredMask,
    check_sizes,
    present_classes,
    read_jpeg,
    read_mask,
    remap_named,
)
from vsda.datasets.labels import chosen_classes
from vsda.datasets.listing import (
    Dataset,
    Failure,
    Item,
    Listing,
    Request,
    Source,
    Unit,
    frame_order,
)
from vsda.errors import ItemError, Outcome
from vsda.sample import FrameFacts, Mask, Sample, legal_key
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX

NAME = "davis"
SEMANTICS = "semantics"
INSTANCES = "instances"
_BINARY_VALUES = {BACKGROUND_ID, IGNORE_INDEX}


def list_split(request: Request) -> Listing:
    """Return what a DAVIS folder holds of a split; see `Dataset.list_split`.

    A sequence is kept, with all its frames, if the table has an object of a chosen class for it.

    Raises:
        UsageError: COCO ids are asked for, and no table says which class the objects have.
    """
    if request.split == UNLABELLED:
        return list_unlabelled(NAME, request)
    check_table(request)
    layout = open_layout(request)
    found, is_listed = find_sequences(layout, request.split)
    tables = _tables(request, layout)
    kept, left_out, unknown = _sort(found, tables)
    units = [_unit(layout, sequence, tables) for sequence in kept]
    return Listing(
        dataset=NAME,
        split=request.split,
        root=layout.root,
        units=tuple(unit for unit in units if unit.items),
        settings={"resolution": request.options.resolution} | _settings(request, layout),
        num_left_out=sum(sequence.num_frames for sequence in left_out),
        failures=(
            *(_unknown(layout, sequence, request, tables) for sequence in unknown),
            *(failure for sequence in kept for failure in _missing(layout, sequence)),
        ),
        notes=(
            *list_note(layout, request.split, is_listed=is_listed),
            # A table of the user's own means sequences of the user's own.
            *(manifest_notes(request.split, found) if request.options.class_map is None else ()),
            *(semantic_notes(layout.root) if _is_semantic(request) and tables else ()),
            *left_out_note(left_out),
        ),
    )


def read(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Yield one frame as a sample; see `Dataset.read`."""
    image = read_jpeg(source.root, item.image)
    seg, inst = _read_labels(source, unit, item.mask, image) if item.mask else (None, None)
    facts = FrameFacts(
        dataset=source.dataset,
        split=source.split,
        sequence=unit.sequence,
        frame=item.frame,
        frame_index=item.frame_index,
        width_px=image.width_px,
        height_px=image.height_px,
        labelled=seg is not None,
        classes=() if seg is None else present_classes(seg),
    )
    yield Sample(key=item.key, jpg=image.data, seg=seg, inst=inst, facts=facts)


DATASET = Dataset(
    name=NAME,
    splits=("train", "val"),
    list_split=list_split,
    read=read,
    options=DavisOptions,
    other_splits=(UNLABELLED,),
)


def _read_labels(
    source: Source, unit: Unit, name: str, image: EncodedImage
) -> tuple[Mask | None, Mask | None]:
    """Return what becomes `seg.png` and `inst.png` of the mask `name`, None for none."""
    mask = read_mask(source.root, name)
    _refuse_binary(mask, name)
    check_sizes(image, mask.values, name)
    if unit.table is None:
        return None, mask.values
    seg = remap_named(mask.values, unit.table, f"{name}: sequence {unit.sequence!r}")
    return seg, None if source.options.annotations == SEMANTICS else mask.values


def _is_semantic(request: Request) -> bool:
    return bool(request.options.annotations == SEMANTICS)


def _tables(request: Request, layout: Layout) -> ValueTables | None:
    return semantic_tables(request, layout.root) if _is_semantic(request) else value_tables(request)


def _settings(request: Request, layout: Layout) -> dict[str, Any]:
    if _is_semantic(request):
        return semantic_settings(request, layout.root)
    form = request.options.annotations
    named = {} if form == INSTANCES else {"annotations": form}
    return named | table_settings(request)


def _sort(
    found: Iterable[FoundSequence], tables: ValueTables | None
) -> tuple[list[FoundSequence], list[FoundSequence], list[FoundSequence]]:
    """Return the sequences that are kept, left out, and unknown to the tables."""
    if tables is None:
        return list(found), [], []
    kept: list[FoundSequence] = []
    left_out: list[FoundSequence] = []
    unknown: list[FoundSequence] = []
    for sequence in found:
        if sequence.name not in tables.by_sequence:
            unknown.append(sequence)
        elif chosen_classes(tables.by_sequence[sequence.name]):
            kept.append(sequence)
        else:
            left_out.append(sequence)
    return kept, left_out, unknown


def _unit(layout: Layout, found: FoundSequence, tables: ValueTables | None) -> Unit:
    frames = sorted(found.images.keys() | found.masks.keys(), key=frame_order)
    items = tuple(
        Item(
            key=legal_key(NAME, found.name, frame),
            frame=frame,
            frame_index=frame_index,
            image=f"{layout.images}/{found.name}/{frame}.jpg",
            mask=f"{layout.masks}/{found.name}/{frame}.png",
            image_bytes=found.images[frame].size_bytes,
            mask_bytes=found.masks[frame].size_bytes,
            changed_ns=max(found.images[frame].changed_ns, found.masks[frame].changed_ns),
        )
        for frame_index, frame in enumerate(frames)
        if frame in found.images and frame in found.masks
    )
    table = None if tables is None else tables.by_sequence[found.name]
    return Unit(sequence=found.name, items=items, table=table)


def _missing(layout: Layout, found: FoundSequence) -> list[Failure]:
    """Return a failure for a sequence without readable images or masks, else one per odd frame."""
    if found.fault is not None:
        num_items = max(found.num_frames, 1)
        return [_failure(Outcome.UNREADABLE, found.fault, found.name, num_items=num_items)]
    for folder, files in ((layout.images, found.images), (layout.masks, found.masks)):
        if not files:
            message = f"{folder}/{found.name}: no files of a sequence that the split lists"
            others = max(len(found.images), len(found.masks), 1)
            return [_failure(Outcome.MISSING, message, found.name, num_items=others)]
    return [
        _failure(
            Outcome.MISSING,
            f"{layout.images}/{found.name}/{frame}.jpg: there is a mask but no image"
            if frame in found.masks
            else f"{layout.masks}/{found.name}/{frame}.png: there is an image but no mask",
            found.name,
            frame,
        )
        for frame in sorted(found.images.keys() ^ found.masks.keys(), key=frame_order)
    ]


def _unknown(
    layout: Layout, found: FoundSequence, request: Request, tables: ValueTables | None
) -> Failure:
    table = "--class-map" if request.options.class_map else "the manifest"
    fault = f"is not in the objects table ({table})"
    if tables is not None and found.name in tables.faults:
        fault = tables.faults[found.name]
    message = (
        f"sequence {found.name!r} of {layout.split_list(request.split)} {fault}, so none of its "
        f"{found.num_frames} frames is written; add it to a --class-map, or use --remap none"
    )
    return _failure(Outcome.UNKNOWN_ID, message, found.name, num_items=max(found.num_frames, 1))


def _failure(outcome: Outcome, message: str, *key: str, num_items: int = 1) -> Failure:
    return Failure(key=legal_key(NAME, *key), outcome=outcome, message=message, num_items=num_items)


def _refuse_binary(mask: StoredMask, name: str) -> None:
    if mask.mode == PALETTE_MODE:
        return
    values = set(np.unique(mask.values).tolist())
    if IGNORE_INDEX in values and values <= _BINARY_VALUES:
        raise ItemError(
            Outcome.BINARY_MASK,
            f"{name}: a binary mask of DAVIS-2016 (mode {mask.mode}, values {sorted(values)}), so "
            "its object ids are lost; take the mask of DAVIS-2017",
        )
