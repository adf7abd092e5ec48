"""What a run was made of, and the warnings that follow from it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsda.report.read import METRICS, PROVENANCE, Run

TARGET_FLAG = "uses_target_labels"
"""A true value under this key, anywhere in the provenance, is told as a warning."""

UNSET = "not set"
HASH_LETTERS = 16
LONGEST = 240
"""Letters of a value that are shown."""

_ORIGIN = re.compile(
    r"(images|(labelled_)?videos)\.\d+\.(name|index_sha256)|initial_weights\.sha256|versions\..*|git_revision"
)

_WEIGHTS_LEAK = "The class weights were counted on the labels of the videos."


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The provenance of one run, ready to print.

    Attributes:
        recipe: Dotted keys and values, sorted.
        provenance: The same; empty if the file is absent.
        evaluations: One line for each set that the run was judged on.
        warnings: Where labels of the target domain came in.
        gaps: What is missing, each with what to do.
    """

    recipe: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    evaluations: tuple[str, ...]
    warnings: tuple[str, ...]
    gaps: tuple[str, ...]


def facts(run: Run) -> Facts:
    """Return what is known about how `run` came to be."""
    return Facts(
        recipe=tuple((key, _short(value)) for key, value in flatten(run.recipe)),
        provenance=tuple((key, _short(value)) for key, value in flatten(run.provenance or {})),
        evaluations=tuple(_evaluation_lines(run)),
        warnings=target_label_uses(run),
        gaps=tuple(_gaps(run)),
    )


def flatten(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves as (dotted key, text), sorted by key; lists of plain values stay whole."""
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        value = {str(position): item for position, item in enumerate(value)}
    if isinstance(value, Mapping) and (value or not prefix):
        for key in sorted(value, key=str):
            yield from flatten(value[key], f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def target_label_uses(run: Run) -> tuple[str, ...]:
    """Return a sentence for each way in which labels of the target domain helped this run.

    The setting is labelled images and unlabelled videos; a number that owes something to labels
    of the videos cannot be compared with one that does not.
    """
    return tuple(dict.fromkeys([*_uses_in_training(run), *_uses_in_judging(run)]))


def _uses_in_training(run: Run) -> Iterator[str]:
    counted = _at(run.recipe, "class_weights", "source") == "videos"
    if counted and not run.recipe.get("labelled_videos"):
        yield _WEIGHTS_LEAK
    for key, text in flatten(run.provenance or {}):
        if key.rpartition(".")[2] == TARGET_FLAG and text == "true":
            part = key.rpartition(".")[0]
            yield _WEIGHTS_LEAK if part == "class_weights" else f"Used by {part or 'the run'}."
    for name in sorted(_trained_with(run) & _set_names(run, "videos")):
        yield f"Trained with the labels of {name}, which is also its set of videos."


def _uses_in_judging(run: Run) -> Iterator[str]:
    for name, evaluation in sorted(run.evaluations.items()):
        if evaluation.uses_target_labels:
            yield f"The step that was judged on {name} was chosen with them."
        if evaluation.videos and name in _trained_with(run):
            yield f"Judged on {name}, whose labels it was trained with."


def differing_settings(runs: Sequence[Run]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what is not the same in all `runs`: settings, then origins, with each run's value."""
    return _differing([dict(flatten(run.recipe)) for run in runs]) + _differing(
        [dict(origins(run)) for run in runs]
    )


def origins(run: Run) -> tuple[tuple[str, str], ...]:
    """Return versions, revision, data and initial weights from the provenance, hashes cut short."""
    return tuple(
        (key, value[:HASH_LETTERS] if key.endswith("sha256") else value)
        for key, value in flatten(run.provenance or {})
        if _ORIGIN.fullmatch(key)
    )


def _differing(tables: Sequence[Mapping[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    keys = sorted({key for table in tables for key in table} - {"description"})
    rows = ((key, tuple(table.get(key, UNSET) for table in tables)) for key in keys)
    return tuple((key, values) for key, values in rows if len(set(values)) > 1)


def _evaluation_lines(run: Run) -> Iterator[str]:
    for name, evaluation in sorted(run.evaluations.items()):
        size = f" at {evaluation.at_px} px" if evaluation.at_px else ""
        place = f", read from {evaluation.place}" if evaluation.place else ""
        yield f"{name}: step {evaluation.step}, {evaluation.num_frames} frames{size}{place}"


def _gaps(run: Run) -> Iterator[str]:
    if run.provenance is None:
        yield f"No {PROVENANCE}: versions, code and data of this run are unknown."
    if run.log is None:
        yield f"No {METRICS}: the run logged nothing."
    elif run.log.cut:
        yield f"The last line of {METRICS} was cut off and is left out."
    steps = run.recipe.get("steps")
    if isinstance(steps, int) and run.last_step is not None and run.last_step < steps:
        yield f"Its last trace is step {run.last_step} of {steps}: not finished."


def _short(value: str) -> str:
    if len(value) <= LONGEST:
        return value
    return f"{value[:LONGEST]}... ({len(value)} letters; the rest is in the run folder)"


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _trained_with(run: Run) -> set[str]:
    """Return the sets whose labels the cross-entropy saw."""
    images = _set_names(run, "images") if run.recipe.get("image_labels", True) else set[str]()
    return images | _set_names(run, "labelled_videos")


def _set_names(run: Run, domain: str) -> set[str]:
    """Return the sets that the recipe names and those that training says it read."""
    return _names(run.recipe.get(domain)) | _names((run.provenance or {}).get(domain))


def _names(value: object) -> set[str]:
    items = value if isinstance(value, list) else []
    named = (item.get("name") if isinstance(item, Mapping) else item for item in items)
    return {name for name in named if isinstance(name, str)}
