"""DAVIS-2017's layout, which `vsda prepare davis --class-map` reads.

Layout: `JPEGImages/480p/<sequence>/<frame>.jpg`, `Annotations/480p/<sequence>/<frame>.png` with
object ids, `ImageSets/2017/<split>.txt`, and `objects.tsv`, which says the class of each object.

DAVIS has one mask per frame, so the class of a pixel has to follow from its object. Where a set has
no instances, the objects of a sequence are its classes, numbered from 1 as they appear. Void (255)
outside of objects is written as void.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError
from vsda.manifests import NO_CLASS
from vsda.sample import Mask, Sample
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, NUM_VALUES, class_names
from vsda.toolbox.export_layout import Export
from vsda.toolbox.export_pictures import object_png
from vsda.toolbox.export_segments import known_classes, present_values

_FULL_RESOLUTION = "Full-Resolution"
_OTHER_FOLDER = "480p"
_NO_OBJECT = (BACKGROUND_ID, IGNORE_INDEX)
_KEEPS_ALL = "'--as folder' keeps both masks"


@dataclass(slots=True)
class _Sequence:
    """The objects of a sequence so far: id to the value of `seg.png` below it, None if unknown."""

    split: str
    name: str
    has_instances: bool | None = None
    objects: dict[int, int | None] = field(default_factory=dict)


class DavisLayout:
    """Sequences with a mask of object ids per frame."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._sequences: dict[str, _Sequence] = {}
        self._num_without_mask = 0

    @property
    def num_segments(self) -> int:
        """Objects, each counted once in its sequence."""
        return sum(len(sequence.objects) for sequence in self._sequences.values())

    def add(self, sample: Sample, settings: Mapping[str, Any], where: str) -> bool:
        """Write the image of a frame, and its mask where it has one."""
        sequence = self._sequence(sample, where)
        folder = f"{_resolution(settings)}/{sequence.name}/{sample.facts.frame}"
        mask = _object_mask(sample, sequence, where)
        self._export.target.write(f"JPEGImages/{folder}.jpg", sample.jpg)
        if mask is None:
            self._num_without_mask += 1
        else:
            self._export.target.write(f"Annotations/{folder}.png", object_png(mask))
        return True

    def finish(self) -> None:
        """Write the table of objects, then the lists of sequences."""
        target = self._export.target
        target.flush()
        by_name = sorted(self._sequences.values(), key=lambda sequence: sequence.name)
        rows = [row for sequence in by_name for row in _rows(sequence)]
        table = ["sequence\tobject_id\tcategory\tclass", *rows, ""]
        target.write("objects.tsv", "\n".join(table).encode())
        target.flush()
        for split in sorted({sequence.split for sequence in by_name}):
            names = [sequence.name for sequence in by_name if sequence.split == split]
            target.write(f"ImageSets/2017/{split}.txt", "\n".join([*names, ""]).encode())

    def close(self) -> None:
        """Do nothing: all files of this layout are closed when they are written."""

    def notes(self) -> list[str]:
        """Return how many frames have no mask, and how to read objects that are void."""
        notes = []
        if self._num_without_mask:
            notes.append(f"{self._num_without_mask} frames have no mask: image only")
        if any(IGNORE_INDEX in row.objects.values() for row in self._sequences.values()):
            notes.append("some objects are void: read them back with --outside ignore")
        return notes

    def _sequence(self, sample: Sample, where: str) -> _Sequence:
        name, split = sample.facts.sequence, self._export.split_of(sample)
        if name is None:
            raise ShardError(
                f"{where}: is a still image, and DAVIS has sequences only; export it "
                "'--as coco-panoptic' or '--as folder'"
            )
        if "/" in name:
            raise ShardError(
                f"{where}: the name of its sequence, {name!r}, has a slash, which DAVIS does not "
                "take; export it '--as folder'"
            )
        sequence = self._sequences.setdefault(name, _Sequence(split, name))
        if sequence.split != split:
            raise ShardError(
                f"{where}: the sequence {name!r} is in the splits {sequence.split} and {split}; "
                "export the sets into folders of their own"
            )
        return sequence


