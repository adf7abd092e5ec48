"""The two ways to do training steps that are compared: `vsda train`'s, and a bare loop."""

import gc
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from lightning_fabric import Fabric

from vsda.bench.made_up import made_up_batch
from vsda.models.speed import prepare_for_speed
from vsda.recipes.train import TrainRecipe
from vsda.training.build import build_network, build_objective
from vsda.training.inputs import RunInputs
from vsda.training.loop import Trainer
from vsda.training.metrics_log import read_metrics
from vsda.training.optimization import build_optimizations
from vsda.training.precision import MixedPrecision
from vsda.training.reversal import reversal_strength


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of a way gave.

    Attributes:
        step_ms: A step, on the mean.
        data_wait: Share of the time in which it waited for batches; None without waiting.
        peak_bytes: Of what was allocated on a GPU; None elsewhere.
    """

    step_ms: float
    data_wait: float | None
    peak_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What both ways do.

    Attributes:
        recipe: With the places of the sets.
        inputs: Its sets, opened.
        fabric: The device.
        num_steps: To be timed, after as many to warm up.
    """

    recipe: TrainRecipe
    inputs: RunInputs
    fabric: Fabric
    num_steps: int


def ours(job: Job, run_dir: Path) -> Round:
    """Train as `vsda train` does, in a run folder that does not exist yet, and time the steps.

    A row of the log is due with the last of the steps. Measuring it costs more than a step does; of
    what it costs more, each step gets the share that the recipe's `log_every` gives it.
    """
    num_steps = job.num_steps
    recipe = job.recipe.model_copy(
        # One step more ends the last that is timed, before the run's last checkpoint.
        update={"steps": 2 * num_steps + 1, "log_every": num_steps}
    )
    _free(job.fabric)
    trainer = Trainer(recipe, job.inputs, run_dir, job.fabric)
    starts: list[float] = []
    trainer.learner.objective.register_forward_pre_hook(
        lambda *_: starts.append(time.perf_counter())
    )
    trainer.run()
    timed = starts[num_steps:]
    took = [1e3 * (stop - start) for start, stop in pairwise(timed)]
    row = next(row for row in read_metrics(run_dir) if row["step"] == 2 * num_steps)
    return Round(mean_step(took, job.recipe.log_every), row["data_wait"], _peak(job.fabric))


def bare(job: Job) -> Round:
    """Do the steps as a script would: one batch in memory, no log, no checks, no fixed order."""
    recipe, device = job.recipe, job.fabric.device
    _free(job.fabric)
    objective = build_objective(
        build_network(recipe, len(job.inputs.weights.values)), recipe, job.inputs.weights
    ).to(device)
    prepare_for_speed(objective.network, channels_last=recipe.channels_last, compile=recipe.compile)
    objective.train()
    optimizations = build_optimizations(objective, recipe)
    precision = MixedPrecision(recipe.precision, device)
    batch = made_up_batch(recipe, objective.network.num_classes).to(device)
    generator = torch.Generator(device).manual_seed(recipe.seed)
    strength = reversal_strength(recipe, recipe.adversarial.start_step)

    def step() -> None:
        for each in optimizations:
            each.optimizer.zero_grad(set_to_none=True)
        with precision.autocast():
            loss = objective(batch, strength=strength, generator=generator)["loss"]
        torch.autograd.backward(precision.scaled(loss))
        for each in optimizations:
            if each.clip_norm:
                precision.unscale(each.optimizer)
                each.clip(each.gradient_norm())
            precision.step(each.optimizer)
        precision.update()

    for _ in range(job.num_steps):
        step()
    _wait(job.fabric)
    start = time.perf_counter()
    for _ in range(job.num_steps):
        step()
    _wait(job.fabric)
    step_ms = 1e3 * (time.perf_counter() - start) / job.num_steps
    return Round(step_ms, None, _peak(job.fabric))


def mean_step(took_ms: list[float], log_every: int) -> float:
    """Return what a step takes on the mean, given steps of which the last one has a row.

    Args:
        took_ms: Of each step, two or more.
        log_every: How many steps there are for each row in truth.
    """
    *plain, with_row = took_ms
    mean = sum(plain) / len(plain)
    return mean + (with_row - mean) / log_every


def _free(fabric: Fabric) -> None:
    """Give back what the way before has left, so that the peak is this one's."""
    gc.collect()
    if fabric.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(fabric.device)


def _peak(fabric: Fabric) -> int | None:
    on_gpu = fabric.device.type == "cuda"
    return torch.cuda.max_memory_allocated(fabric.device) if on_gpu else None


def _wait(fabric: Fabric) -> None:
    if fabric.device.type == "cuda":
        torch.cuda.synchronize(fabric.device)
