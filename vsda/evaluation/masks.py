"""Predicted masks as files."""

from pathlib import Path

import numpy as np

from vsda.evaluation.predict import Prediction
from vsda.sample import Mask
from vsda.shards.masks import encode_mask
from vsda.storage import write_atomic
from vsda.taxonomy import BACKGROUND_ID, ClassSet
from vsda.toolbox.export_pictures import class_png

EVALUATION_DIR = "evaluation"
"""Of a run folder."""


def coco_ids(indices: Mask, classes: ClassSet) -> Mask:
    """Return class indices (H, W) as COCO ids."""
    return np.array((BACKGROUND_ID, *classes.ids), dtype=np.uint8)[indices]


def save_mask(folder: Path, prediction: Prediction, classes: ClassSet) -> None:
    """Write a prediction as DAVIS lays out results: `<folder>/<sequence>/<frame>.png`.

    It is a palette PNG of COCO ids in the colours of the classes. Still images lie in a folder
    called as in their keys.
    """
    inside = prediction.key.partition("/")[2]  # without the dataset
    write_atomic(folder / f"{inside}.png", class_png(coco_ids(prediction.predicted, classes)))


def keep_picture(run_dir: Path, set_name: str, prediction: Prediction, classes: ClassSet) -> str:
    """Write a prediction as a PNG of COCO ids for the report, and return its path in the run."""
    relative = f"{EVALUATION_DIR}/{set_name}.predictions/{prediction.key}.png"
    write_atomic(run_dir / relative, encode_mask(coco_ids(prediction.predicted, classes)))
    return relative
