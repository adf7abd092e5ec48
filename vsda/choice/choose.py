"""Choosing among checkpoints without labels, and with them for comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from vsda.choice.candidates import Candidate, Frames, Witness, find_candidates, hear
from vsda.choice.criteria import CRITERIA
from vsda.errors import ShardError, UsageError
from vsda.evaluation.trained import open_run
from vsda.progress import progress
from vsda.shards.index import ShardSet
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import labelled_positions
from vsda.training.inputs import check_labels

ORACLE = "oracle"
_FEWEST_TO_RANK = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceOptions:
    """How is chosen.

    Attributes:
        by: The criterion whose choice is the result.
        num_frames: Looked at, at most, spread evenly over the set.
        num_points: Pixels drawn of each.
        use_labels: Read the set's labels, for the true mean IoU beside the criteria. They choose
            nothing but the oracle.
        device: Where the networks run, by torch's name.
    """

    by: str = "agreement"
    num_frames: int = 100
    num_points: int = 500
    use_labels: bool = False
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A candidate with its values.

    Attributes:
        run: Its run folder.
        checkpoint: Its file.
        step: Steps of training behind it.
        values: By criterion.
        mean_iou: The true one, on the same frames; None unless labels are used.
    """

    run: str
    checkpoint: str
    step: int
    values: Mapping[str, float]
    mean_iou: float | None


def choose(run_dirs: Sequence[Path], shard_set: ShardSet, options: ChoiceOptions) -> dict[str, Any]:
    """Return the candidates' values, what each criterion chooses and how it ranks, as plain values.

    Raises:
        UsageError: There is no such criterion, or runs have different classes.
        RunError: A run has no checkpoint, or a damaged one.
        ShardError: The set has no frame, or no labels where they are to be used.
    """
    candidates = find_candidates(run_dirs)
    frames = _frames(shard_set, options, run_dirs[0])
    device = torch.device(options.device)
    heard = [hear(each, frames, device) for each in progress(candidates, "checkpoints")]
    _refuse_other_classes(candidates, heard)
    rows = _rows(candidates, heard)
    found = {
        "set": shard_set.index.name,
        "num_frames": len(frames.positions),
        "candidates": [asdict(row) for row in rows],
        "choices": {name: asdict(best(rows, name)) for name in CRITERIA},
        "by": options.by,
        "chosen": best(rows, options.by).checkpoint,
        "uses_target_labels": False,
    }
    if options.use_labels:
        found["rank_correlation"] = {name: rank_correlation(rows, name) for name in CRITERIA}
        found[ORACLE] = {**asdict(_oracle(rows)), "uses_target_labels": True}
    return found


def best(rows: Sequence[Row], criterion: str) -> Row:
    """Return the candidate that a criterion chooses; of equals the first."""
    sign = 1 if CRITERIA[criterion].prefers_high else -1
    return max(rows, key=lambda row: sign * row.values[criterion])


def rank_correlation(rows: Sequence[Row], criterion: str) -> float | None:
    """Return Spearman's correlation of a criterion with the true mean IoU.

    It is 1 where the criterion sorts the candidates as their labels would, from worst to best; None
    for fewer than three candidates, or where all have one value.
    """
    known = [row for row in rows if row.mean_iou is not None]
    sign = 1 if CRITERIA[criterion].prefers_high else -1
    values = [sign * row.values[criterion] for row in known]
    truths = [row.mean_iou for row in known]
    if len(known) < _FEWEST_TO_RANK or len(set(values)) == 1 or len(set(truths)) == 1:
        return None
    return float(spearmanr(values, truths).statistic)


def _oracle(rows: Sequence[Row]) -> Row:
    return max(rows, key=lambda row: -1.0 if row.mean_iou is None else row.mean_iou)


def _rows(candidates: Sequence[Candidate], heard: Sequence[Witness]) -> list[Row]:
    ensemble = np.mean([witness.points for witness in heard], axis=0)
    return [
        Row(
            run=str(candidate.run_dir),
            checkpoint=str(candidate.checkpoint),
            step=witness.step,
            values={
                name: criterion.measure(witness.points, ensemble)
                for name, criterion in CRITERIA.items()
            },
            mean_iou=witness.mean_iou,
        )
        for candidate, witness in zip(candidates, heard, strict=True)
    ]


def _frames(shard_set: ShardSet, options: ChoiceOptions, run_dir: Path) -> Frames:
    """Return the frames to look at: only where labels are used it matters which have any."""
    shards = RandomAccessShards(shard_set)
    if options.use_labels:
        check_labels(shard_set, open_run(run_dir).classes)
    positions = labelled_positions(shards) if options.use_labels else range(len(shards))
    if not positions:
        raise ShardError(f"{shard_set.folder}/{shard_set.index.name}: the set has no frame to see")
    places = np.linspace(0, len(positions) - 1, min(options.num_frames, len(positions)))
    return Frames(
        shards=shards,
        positions=[positions[int(place)] for place in places],
        num_points=options.num_points,
        labelled=options.use_labels,
    )


def _refuse_other_classes(candidates: Sequence[Candidate], heard: Sequence[Witness]) -> None:
    for candidate, witness in zip(candidates, heard, strict=True):
        if witness.classes != heard[0].classes:
            raise UsageError(
                f"{candidate.run_dir}: learned {', '.join(witness.classes)}, "
                f"{candidates[0].run_dir} {', '.join(heard[0].classes)}; choose among runs with "
                "the same classes"
            )
