"""Rows of pictures: frame, truth, and what each run predicted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ShardError, VsdaError
from vsda.report.layers import Size, Swatch, fit, legend, mask_uri, photo_uri
from vsda.report.read import EVALUATION, Run
from vsda.sample import Mask
from vsda.shards.index import open_sets
from vsda.shards.masks import decode_mask
from vsda.shards.read import RandomAccessShards, decode_image
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, NUM_VALUES, class_ids


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One frame.

    Attributes:
        key: Of the sample.
        size: Of the picture on the page.
        frame: Data URI of the JPEG; None if the frame could not be read.
        truth: Data URI of the mask; None if the frame has no label.
        predictions: One for each run; None where the run saved none.
        right: Share of the labelled pixels that each of them has right; None where unknown.
        values: COCO ids in the masks.
    """

    key: str
    size: Size
    frame: str | None
    truth: str | None
    predictions: tuple[str | None, ...]
    right: tuple[float | None, ...]
    values: frozenset[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """The pictures of one set; `notes` say what is not shown, `damage` what cannot be read."""

    set_name: str
    rows: tuple[Row, ...]
    legend: tuple[Swatch, ...]
    notes: tuple[str, ...]
    damage: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frame:
    image: NDArray[np.uint8]
    mask: Mask | None


def gallery(set_name: str, runs: Sequence[Run], num_rows: int) -> Gallery:
    """Return at most `num_rows` frames of a set with what each run predicted for them.

    Frames come from the shards that the evaluation read; if these are gone, the gallery says so
    and shows the predictions alone. A prediction that cannot be read is told, too.
    """
    notes: list[str] = []
    damage: list[str] = []
    found = [_prediction_files(run, set_name, damage) for run in runs]
    keys = _choose(found, num_rows)
    if not keys:
        notes.append("No run saved predictions for this set, so there is nothing to look at.")
    shards = _open_shards(_places(runs, set_name), set_name, notes) if keys else None
    frames = _read_frames(shards, keys, notes, damage) if shards else {}
    judged = _judged_ids(runs, set_name)
    masks = {key: [_mask_of(files, key, damage) for files in found] for key in keys}
    rows = [row for key in keys if (row := _row(key, frames.get(key), masks[key], judged))]
    shown = {value for row in rows for value in row.values}
    return Gallery(
        set_name=set_name,
        rows=tuple(rows),
        legend=tuple(legend(shown)),
        notes=tuple(notes),
        damage=tuple(damage),
    )


def _places(runs: Sequence[Run], set_name: str) -> list[str]:
    evaluations = [run.evaluations.get(set_name) for run in runs]
    return list(dict.fromkeys(item.place for item in evaluations if item and item.place))


def _prediction_files(run: Run, set_name: str, damage: list[str]) -> dict[str, Path]:
    evaluation = run.evaluations.get(set_name)
    if evaluation is None:
        return {}
    files = {item.key: _inside(run, item.png, damage) for item in evaluation.predictions}
    return {key: path for key, path in files.items() if path is not None}


def _inside(run: Run, png: str, damage: list[str]) -> Path | None:
    """Return the file that an evaluation calls `png`; None if it is gone or not the run's."""
    for folder in (run.folder / EVALUATION, run.folder):
        path = (folder / png).resolve()
        if not path.is_relative_to(run.folder.resolve()):
            damage.append(
                f"{run.folder}: the prediction {png!r} lies outside of the run folder; "
                "run `vsda evaluate` again."
            )
            return None
        if path.is_file():
            return path
    return None


def _choose(found: Sequence[Mapping[str, Path]], num_rows: int) -> list[str]:
    """Return keys that as many runs as possible predicted, evenly spread over the set."""
    counts = Counter(key for files in found for key in files)
    most = max(counts.values(), default=0)
    keys = [key for key, count in counts.items() if count == most]
    num_rows = min(num_rows, len(keys))
    return [keys[number * len(keys) // num_rows] for number in range(num_rows)]


def _open_shards(
    places: Iterable[str], set_name: str, notes: list[str]
) -> RandomAccessShards | None:
    """Return the set from the first place that has it."""
    troubles = []
    for place in places:
        try:
            sets = [item for item in open_sets(place) if item.index.name == set_name]
            if sets:
                return RandomAccessShards(sets[0])
            troubles.append(f"{place} holds no set named {set_name}.")
        except (VsdaError, OSError) as error:
            troubles.append(f"The frames could not be read: {error}.")
    notes += troubles or ["The evaluation does not say where its frames lay."]
    return None


def _read_frames(
    shards: RandomAccessShards, keys: Sequence[str], notes: list[str], damage: list[str]
) -> dict[str, _Frame]:
    wanted, frames, known = set(keys), {}, set()
    for position, entry in enumerate(shards.entries):
        if entry.key not in wanted:
            continue
        known.add(entry.key)
        fields = ("jpg", "seg.png") if "seg.png" in entry.fields else ("jpg",)
        try:
            data = shards.read(position, fields)
            mask = decode_mask(data["seg.png"]) if "seg.png" in data else None
            frames[entry.key] = _Frame(image=decode_image(data["jpg"]), mask=mask)
        except VsdaError as error:
            damage.append(f"{entry.key}: {error}.")
    if wanted - known:
        notes.append(f"{len(wanted - known)} predicted frames are not in the set.")
    return frames


def _row(
    key: str, frame: _Frame | None, masks: Sequence[Mask | None], judged: NDArray[np.uint8]
) -> Row | None:
    truth = judged[frame.mask] if frame and frame.mask is not None else None
    present = [mask for mask in (truth, *masks) if mask is not None]
    if not frame and not present:
        return None
    size = fit(frame.image if frame else present[0])
    return Row(
        key=key,
        size=size,
        frame=photo_uri(frame.image, size) if frame else None,
        truth=None if truth is None else mask_uri(truth, size),
        predictions=tuple(None if mask is None else mask_uri(mask, size) for mask in masks),
        right=tuple(_share_right(mask, truth) for mask in masks),
        values=frozenset(int(value) for mask in present for value in np.unique(mask)),
    )


def _judged_ids(runs: Sequence[Run], set_name: str) -> NDArray[np.uint8]:
    """Return the table (256,) that turns ids of classes that no run was judged on to background."""
    evaluations = [run.evaluations.get(set_name) for run in runs]
    judged = {name for item in evaluations if item for name in item.classes}
    kept = [coco_id for name, coco_id in class_ids().items() if name in judged]
    table = np.full(NUM_VALUES, BACKGROUND_ID, dtype=np.uint8)
    table[[*kept, IGNORE_INDEX]] = [*kept, IGNORE_INDEX]
    return table


def _mask_of(files: Mapping[str, Path], key: str, damage: list[str]) -> Mask | None:
    if key not in files:
        return None
    try:
        return decode_mask(files[key].read_bytes())
    except (ShardError, OSError) as error:
        damage.append(f"{files[key]}: {error}; run `vsda evaluate` again.")
        return None


def _share_right(mask: Mask | None, truth: Mask | None) -> float | None:
    if mask is None or truth is None or mask.shape != truth.shape:
        return None
    labelled = truth != IGNORE_INDEX
    return float((mask == truth)[labelled].mean()) if labelled.any() else None