def _resolution(settings: Mapping[str, Any]) -> str:
    is_full = settings.get("resolution") == _FULL_RESOLUTION
    return _FULL_RESOLUTION if is_full else _OTHER_FOLDER


def _object_mask(sample: Sample, sequence: _Sequence, where: str) -> Mask | None:
    """Return the object ids of a frame, and note what class each has."""
    seg, inst = sample.seg, sample.inst
    if seg is None and inst is None:
        return None
    has_instances = inst is not None
    if sequence.has_instances not in {None, has_instances}:
        raise ShardError(
            f"{where}: some frames of the sequence have an inst.png and others only a seg.png, so "
            f"object ids would mean two things; {_KEEPS_ALL}"
        )
    sequence.has_instances = has_instances
    if seg is not None:
        known_classes(seg, where)
    if inst is None:
        return None if seg is None else _class_objects(seg, sequence)
    return _instances(seg, inst, sequence, where)


def _class_objects(seg: Mask, sequence: _Sequence) -> Mask:
    """Return `seg` with an object id of the sequence in place of each class."""
    ids = {class_id: object_id for object_id, class_id in sequence.objects.items()}
    table: NDArray[np.uint8] = np.arange(NUM_VALUES, dtype=np.uint8)
    for value in present_values(seg):
        if value not in _NO_OBJECT:
            table[value] = ids.setdefault(value, len(ids) + 1)
            sequence.objects[int(table[value])] = value
    return table[seg]


def _instances(seg: Mask | None, inst: Mask, sequence: _Sequence, where: str) -> Mask:
    """Return `inst`, with void from `seg` where there is no object."""
    if seg is None:
        for object_id in present_values(inst):
            if object_id not in _NO_OBJECT:
                sequence.objects.setdefault(object_id, None)
        return inst
    for object_id, value in _pairs(seg, inst):
        if object_id in _NO_OBJECT:
            _check_outside(object_id, value, where)
        elif (known := sequence.objects.get(object_id)) is None:
            sequence.objects[object_id] = value
        elif known != value:
            names = class_names()
            raise ShardError(
                f"{where}: object {object_id} is {names[value]} here and {names[known]} elsewhere "
                f"in {sequence.name!r}, but an object of DAVIS has one class; {_KEEPS_ALL}"
            )
    void = (inst == BACKGROUND_ID) & (seg == IGNORE_INDEX)
    return np.where(void, np.uint8(IGNORE_INDEX), inst)


def _check_outside(object_id: int, value: int, where: str) -> None:
    """Refuse a class where there is no object to have it, and background below void."""
    if value in {IGNORE_INDEX, object_id}:
        return
    raise ShardError(
        f"{where}: pixels whose object id is {object_id} are {class_names()[value]}, but in DAVIS "
        f"only an object has a class; {_KEEPS_ALL}"
    )


def _pairs(seg: Mask, inst: Mask) -> list[tuple[int, int]]:
    """Return which values of `inst` and `seg` lie on each other."""
    codes = inst.astype(np.uint16) * NUM_VALUES + seg
    found = np.flatnonzero(np.bincount(codes.ravel())).tolist()
    return [divmod(code, NUM_VALUES) for code in found]


def _rows(sequence: _Sequence) -> list[str]:
    """Return the lines of the table; a sequence without objects has one, so that it is known."""
    objects = dict(sorted(sequence.objects.items())) or {1: None}
    names = {value: name for value, name in class_names().items() if value not in _NO_OBJECT}
    rows = []
    for object_id, value in objects.items():
        name = NO_CLASS if value is None else names.get(value, NO_CLASS)
        rows.append(f"{sequence.name}\t{object_id}\t{name}\t{name}")
    return rows
