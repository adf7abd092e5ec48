"""`evaluation/*.json` as checked values: what `vsda evaluate` found out about a run.

Only what the first version of the command wrote is required; measures that came later are None
where a file lacks them, and keys that this version does not know are passed over.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vsda.errors import RunError


def _without_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


Iou = Annotated[Annotated[float, Field(ge=0, le=1)] | None, BeforeValidator(_without_nan)]
"""In [0, 1]; None where it has no meaning."""

Interval = tuple[float, float] | None
"""Low and high, in the unit of what it is about; None where there is none."""


class _Record(BaseModel):
    """A JSON object of the run folder; keys of later versions are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Likeness(_Record):
    """J (overlap of regions) and F (of outlines) as DAVIS defines them, and their mean."""

    j_and_f: Iou = None
    j_mean: Iou = None
    f_mean: Iou = None


class Stability(_Record):
    """How predictions change from a frame to the next, beside what the truth does."""

    flicker: Iou = None
    consistency: Iou = None
    truth_consistency: Iou = None


class VideoScore(_Record):
    """What one sequence came to."""

    mean_iou: Iou
    iou: Mapping[str, Iou] = {}
    num_frames: int


class AttributeScore(_Record):
    """What the sequences with one attribute came to together."""

    num_videos: int
    mean_iou: Iou
    interval: Interval = None


class Prediction(_Record):
    """A saved prediction; `png` is a path inside the run folder or its evaluation folder."""

    key: str
    png: str


class Evaluation(_Record):
    """One file of `evaluation/`: a run judged on one set of shards.

    `place` is where the set lay; `classes` has the background first; `pixels` are the true pixels
    of each class; `at_px` is the side at which truth and prediction were compared; `interval` and
    `iou_interval` hold the middle 95 % of what other draws of the set's videos would give.
    """

    set: str
    step: int
    num_frames: int
    mean_iou: Iou
    iou: Mapping[str, Iou]
    classes: tuple[str, ...]
    pixels: Mapping[str, int] = {}
    absent: tuple[str, ...] = ()
    videos: Mapping[str, VideoScore] = {}
    at_px: int | None = None
    place: str | None = None
    uses_target_labels: bool = False
    predictions: tuple[Prediction, ...] = ()
    interval: Interval = None
    iou_interval: Mapping[str, Interval] = {}
    davis: Likeness | None = None
    stability: Stability | None = None
    attributes: Mapping[str, AttributeScore] = {}


def read_evaluations(folder: Path) -> tuple[dict[str, Evaluation], tuple[str, ...]]:
    """Return the evaluations in `folder` by set, and what is wrong with each file left out."""
    found: dict[str, Evaluation] = {}
    damage = []
    for path in sorted(folder.glob("*.json")):
        try:
            evaluation = _read(path)
        except RunError as error:
            damage.append(str(error))
            continue
        if evaluation.set in found:
            damage.append(f"{path}: a second evaluation of {evaluation.set!r}; remove one")
        else:
            found[evaluation.set] = evaluation
    return found, tuple(damage)


def json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        RunError: It holds something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise RunError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def _read(path: Path) -> Evaluation:
    try:
        return Evaluation.model_validate(json_object(path))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        got = "nothing" if problem["type"] == "missing" else repr(problem["input"])
        raise RunError(
            f"{path}: {place}: got {got}; {problem['msg']}; run `vsda evaluate` again"
        ) from None
