"""Class sets in COCO's ids, and the mapping of a dataset's mask values to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ItemError, Outcome, UnknownNameError, UsageError
from vsda.manifests import (
    NO_CLASS,
    coco_classes,
    davis_objects,
    davis_sequences,
    fbms_regions,
    voc_values,
    ytbb_classes,
)
from vsda.sample import Mask

BACKGROUND_ID = 0
IGNORE_INDEX = 255
NUM_VALUES = 256

SHARED = "shared"
ALL = "all"


@dataclass(frozen=True, slots=True)
class ClassSet:
    """A choice of COCO classes.

    Attributes:
        ids: COCO category ids, ascending.
        names: Their names, in the same order.
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def projection(self) -> NDArray[np.uint8]:
        """Return the table (256,) from COCO ids to 0 background, 1..K classes, 255 ignore.

        COCO classes outside the set become background.
        """
        table = np.full(NUM_VALUES, BACKGROUND_ID, dtype=np.uint8)
        table[list(self.ids)] = np.arange(1, len(self.ids) + 1)
        table[IGNORE_INDEX] = IGNORE_INDEX
        return table


def class_set(text: str, target: str = "davis") -> ClassSet:
    """Return the classes that `text` chooses.

    Args:
        text: `shared` (with the dataset `target`), `shared:<dataset>`, `shared:<one>+<other>`
            for what several have in common, `all`, or names or COCO ids separated by commas.
        target: The dataset that plain `shared` means.

    Raises:
        UnknownNameError: A class or dataset that is not in the manifests.
    """
    if text == ALL:
        return _named([row.id for row in coco_classes()])
    if text == SHARED or text.startswith(f"{SHARED}:"):
        return classes_in_common((text.partition(":")[2] or target).split("+"))
    return _listed(text, class_ids(), "class")


def datasets_with_classes() -> tuple[str, ...]:
    """Return the names of the datasets whose classes the manifests know."""
    return tuple(sorted(_SPLIT_CLASSES))


@cache
def split_classes(dataset: str) -> dict[str, ClassSet]:
    """Return COCO's classes that a dataset has, by split.

    Raises:
        UnknownNameError: A dataset whose classes no manifest has.
    """
    if dataset not in _SPLIT_CLASSES:
        raise UnknownNameError("dataset for shared classes", dataset, _SPLIT_CLASSES)
    splits = _SPLIT_CLASSES[dataset]()
    return {split: _named(sorted(ids)) for split, ids in splits.items()}


def shared_classes(dataset: str) -> ClassSet:
    """Return COCO's classes that a dataset has in each of its splits."""
    splits = [set(classes.ids) for classes in split_classes(dataset).values()]
    return _named(sorted(set.intersection(*splits)))


def classes_in_common(datasets: Iterable[str]) -> ClassSet:
    """Return COCO's classes that each of `datasets` has in each of its splits."""
    shared = [set(shared_classes(dataset).ids) for dataset in datasets]
    return _named(sorted(set.intersection(*shared)))


def ytbb_class_set(text: str) -> ClassSet:
    """Return the classes of YouTube-BoundingBoxes that `text` chooses.

    Args:
        text: As for `class_set`, with COCO ids. `all` are those that YouTube-BB has a COCO class
            for; `shared` and `shared:davis` those of the ten of DAVIS that it has.

    Raises:
        UnknownNameError: A class that YouTube-BB does not have.
    """
    known = shared_classes("ytbb")
    if text == ALL:
        return known
    if text.partition(":")[0] == SHARED:
        return _named(sorted(set(class_set(text).ids) & set(known.ids)))
    return _listed(
        text, dict(zip(known.names, known.ids, strict=True)), "class of YouTube-BoundingBoxes"
    )


def class_names() -> dict[int, str]:
    """Return the name of every COCO id, background and ignore included."""
    names = {BACKGROUND_ID: "background", IGNORE_INDEX: "ignore"}
    return names | {row.id: row.name for row in coco_classes()}


def class_ids() -> dict[str, int]:
    """Return the COCO id of every class name."""
    return {row.name: row.id for row in coco_classes()}


def remap_mask(mask: Mask, table: Mapping[int, int]) -> Mask:
    """Return `mask` with every value replaced by the one that `table` gives.

    Raises:
        ItemError: `mask` holds a value that `table` lacks; nothing is guessed.
    """
    present = np.flatnonzero(np.bincount(mask.ravel(), minlength=NUM_VALUES))
    missing = sorted(set(present.tolist()) - table.keys())
    if missing:
        raise ItemError(
            Outcome.UNKNOWN_ID,
            f"mask holds values {missing} that its class table lacks; known: {sorted(table)}",
        )
    lookup = np.full(NUM_VALUES, IGNORE_INDEX, dtype=np.uint8)
    lookup[list(table.keys())] = list(table.values())
    return lookup[mask]


def _coco_split_classes() -> dict[str, set[int]]:
    ids = set(class_ids().values())
    return {"train": ids, "val": ids}


def _davis_split_classes() -> dict[str, set[int]]:
    split_of = {row.name: row.split for row in davis_sequences()}
    ids = class_ids()
    splits: dict[str, set[int]] = {split: set() for split in split_of.values()}
    for row in davis_objects():
        if row.class_name != NO_CLASS:
            splits[split_of[row.sequence]].add(ids[row.class_name])
    return splits


def _fbms_split_classes() -> dict[str, set[int]]:
    ids = class_ids()
    splits: dict[str, set[int]] = {row.split: set() for row in fbms_regions()}
    for row in fbms_regions():
        if row.class_name in ids:
            splits[row.split].add(ids[row.class_name])
    return splits


def _voc_split_classes() -> dict[str, set[int]]:
    ids = class_ids()
    named = {ids[row.class_name] for row in voc_values() if row.class_name in ids}
    return {"train": named, "val": named}


def _ytbb_split_classes() -> dict[str, set[int]]:
    ids = class_ids()
    named = {ids[row.class_name] for row in ytbb_classes() if row.class_name != NO_CLASS}
    return {"train": named, "val": named}


_SPLIT_CLASSES = {
    "coco": _coco_split_classes,
    "davis": _davis_split_classes,
    "fbms": _fbms_split_classes,
    "voc": _voc_split_classes,
    "ytbb": _ytbb_split_classes,
}


def _listed(text: str, known: Mapping[str, int], what: str) -> ClassSet:
    """Return the classes named in `text`, of those in `known`: their names and COCO ids."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError(
            f"no class in {text!r}; give 'shared', 'all', or names such as 'person,dog'"
        )
    by_word = {str(class_id): class_id for class_id in known.values()} | dict(known)
    for word in words:
        if word not in by_word:
            raise UnknownNameError(what, word, known)
    return _named(sorted({by_word[word] for word in words}))


def _named(ids: list[int]) -> ClassSet:
    names = class_names()
    return ClassSet(tuple(ids), tuple(names[class_id] for class_id in ids))
