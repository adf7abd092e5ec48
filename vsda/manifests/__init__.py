"""Typed rows from the tables under manifests/: one file for each dataset here, too."""

from vsda.manifests.archives import CardSource, Source, card_sources, sources
from vsda.manifests.classes import (
    BACKGROUND_CLASS,
    IGNORE_CLASS,
    NO_CLASS,
    CocoClass,
    class_name_of,
    coco_classes,
)
from vsda.manifests.coco import (
    CocoCount,
    StuffThingValue,
    coco_counts,
    panoptic_stuff,
    stuffthing_values,
)
from vsda.manifests.davis import (
    DavisCategory,
    Sequence,
    SequenceObject,
    davis_categories,
    davis_objects,
    davis_sequences,
)
from vsda.manifests.fbms import (
    CERTAINTIES,
    EVERY_REGION,
    UNLISTED_IS_IGNORE,
    FbmsOddity,
    FbmsRegion,
    FbmsSequence,
    FbmsSplit,
    fbms_oddities,
    fbms_regions,
    fbms_sequences,
    fbms_splits,
    read_fbms_regions,
)
from vsda.manifests.table import manifest_path, read_table, table_sha256
from vsda.manifests.voc import VocValue, voc_values
from vsda.manifests.weights import WeightsSource, weights_sources
from vsda.manifests.ytbb import YtbbClass, ytbb_classes

__all__ = [
    "BACKGROUND_CLASS",
    "CERTAINTIES",
    "EVERY_REGION",
    "IGNORE_CLASS",
    "NO_CLASS",
    "UNLISTED_IS_IGNORE",
    "CardSource",
    "CocoClass",
    "CocoCount",
    "DavisCategory",
    "FbmsOddity",
    "FbmsRegion",
    "FbmsSequence",
    "FbmsSplit",
    "Sequence",
    "SequenceObject",
    "Source",
    "StuffThingValue",
    "VocValue",
    "WeightsSource",
    "YtbbClass",
    "card_sources",
    "class_name_of",
    "coco_classes",
    "coco_counts",
    "davis_categories",
    "davis_objects",
    "davis_sequences",
    "fbms_oddities",
    "fbms_regions",
    "fbms_sequences",
    "fbms_splits",
    "manifest_path",
    "panoptic_stuff",
    "read_fbms_regions",
    "read_table",
    "sources",
    "stuffthing_values",
    "table_sha256",
    "voc_values",
    "weights_sources",
    "ytbb_classes",
]
