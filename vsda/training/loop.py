"""A recipe, shards and a run folder in; a trained network in the run folder out."""

import json
import logging
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from vsda.errors import RunError
from vsda.models.network import SegmentationNetwork
from vsda.progress import progress
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.storage import write_atomic
from vsda.stream.domains import Batch, Place, stream_domains
from vsda.training.build import build_network, build_objective
from vsda.training.checkpoint import Checkpoint, save_checkpoint
from vsda.training.inputs import RunInputs
from vsda.training.metrics_log import MetricsLog
from vsda.training.objective import Objective
from vsda.training.optimization import Optimization, build_optimizations
from vsda.training.repeatable import repeatable, step_seeds

logger = logging.getLogger(__name__)

RECIPE_FILE = "recipe.json"
_SHOWN = (
    "loss",
    "loss_segmentation",
    "loss_auxiliary",
    "loss_adversarial",
    "accuracy_source",
    "accuracy_target",
    "accuracy_same",
    "accuracy_cross",
    "images_per_s",
)
"""What the terminal gets of each logged row; metrics.jsonl holds all."""


@dataclass(slots=True)
class Meter:
    """The numbers since the last row of the log, left on the device until they are read."""

    values: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    pictures: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, losses: Mapping[str, Tensor], pictures: int) -> None:
        """Add the numbers of one step over `pictures` images and frames."""
        for name, value in losses.items():
            self.values[name].append(value.detach())
        self.pictures += pictures

    def means(self) -> dict[str, float]:
        """Return the mean of every number over the steps that have it, and the rate.

        Diagnostics without any measurement (nan in every step) are left out.
        """
        # Reading the numbers waits for the device, so the clock is read after them.
        means = {name: float(_mean(name, values)) for name, values in self.values.items()}
        seconds = max(time.monotonic() - self.started, 1e-9)
        kept = {
            name: mean for name, mean in means.items() if name == "loss" or not math.isnan(mean)
        }
        return kept | {"images_per_s": self.pictures / seconds}

    def state(self) -> dict[str, Tensor]:
        """Return the numbers so far, for a checkpoint between two rows."""
        return {name: torch.stack(values) for name, values in self.values.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Meter":
        """Go on with the numbers of a checkpoint."""
        return cls(defaultdict(list, {name: list(each.unbind()) for name, each in state.items()}))


@dataclass(frozen=True, slots=True)
class StepControl:
    """What a step depends on besides its batch.

    Attributes:
        step: Steps done before it.
        strength: Of the gradient reversal.
        generator: Source of the adversarial part's random draws.
    """

    step: int
    strength: float
    generator: torch.Generator


class Trainer:
    """One run in one process: the objective, its optimisers and the folder they are kept in."""

    def __init__(self, recipe: TrainRecipe, inputs: RunInputs, run_dir: Path) -> None:
        self._recipe, self._inputs, self._run_dir = recipe, inputs, run_dir
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
        self._fabric = Fabric(accelerator=accelerator, devices=1)
        network = build_network(recipe, len(inputs.classes) + 1)
        self._objective = build_objective(network, recipe, inputs.weights)
        self._objective.to(self._fabric.device)
        self._optimizations = build_optimizations(self._objective, recipe)
        self._step = 0
        self._meter = Meter()

    @property
    def network(self) -> SegmentationNetwork:
        """The network that is trained."""
        return self._objective.network

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from `checkpoint`.

        Raises:
            RunError: It was written by a run of another recipe or on other data.
        """
        then = check(TrainRecipe, checkpoint.recipe, "recipe of the checkpoint").deciding()
        self._refuse(self._recipe.deciding(), then, "of another recipe")
        self._refuse(self._inputs.identity(), checkpoint.inputs, "on other data")
        self._objective.network.load_state_dict(checkpoint.network)
        if self._objective.adversarial is not None:
            self._objective.adversarial.load_state_dict(checkpoint.adversarial)
        for optimization, state in zip(self._optimizations, checkpoint.optimizers, strict=True):
            optimization.optimizer.load_state_dict(dict(state))
        self._step = checkpoint.step
        self._meter = Meter.from_state(checkpoint.meter)

    def _refuse(self, now: Mapping[str, Any], then: Mapping[str, Any], how: str) -> None:
        differing = sorted(key for key in now if now[key] != then.get(key))
        if differing:
            raise RunError(
                f"{self._run_dir}: holds a run {how} (different: {', '.join(differing)}); resume "
                f"with what its {RECIPE_FILE} and provenance say, or choose another --run"
            )

    def run(self) -> None:
        """Do the steps that are left, logging and keeping checkpoints as the recipe says."""
        recipe = self._recipe
        place = Place(
            rank=self._fabric.global_rank,
            world_size=self._fabric.world_size,
            start_step=self._step,
        )
        inputs = self._inputs
        batches = stream_domains(recipe, inputs.classes, inputs.domains(), place)
        with MetricsLog(self._run_dir, self._step) as log, repeatable(self._fabric.device):
            for batch in progress(batches, "training", total=recipe.steps - self._step):
                losses = self._advance(batch)
                self._meter.add(losses, batch.num_pictures)
                if self._step % recipe.log_every == 0 or self._step == recipe.steps:
                    self._report(log, self._meter.means())
                    self._meter = Meter()
                if self._step % recipe.checkpoint_every == 0 or self._step == recipe.steps:
                    log.sync()
                    self._save(losses)

    def _advance(self, batch: Batch) -> dict[str, Tensor]:
        step = self._step
        # Every random draw of a step follows from its number, so a resumed run repeats them. The
        # network's and the adversarial part's are two streams: equal ones would go together.
        network, adversarial = step_seeds(self._recipe.seed, step, self._fabric.global_rank)
        torch.manual_seed(network)
        generator = torch.Generator(self._fabric.device).manual_seed(adversarial)
        control = StepControl(step, reversal_strength(self._recipe, step), generator)
        batch = batch.to(self._fabric.device)
        losses = training_step(self._fabric, self._objective, self._optimizations, batch, control)
        self._step = step + 1
        return losses

    def _report(self, log: MetricsLog, means: Mapping[str, float]) -> None:
        self._check_finite(means["loss"])
        rate = self._optimizations[0].optimizer.param_groups[0]["lr"]
        log.write(self._step, {**means, "learning_rate": rate})
        shown = "  ".join(f"{name} {means[name]:.4g}" for name in _SHOWN if name in means)
        logger.info("step %d/%d  %s", self._step, self._recipe.steps, shown)
        if means.get("num_valid_clusters") == 0:
            logger.warning(
                "step %d: no cluster held two tokens of either domain, so the clustered loss was 0 "
                "and taught nothing; lower adversarial.clusters, raise batch_images and "
                "batch_videos, or choose a shallower adversarial.placement",
                self._step,
            )

    def _check_finite(self, loss: float) -> None:
        state = self._objective.state_dict()
        infinite = [name for name, tensor in state.items() if not bool(tensor.isfinite().all())]
        if math.isfinite(loss) and not infinite:
            return
        what = f"the loss is {loss}" + (f" and {infinite[0]} is not finite" if infinite else "")
        raise RunError(
            f"{self._run_dir}: diverged, {what} at step {self._step}; lower "
            "optimizer.learning_rate or adversarial.mu, or set optimizer.clip_norm"
        )

    def _save(self, losses: Mapping[str, Tensor]) -> None:
        self._check_finite(float(losses["loss"].detach()))
        adversarial = self._objective.adversarial
        checkpoint = Checkpoint(
            step=self._step,
            network=self._objective.network.state_dict(),
            adversarial={} if adversarial is None else adversarial.state_dict(),
            optimizers=[each.optimizer.state_dict() for each in self._optimizations],
            recipe=self._recipe.model_dump(mode="json"),
            inputs=self._inputs.identity(),
            meter=self._meter.state(),
        )
        save_checkpoint(self._run_dir, checkpoint, self._recipe.keep_checkpoints)


def training_step(
    fabric: Fabric,
    objective: Objective,
    optimizations: list[Optimization],
    batch: Batch,
    control: StepControl,
) -> dict[str, Tensor]:
    """Do one update of the network and the discriminator and return its losses.

    One backward pass serves both: the reversal turns the discriminator's gradient round for the
    network, which is the saddle-point step of the paper with both players moving at once.
    """
    objective.train()
    for optimization in optimizations:
        optimization.set_learning_rate(control.step)
        optimization.optimizer.zero_grad(set_to_none=True)
    losses: dict[str, Tensor] = objective(
        batch, strength=control.strength, generator=control.generator
    )
    fabric.backward(losses["loss"])
    for optimization in optimizations:
        optimization.clip()
        optimization.optimizer.step()
    return losses


def reversal_strength(recipe: TrainRecipe, step: int) -> float:
    """Return the gradient reversal's strength at `step`: 0 before `start_step`, then mu.

    With mu on the loss the reversal itself has strength 1.
    """
    settings = recipe.adversarial
    if step < settings.start_step:
        return 0.0
    return settings.mu if settings.mu_on == "reversal" else 1.0


def write_recipe(run_dir: Path, recipe: TrainRecipe) -> None:
    """Write the resolved recipe into the run folder."""
    text = json.dumps(recipe.model_dump(mode="json"), indent=2) + "\n"
    write_atomic(run_dir / RECIPE_FILE, text.encode())


def _mean(name: str, values: list[Tensor]) -> Tensor:
    stacked = torch.stack([value.float() for value in values])
    # nan means "not measured" in a diagnostic, but "diverged" in the loss.
    return stacked.mean() if name == "loss" else stacked.nanmean()
