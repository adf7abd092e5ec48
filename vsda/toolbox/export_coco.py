"""COCO's layouts: panoptic, which `vsda prepare coco --labels panoptic` reads, and instances.

Layout: `<split>2017/<stem>.jpg` with `annotations/panoptic_<split>2017.json` and
`annotations/panoptic_<split>2017/<stem>.png`, or with `annotations/instances_<split>2017.json`.

An image of COCO gets its own file name and number back; any other is called by its key, and its
number counts on after those of COCO. Frames without a `seg.png` are left out: in these layouts an
image without a label says that there is nothing in it. Regions are never crowds.

In a panoptic PNG void is 0. Background, which COCO divides into its kinds of stuff, is a region of
the category 0, `background`: were it 0 in the PNG, nobody would know that there is no object. In an
instances file void cannot be said, so it becomes background.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vsda.errors import ShardError
from vsda.manifests import BACKGROUND_CLASS, coco_classes
from vsda.palette import class_colour
from vsda.sample import Mask, Sample
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX
from vsda.toolbox.export_json import AnnotationFile
from vsda.toolbox.export_layout import Export
from vsda.toolbox.export_pictures import panoptic_png
from vsda.toolbox.export_segments import Segment, known_classes, segments

_COCO = "coco"
_MAX_DIGITS = 18
_PART_SEPARATOR = "__"


def original_number(key: str) -> int | None:
    """Return the number of an image of COCO, such as 139 for `coco/val2017/000000000139`."""
    dataset, _, rest = key.partition("/")
    stem = rest.rpartition("/")[2]
    is_number = dataset == _COCO and rest.count("/") == 1 and stem.isdecimal()
    return int(stem) if is_number and len(stem) <= _MAX_DIGITS else None


class _CocoLayout(ABC):
    """What the two layouts share: images, their names and numbers."""

    kind: str

    def __init__(self, export: Export) -> None:
        self._export = export
        self._next_number = export.first_image_id
        self._splits: defaultdict[str, AnnotationFile] = defaultdict(
            lambda: AnnotationFile(self._categories())
        )
        self._num_unlabelled = self._num_without_instances = 0
        self._num_segments = 0

    @property
    def num_segments(self) -> int:
        """The regions of all splits so far."""
        return self._num_segments

    def add(self, sample: Sample, settings: Mapping[str, Any], where: str) -> bool:
        """Write the image of a labelled frame and list its regions."""
        if sample.seg is None:
            self._num_unlabelled += 1
            return False
        self._num_without_instances += sample.inst is None
        values = known_classes(sample.seg, where)
        name = f"{self._export.split_of(sample)}2017"
        split = self._splits[name]
        stem, number = _stem(sample), self._number(sample, split)
        self._export.target.write(f"{name}/{stem}.jpg", sample.jpg)
        split.images.add(
            {
                "id": number,
                "file_name": f"{stem}.jpg",
                "width": sample.facts.width_px,
                "height": sample.facts.height_px,
            }
        )
        found = segments(sample.seg, sample.inst)
        self._num_segments += len(found)
        self._annotate(split, f"{name}/{stem}", number, sample.seg, found)
        self._see_void(IGNORE_INDEX in values)
        return True

    def finish(self) -> None:
        """Write the annotation file of each split."""
        self._export.target.flush()
        for name, split in sorted(self._splits.items()):
            self._export.target.write_pieces(
                f"annotations/{self.kind}_{name}.json", split.document()
            )

    def close(self) -> None:
        """Delete the lists on disk."""
        for split in self._splits.values():
            split.close()

    def notes(self) -> list[str]:
        """Return what the layout could not take."""
        notes = []
        if self._num_unlabelled:
            notes.append(
                f"{self._num_unlabelled} frames have no seg.png and are left out: without labels "
                "they would count as empty images"
            )
        if self._num_without_instances:
            notes.append(
                f"{self._num_without_instances} frames have no inst.png: one region per class"
            )
        return notes

    def _categories(self) -> list[dict[str, Any]]:
        """Return all of COCO's classes, so that files of several sets can be joined."""
        return [category_row(row.id, row.name, row.supercategory) for row in coco_classes()]

    @abstractmethod
    def _annotate(
        self, split: AnnotationFile, place: str, number: int, seg: Mask, found: list[Segment]
    ) -> None:
        """Add the annotations of one image."""

    @abstractmethod
    def _see_void(self, has_void: bool) -> None:
        """Take note of a frame with void."""

    def _number(self, sample: Sample, split: AnnotationFile) -> int:
        number = original_number(sample.key)
        if number is None:
            number, self._next_number = self._next_number, self._next_number + 1
        other = split.numbers.setdefault(number, sample.key)
        if other != sample.key:
            raise ShardError(
                f"{other} and {sample.key} would both be image {number} of one annotation file; "
                "export the sets into folders of their own"
            )
        return number


