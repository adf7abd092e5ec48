"""What a cell is made of: a run of the real trainer, judged by the real evaluation."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from vsda.evaluation.evaluate import evaluate
from vsda.evaluation.options import EvaluationOptions
from vsda.evaluation.validate import open_validator
from vsda.recipes.train import TrainRecipe
from vsda.shards.index import open_set
from vsda.tables.cell import Cell
from vsda.tables.record import CellRecord, SetScore
from vsda.tables.work import HowToRun
from vsda.training.devices import Devices
from vsda.training.inputs import open_inputs
from vsda.training.metrics_log import read_metrics
from vsda.training.provenance import PROVENANCE_FILE, STARTS_FILE
from vsda.training.run import RunOptions, train


def train_cell(cell: Cell, how: HowToRun, record: CellRecord) -> CellRecord:
    """Train a cell, from its latest checkpoint where it has one; return what is known then.

    Raises:
        VsdaError: See `vsda.training.run.train` and `open_inputs`.
    """
    _train(cell.recipe, cell.run_dir, how)
    provenance = json.loads((cell.run_dir / PROVENANCE_FILE).read_bytes())
    begun = json.loads((cell.run_dir / STARTS_FILE).read_text().splitlines()[-1])
    rows = read_metrics(cell.run_dir)
    return record.model_copy(
        update={
            "is_trained": True,
            "versions": provenance["versions"],
            "git_revision": provenance["git_revision"],
            "device": begun["device"],
            "threads": begun["threads"],
            "train_s": training_s(rows),
            "peak_bytes": int(max((row.get("memory_bytes", 0) for row in rows), default=0)),
        }
    )


def judge_cell(cell: Cell, how: HowToRun, record: CellRecord) -> Iterator[CellRecord]:
    """Yield the record of a trained cell after each set that it is judged on.

    Raises:
        VsdaError: See `vsda.evaluation.evaluate.evaluate`.
    """
    _use_threads(how)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = EvaluationOptions(pictures=how.pictures, device=device, metrics=frozenset())
    for name, place in cell.judged_on.items():
        if name in record.scores:
            continue
        start = time.monotonic()
        scores = evaluate(cell.run_dir, open_set(place), options)
        record = record.model_copy(
            update={
                "scores": {**record.scores, name: SetScore.model_validate(scores)},
                "judge_s": record.judge_s + time.monotonic() - start,
            }
        )
        yield record


def step_s(recipe: TrainRecipe, folder: Path, how: HowToRun, steps: int) -> float:
    """Return the seconds of a training step, the median of a few in a run of its own.

    Args:
        recipe: With the places of its sets.
        folder: Gets the run.
        how: As the cells are run.
        steps: How many are timed; two more go before them.

    Raises:
        VsdaError: See `vsda.training.run.train` and `open_inputs`.
    """
    short = {"steps": steps + 2, "log_every": 1, "checkpoint_every": steps + 2, "validation": ()}
    schedule = recipe.optimizer.model_copy(update={"warmup_steps": 0})
    _train(recipe.model_copy(update={**short, "optimizer": schedule}), folder, how)
    timed = sorted(row["step_ms"] for row in read_metrics(folder)[2:])
    return timed[len(timed) // 2] / 1e3


def training_s(rows: list[dict[str, float]]) -> float:
    """Return the seconds of all steps of a log, which tells each step of a resumed run once."""
    steps = [0, *(int(row["step"]) for row in rows if "step_ms" in row)]
    lengths = (row["step_ms"] for row in rows if "step_ms" in row)
    return sum(
        (after - before) * length / 1e3
        for before, after, length in zip(steps, steps[1:], lengths, strict=False)
    )


def _train(recipe: TrainRecipe, run_dir: Path, how: HowToRun) -> None:
    _use_threads(how)
    inputs = open_inputs(recipe, how.cache)
    options = RunOptions(
        run_dir=run_dir,
        weights_dir=how.weights_dir,
        resume="auto",
        devices=Devices(per_node=1, nodes=1),
    )
    if recipe.validation:
        options = replace(
            options, validator=lambda device: open_validator(recipe, inputs.classes, device)
        )
    train(recipe, inputs, options)


def _use_threads(how: HowToRun) -> None:
    if how.num_threads is not None:
        torch.set_num_threads(how.num_threads)
