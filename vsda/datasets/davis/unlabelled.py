"""Sequences of DAVIS's layout as frames alone, for a network that learns from unlabelled video."""

from vsda.datasets.davis.layout import (
    UNLABELLED,
    FoundSequence,
    Layout,
    find_sequences,
    open_layout,
)
from vsda.datasets.labels import LabelRules
from vsda.datasets.listing import Failure, Item, Listing, Request, Unit, frame_order
from vsda.errors import DatasetError, Outcome
from vsda.sample import legal_key

_NOTE = (
    "frames alone: --remap, --classes, --outside, --annotations and --class-map mean nothing here"
)


def list_unlabelled(dataset: str, request: Request) -> Listing:
    """Return the frames of the sequences that `ImageSets/2017/unlabelled.txt` names.

    The list is the user's own. Masks are not looked for. The settings say that there are no labels,
    whatever was asked for.

    Raises:
        DatasetError: No images or no list there: all sequences would hold those to be judged on.
    """
    layout = open_layout(request)
    path = layout.root / layout.split_list(UNLABELLED)
    if not path.is_file():
        raise DatasetError(
            f"{path}: no such list; write into it the names of the sequences whose frames are "
            "wanted without labels, one a line"
        )
    found, _ = find_sequences(layout, UNLABELLED)
    return Listing(
        dataset=dataset,
        split=UNLABELLED,
        root=layout.root,
        units=tuple(_unit(dataset, layout, sequence) for sequence in found if sequence.images),
        settings={"resolution": layout.resolution} | LabelRules(classes=None).settings(),
        failures=tuple(
            _missing(dataset, layout, sequence) for sequence in found if not sequence.images
        ),
        notes=(_NOTE,),
    )


def _unit(dataset: str, layout: Layout, found: FoundSequence) -> Unit:
    items = tuple(
        Item(
            key=legal_key(dataset, found.name, frame),
            frame=frame,
            frame_index=frame_index,
            image=f"{layout.images}/{found.name}/{frame}.jpg",
            image_bytes=found.images[frame].size_bytes,
            changed_ns=found.images[frame].changed_ns,
        )
        for frame_index, frame in enumerate(sorted(found.images, key=frame_order))
    )
    return Unit(sequence=found.name, items=items, table=None)


def _missing(dataset: str, layout: Layout, found: FoundSequence) -> Failure:
    key = legal_key(dataset, found.name)
    if found.fault is not None:
        return Failure(key=key, outcome=Outcome.UNREADABLE, message=found.fault)
    message = f"{layout.images}/{found.name}: no files of a sequence that the list names"
    return Failure(key=key, outcome=Outcome.MISSING, message=message)
