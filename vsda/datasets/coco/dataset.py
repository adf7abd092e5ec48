"""COCO 2017: still images, labelled by one of three sources.

    <split>2017/<stem>.jpg
    stuffthingmaps/<split>2017/<stem>.png      classes of pixels, with stuff; see maps.py
    annotations/instances_<split>2017.json     outlines of objects; see instances.py
    annotations/panoptic_<split>2017.json, annotations/panoptic_<split>2017/<stem>.png
                                               objects and stuff as regions; see panoptic.py

The latter two know objects, so their samples have an `inst.png`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vsda.datasets.coco.instances import INSTANCES, instance_labels, list_instances
from vsda.datasets.coco.layout import NAME, CocoOptions, Labels
from vsda.datasets.coco.maps import STUFFTHINGMAPS, list_maps, map_labels
from vsda.datasets.coco.panoptic import PANOPTIC, list_panoptic, panoptic_labels
from vsda.datasets.frames import check_sizes, present_classes, read_jpeg
from vsda.datasets.listing import Dataset, Item, Listing, Request, Source, Unit
from vsda.sample import FrameFacts, Sample

__all__ = ["DATASET", "NAME", "STUFFTHINGMAPS", "CocoOptions", "classes_of", "list_split", "read"]


@dataclass(frozen=True, slots=True)
class LabelSource:
    """Where labels come from: what finds the images, and what gives the labels of one."""

    list_split: Callable[[Request], Listing]
    labels: Callable[[Source, Unit, Item], Labels]


LABEL_SOURCES = {
    STUFFTHINGMAPS: LabelSource(list_maps, map_labels),
    INSTANCES.name: LabelSource(list_instances, instance_labels),
    PANOPTIC.name: LabelSource(list_panoptic, panoptic_labels),
}


def list_split(request: Request) -> Listing:
    """Return what a COCO folder holds of a split; see `Dataset.list_split`."""
    return LABEL_SOURCES[request.options.labels].list_split(request)


def read(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Yield one image as a sample, nothing if it has no pixel of a chosen class."""
    labels = LABEL_SOURCES[source.options.labels].labels(source, unit, item)
    classes = () if labels.seg is None else present_classes(labels.seg)
    if labels.seg is not None and not classes:
        return
    image = read_jpeg(source.root, item.image)
    for mask in (labels.seg, labels.inst):
        if mask is not None:
            check_sizes(image, mask, labels.where)
    facts = FrameFacts(
        dataset=source.dataset,
        split=source.split,
        sequence=None,
        frame=item.frame,
        frame_index=item.frame_index,
        width_px=image.width_px,
        height_px=image.height_px,
        labelled=labels.seg is not None,
        classes=classes,
    )
    yield Sample(key=item.key, jpg=image.data, seg=labels.seg, inst=labels.inst, facts=facts)


def classes_of(source: Source, unit: Unit, item: Item) -> tuple[int, ...]:
    """Return the chosen classes in an image; see `Dataset.classes_of`."""
    if unit.table is None:
        return ()
    seg = LABEL_SOURCES[source.options.labels].labels(source, unit, item).seg
    return () if seg is None else present_classes(seg)


DATASET = Dataset(
    name=NAME,
    splits=("train", "val"),
    list_split=list_split,
    read=read,
    classes_of=classes_of,
    options=CocoOptions,
)
