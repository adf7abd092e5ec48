"""What a user should know of the set that his folder becomes."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from vsda.datasets.folder.images import JPEG_ENDINGS, num_turned
from vsda.datasets.folder.layout import Layout, Part, endings_text
from vsda.datasets.folder.listing import Units
from vsda.datasets.folder.options import JPEG_QUALITY
from vsda.datasets.folder.tables import Tables
from vsda.datasets.folder.walk import digits_masked, natural_order, split_ending
from vsda.datasets.listing import Item

_SPLITS = {"train", "val", "test", "training", "validation", "testing", "valid"}
_NUM_SHOWN = 5
_NUM_LOOKED_AT = 100


def notes_of(layout: Layout, tables: Tables, found: Units) -> tuple[str, ...]:
    """Return the notes of a listing."""
    return (
        *_kinds(layout),
        *_masks(layout),
        *_encoded(layout),
        *_turned(layout),
        *_order(found),
        *_splits(layout),
        *_classes(tables, found),
        *_passed_over(layout),
    )


def _kinds(layout: Layout) -> Iterator[str]:
    num_images, num_videos = layout.images.num_files, layout.videos.num_files
    if num_videos and num_images:
        yield (
            f"{num_images} images and {num_videos} videos, all of them are written; --images or "
            "--videos takes one kind"
        )
    if num_videos:
        yield (
            f"{num_videos} videos: how many frames they give shows when they are decoded, so a dry "
            "run counts each as one, and shards are filled by the sizes of the files"
        )


def _masks(layout: Layout) -> Iterator[str]:
    images, masks = layout.images, layout.masks or Part()
    num_without = sum(len(files) for stem, files in images.files.items() if stem not in masks.files)
    if num_without:
        yield f"{num_without} of {images.num_files} images have no mask and are not labelled"


def _encoded(layout: Layout) -> Iterator[str]:
    counts = Counter(split_ending(name)[1] for name in _names(layout.images))
    others = {ending: number for ending, number in counts.items() if ending not in JPEG_ENDINGS}
    if others:
        yield (
            f"{sum(others.values())} images are no JPEGs ({endings_text(others)}) and are encoded "
            f"as JPEGs of quality {JPEG_QUALITY}"
        )


def _turned(layout: Layout) -> Iterator[str]:
    jpegs = (name for name in _names(layout.images) if split_ending(name)[1] in JPEG_ENDINGS)
    looked_at = list(islice(jpegs, _NUM_LOOKED_AT))
    num_found = num_turned(layout.root, [f"{layout.images.folder}{name}" for name in looked_at])
    if num_found:
        yield (
            f"{num_found} of the first {len(looked_at)} JPEGs have Exif data that turns them: such "
            f"images are made upright and encoded anew with quality {JPEG_QUALITY}, and their "
            "masks must fit them upright"
        )


def _order(found: Units) -> Iterator[str]:
    """Yield which sequences have frames whose order their names leave open."""
    sequences = [unit for unit in found.units if unit.sequence and len(unit.items) > 1]
    equal = [unit.sequence or "" for unit in sequences if _has_equal_numbers(unit.items)]
    mixed = [unit.sequence or "" for unit in sequences if _has_mixed_names(unit.items)]
    if equal:
        yield f"frames with equal numbers, such as 1 and 01, are in no sure order: {_some(equal)}"
    if mixed:
        yield (
            "frames whose names differ in more than numbers are in the order of their names: "
            f"{_some(mixed)}"
        )


def _has_equal_numbers(items: tuple[Item, ...]) -> bool:
    numbers = {natural_order(item.frame)[0] for item in items}
    return len(numbers) < len({item.frame for item in items})


def _has_mixed_names(items: tuple[Item, ...]) -> bool:
    return len({digits_masked(item.frame) for item in items}) > 1


def _splits(layout: Layout) -> Iterator[str]:
    tops = {name.partition("/")[0] for name in layout.images.files if "/" in name}
    splits = sorted(top for top in tops if top.lower() in _SPLITS)
    if len(splits) < 2:  # one alone may show a train
        return
    name, images = splits[0], layout.images.folder
    options = [f"--split {name}", f"--images {images}{name}"]
    if layout.masks is not None:
        options.append(f"--masks {layout.masks.folder}{name}")
    yield (
        f"the folders {', '.join(splits)} look like splits and become sequences of one set; for a "
        f"set each, run once per split: {' '.join(options)}"
    )


def _classes(tables: Tables, found: Units) -> Iterator[str]:
    if found.left_out:
        yield f"left out, no object of a chosen class: {_some(found.left_out)}"
    named = set(tables.class_map.by_sequence) if tables.class_map else set()
    absent = named - {unit.sequence for unit in found.units} - set(found.left_out)
    if absent:
        yield f"the class map has rows for sequences that are not here: {_some(sorted(absent))}"


def _passed_over(layout: Layout) -> Iterator[str]:
    if layout.others:
        yield f"files passed over: {endings_text(layout.others)}"
    if layout.repeated:
        yield f"links to folders that are here anyway, passed over: {_some(list(layout.repeated))}"


def _names(part: Part) -> Iterator[str]:
    return (name for files in part.files.values() for name, _ in files)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NUM_SHOWN} more" if len(names) > _NUM_SHOWN else ""
    return f"{', '.join(names[:_NUM_SHOWN])}{more}"
