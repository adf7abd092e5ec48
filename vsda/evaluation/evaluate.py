"""Runs on sets of labelled shards: how good they are, written where the report finds it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from vsda.errors import RunError
from vsda.evaluation.bootstrap import ClassCounts
from vsda.evaluation.compare import Verdict, with_comparisons
from vsda.evaluation.judge import Judge
from vsda.evaluation.masks import EVALUATION_DIR
from vsda.evaluation.options import EvaluationOptions
from vsda.evaluation.scores import set_scores
from vsda.evaluation.trained import (
    BEST,
    TrainedNetwork,
    best_uses_target_labels,
    find_checkpoint,
    open_run,
)
from vsda.shards.index import ShardSet
from vsda.storage import write_atomic
from vsda.training.inputs import check_labels, set_identity


def evaluate(
    run_dir: Path, shard_set: ShardSet, options: EvaluationOptions, fabric: Fabric | None = None
) -> dict[str, Any]:
    """Return the scores of a run on a set, and write them to `<run>/evaluation/<set>.json`.

    The network sees frames resized to the recipe's square, unless `options.views` says otherwise, a
    clip network clips of them; its logits are resized bilinearly to each mask's own size, where
    every labelled pixel of the set counts once. Samples without a mask are passed over, other than
    as neighbours in a clip.

    Args:
        run_dir: The run folder.
        shard_set: Labelled.
        options: How.
        fabric: Processes that share the work, all of which call this; None for this one alone.

    Raises:
        RunError: The run has no checkpoint, or scores of another set of this name.
        ShardError: The set has no labels, or contradicts itself.
        RecipeError: The set was prepared without a class that the run learned.
    """
    return _verdict(Judge(run_dir, _opened(run_dir, options), shard_set, options), fabric).scores


def evaluate_all(
    run_dirs: Sequence[Path],
    sets: Sequence[ShardSet],
    options: EvaluationOptions,
    fabric: Fabric | None = None,
) -> list[dict[str, Any]]:
    """Return what `evaluate` does, of each run on each set, and how they differ.

    The differences, see `with_comparisons`, are not written.

    Raises:
        RunError: As `evaluate` does; so do ShardError and RecipeError.
    """
    verdicts = []
    for run_dir in run_dirs:
        trained = _opened(run_dir, options)
        judges = [Judge(run_dir, trained, shard_set, options) for shard_set in sets]
        verdicts.append([_verdict(judge, fabric) for judge in judges])
    return with_comparisons(verdicts)


def _opened(run_dir: Path, options: EvaluationOptions) -> TrainedNetwork:
    return open_run(run_dir, find_checkpoint(run_dir, options.checkpoint), raw=options.raw)


def _verdict(judge: Judge, fabric: Fabric | None) -> Verdict:
    """Let a run be judged on a set, and write the scores."""
    check_labels(judge.shard_set, judge.trained.classes)
    identity = set_identity(judge.shard_set)
    path = judge.run_dir / EVALUATION_DIR / f"{identity['name']}.json"
    _refuse_other_scores(path, identity)
    found = judge.judge(fabric)
    names = ("background", *judge.trained.classes.names)
    scores = {
        "run": judge.run_dir.name,
        "set": identity["name"],
        "place": judge.shard_set.folder,
        "index_sha256": identity["index_sha256"],
        **_circumstances(judge),
        **set_scores(found.tally, names, judge.options.attributes),
        "predictions": [{"key": key, "png": found.pictures[key]} for key in sorted(found.pictures)],
    }
    if fabric is None or fabric.global_rank == 0:
        write_atomic(path, json.dumps(scores, indent=2).encode() + b"\n")
    return Verdict(
        scores=scores,
        names=names,
        units=ClassCounts.stacked([unit.counts for unit in found.tally.units]),
        is_video=bool(judge.shard_set.index.sequences),
    )


def _circumstances(judge: Judge) -> dict[str, Any]:
    """Return what was judged, and how it was looked at."""
    trained, options = judge.trained, judge.options
    is_best = options.checkpoint == BEST
    return {
        "step": trained.step,
        "weights": "average" if trained.is_average else "last step",
        "uses_target_labels": is_best and best_uses_target_labels(judge.run_dir),
        "at_px": trained.recipe.size_px,
        "views": {**asdict(options.views), "scales": list(options.views.scales)},
    }


def _refuse_other_scores(path: Path, identity: dict[str, str]) -> None:
    """Keep the scores of one set from being taken for those of another with the same name."""
    if not path.is_file():
        return
    kept = json.loads(path.read_bytes())
    if kept.get("index_sha256") != identity["index_sha256"]:
        raise RunError(
            f"{path}: holds the scores of another set called {identity['name']} "
            f"(in {kept.get('place')}); move it away to judge this one"
        )
