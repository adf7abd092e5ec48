"""The units of somebody's folder: still images, sequences of frames, and videos."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from vsda.datasets.folder.images import OBJECTS
from vsda.datasets.folder.layout import Layout, Part
from vsda.datasets.folder.tables import Tables
from vsda.datasets.folder.walk import natural_order
from vsda.datasets.labels import chosen_classes
from vsda.datasets.listing import Failure, FoundFile, Item, Unit
from vsda.errors import DatasetError, Outcome
from vsda.sample import legal_key

_NO_FILE = FoundFile(size_bytes=0, changed_ns=0)


@dataclass(slots=True)
class Units:
    """What is to be written, and what is not.

    Attributes:
        units: Still images, then sequences, then videos, each in the order of their names.
        failures: Files that cannot be written, as far as the listing tells.
        left_out: Names of the sequences without an object of a chosen class.
        num_left_out: The number of their frames.
    """

    units: list[Unit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    num_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Lister:
    """Where the units come from, and how they are called and labelled.

    Attributes:
        layout: What lies in the folder.
        tables: What labels masks get.
        name: First part of all keys.
        is_still: Whether folders are no sequences.
    """

    layout: Layout
    tables: Tables
    name: str
    is_still: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frame:
    """An image, and its mask if it has one: paths below the root, and a name for both."""

    stem: str
    image: str
    image_file: FoundFile
    mask: str | None
    mask_file: FoundFile


def list_units(lister: Lister) -> Units:
    """Return the units of a folder.

    Raises:
        DatasetError: None of the masks belongs to an image.
    """
    found = Units()
    for path, why in lister.layout.faults.items():
        message = f"{path}: a folder that cannot be read: {why}"
        found.failures.append(_failure(lister, Outcome.UNREADABLE, message, path))
    _check_masks(lister, found)
    by_folder = _frames_by_folder(lister)
    _add_stills(lister, by_folder.pop("", []), found)
    sequences: defaultdict[str, list[Unit]] = defaultdict(list)
    for folder, frames in sorted(by_folder.items(), key=lambda row: natural_order(row[0])):
        _add_sequence(lister, folder, frames, sequences, found)
    for unit in _videos(lister):
        sequences[unit.sequence or ""].append(unit)
    for units in sequences.values():
        if len(units) == 1:
            found.units += units
        else:
            found.failures += _same_sequence(units)
    return found


def _check_masks(lister: Lister, found: Units) -> None:
    """Refuse masks of which none belongs to an image; tell single ones."""
    images, masks = lister.layout.images, lister.layout.masks or Part()
    alone = [stem for stem in masks.files if stem not in images.files]
    if alone and len(alone) == len(masks.files):
        raise DatasetError(
            f"{lister.layout.root / masks.folder}: none of {len(alone)} masks belongs to an image: "
            f"{masks.folder}{masks.files[alone[0]][0][0]} would to {images.folder}{alone[0]}.jpg, "
            f"and an image here is {images.folder}{next(iter(images.files.values()))[0][0]}; give "
            "masks the paths of their images, or another --masks"
        )
    for stem in alone:
        message = f"{masks.folder}{masks.files[stem][0][0]}: there is a mask but no image"
        found.failures.append(_failure(lister, Outcome.MISSING, message, stem))
    for stem, files in masks.files.items():
        if len(files) > 1 and stem in images.files:
            names = ", ".join(f"{masks.folder}{name}" for name, _ in files)
            message = f"{names}: masks of one image, of which the first is taken; remove the others"
            found.failures.append(_failure(lister, Outcome.SAME_KEY, message, stem))


def _frames_by_folder(lister: Lister) -> dict[str, list[_Frame]]:
    """Return the frames of each folder in order; all are in one, "", where they are still."""
    folders: defaultdict[str, list[_Frame]] = defaultdict(list)
    for frame in _frames(lister.layout):
        folders["" if lister.is_still else frame.stem.rpartition("/")[0]].append(frame)
    return folders


def _frames(layout: Layout) -> Iterator[_Frame]:
    images, masks = layout.images, layout.masks or Part()
    for stem in sorted(images.files, key=natural_order):
        mask, mask_file = next(iter(masks.files.get(stem, ())), (None, _NO_FILE))
        for name, found in images.files[stem]:
            yield _Frame(
                stem=stem,
                image=f"{images.folder}{name}",
                image_file=found,
                mask=None if mask is None else f"{masks.folder}{mask}",
                mask_file=mask_file,
            )


def _add_stills(lister: Lister, frames: Sequence[_Frame], found: Units) -> None:
    num_unknown = 0
    is_unknown, table = lister.tables.is_unknown(None), lister.tables.table(None)
    for frame in frames:
        if frame.mask is not None and is_unknown:
            num_unknown += 1
            continue
        items = (_item(lister, frame, 0, frame.stem),)
        found.units.append(
            Unit(sequence=None, items=items, table=None if frame.mask is None else table)
        )
    if num_unknown:
        found.failures.append(_unknown(lister, "", "still images", num_unknown))


def _add_sequence(
    lister: Lister,
    folder: str,
    frames: Sequence[_Frame],
    sequences: dict[str, list[Unit]],
    found: Units,
) -> None:
    sequence = legal_key(*folder.split("/"))
    has_masks = any(frame.mask is not None for frame in frames)
    if has_masks and lister.tables.is_unknown(sequence):
        found.failures.append(_unknown(lister, folder, f"sequence {sequence!r}", len(frames)))
        return
    table = lister.tables.table(sequence) if has_masks else None
    if table is not None and not chosen_classes(table):
        found.left_out.append(sequence)
        found.num_left_out += len(frames)
        return
    items = tuple(
        _item(lister, frame, frame_index, frame.stem.rpartition("/")[2])
        for frame_index, frame in enumerate(frames)
    )
    sequences[sequence].append(Unit(sequence=sequence, items=items, table=table))


def _item(lister: Lister, frame: _Frame, frame_index: int, name: str) -> Item:
    has_objects = frame.mask is not None and lister.tables.values_are_objects
    return Item(
        key=legal_key(lister.name, *frame.stem.split("/")),
        frame=_plain(name),
        frame_index=frame_index,
        image=frame.image,
        mask=frame.mask,
        image_bytes=frame.image_file.size_bytes,
        mask_bytes=frame.mask_file.size_bytes,
        changed_ns=max(frame.image_file.changed_ns, frame.mask_file.changed_ns),
        annotation=OBJECTS if has_objects else b"",
    )


def _plain(name: str) -> str:
    """Return `name` where every program can show it and write a file of that name, else as a key.

    A still image has its folders in its name.
    """
    flat = name.replace("/", "__")
    return flat if flat.isprintable() and "\\" not in flat else legal_key(flat)


def _videos(lister: Lister) -> Iterator[Unit]:
    videos = lister.layout.videos
    for stem in sorted(videos.files, key=natural_order):
        sequence = legal_key(*stem.split("/"))
        for name, file in videos.files[stem]:
            item = Item(
                key=f"{lister.name}/{sequence}",
                frame="",
                frame_index=0,
                image=f"{videos.folder}{name}",
                image_bytes=file.size_bytes,
                changed_ns=file.changed_ns,
            )
            yield Unit(sequence=sequence, items=(item,), table=None)


def _same_sequence(units: Sequence[Unit]) -> Iterator[Failure]:
    """Yield a failure for each of several sequences whose names are the same as keys."""
    names = [_place(unit) for unit in units]
    for unit, name in zip(units, names, strict=True):
        others = ", ".join(other for other in names if other != name)
        yield Failure(
            key=unit.items[0].key,
            outcome=Outcome.SAME_KEY,
            message=f"{name}: as a sequence it is called {unit.sequence}, as is {others}; rename "
            "one",
            num_items=len(unit.items),
        )


def _place(unit: Unit) -> str:
    """Return the video of a sequence, or the folder of its frames."""
    first = unit.items[0]
    return first.image if first.frame == "" else first.image.rpartition("/")[0]


def _unknown(lister: Lister, folder: str, what: str, num_items: int) -> Failure:
    label = lister.tables.class_map.label if lister.tables.class_map else ""
    message = (
        f"{what}: the class map {label} has no row for it, nor one whose sequence is *, so none of "
        f"its {num_items} images is written; add rows, or use --remap none"
    )
    return _failure(lister, Outcome.UNKNOWN_ID, message, folder, num_items=num_items)


def _failure(
    lister: Lister, outcome: Outcome, message: str, path: str, num_items: int = 1
) -> Failure:
    parts = path.split("/") if path else []
    key = legal_key(lister.name, *parts)
    return Failure(key=key, outcome=outcome, message=message, num_items=num_items)