class PanopticLayout(_CocoLayout):
    """COCO's panoptic layout: a PNG of segment ids per image."""

    kind = "panoptic"

    def _categories(self) -> list[dict[str, Any]]:
        background = category_row(BACKGROUND_ID, BACKGROUND_CLASS, BACKGROUND_CLASS)
        return [background, *super()._categories()]

    def _annotate(
        self, split: AnnotationFile, place: str, number: int, seg: Mask, found: list[Segment]
    ) -> None:
        ids = np.zeros(seg.shape, dtype=np.uint32)
        rows = []
        background = Segment(BACKGROUND_ID, seg == BACKGROUND_ID)
        regions = [*found, background] if background.mask.any() else found
        for segment_id, segment in enumerate(regions, start=1):
            ids[segment.mask] = segment_id
            rows.append({"id": segment_id} | segment_row(segment))
        self._export.target.write(f"annotations/{self.kind}_{place}.png", panoptic_png(ids))
        file_name = f"{place.rpartition('/')[2]}.png"
        split.annotations.add({"image_id": number, "file_name": file_name, "segments_info": rows})

    def _see_void(self, has_void: bool) -> None:
        """Do nothing: this layout has void."""


class InstancesLayout(_CocoLayout):
    """COCO's layout for detection: a run-length encoded mask per region."""

    kind = "instances"

    def __init__(self, export: Export) -> None:
        super().__init__(export)
        self._num_with_void = 0

    def notes(self) -> list[str]:
        """Return what the layout could not take."""
        if not self._num_with_void:
            return super().notes()
        return [
            *super().notes(),
            f"{self._num_with_void} frames have void regions, which became background: an "
            "instances file cannot say them; '--as coco-panoptic' keeps them",
        ]

    def _annotate(
        self, split: AnnotationFile, place: str, number: int, seg: Mask, found: list[Segment]
    ) -> None:
        first = self._num_segments - len(found) + 1  # over all splits, so that files can be joined
        for annotation_id, segment in enumerate(found, start=first):
            split.annotations.add(
                {"id": annotation_id, "image_id": number, "segmentation": run_lengths(segment)}
                | segment_row(segment)
            )

    def _see_void(self, has_void: bool) -> None:
        self._num_with_void += has_void


def segment_row(segment: Segment) -> dict[str, Any]:
    """Return what both layouts say of a region."""
    return {
        "area": segment.area,
        "bbox": segment.bbox,
        "category_id": segment.category_id,
        "iscrowd": 0,
    }


def run_lengths(segment: Segment) -> dict[str, Any]:
    """Return the mask as COCO's compressed runs down the columns."""
    encoded = coco_mask.encode(np.asfortranarray(segment.mask, dtype=np.uint8))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")}


def _stem(sample: Sample) -> str:
    """Return the file name of a sample without its ending: COCO's own, or its key in one piece."""
    parts = sample.key.split("/")
    if parts[0] == _COCO and len(parts) == 3 and sample.facts.sequence is None:
        return parts[2]
    return _PART_SEPARATOR.join(parts)


def category_row(category_id: int, name: str, supercategory: str) -> dict[str, Any]:
    """Return a class for the list of categories."""
    return {
        "id": category_id,
        "name": name,
        "supercategory": supercategory,
        "isthing": int(category_id != BACKGROUND_ID),
        "color": list(class_colour(category_id)),
    }
