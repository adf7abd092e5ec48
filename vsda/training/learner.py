"""What learns in a run: the network and its opponent, their optimisers, average and precision."""

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import distributed

from vsda.models.network import SegmentationNetwork
from vsda.models.shared_batch_norm import share_batch_norm
from vsda.models.speed import prepare_for_speed
from vsda.recipes.train import TrainRecipe
from vsda.stream.domains import Batch
from vsda.training.average import WeightAverage
from vsda.training.build import build_network, build_objective
from vsda.training.checkpoint import Checkpoint
from vsda.training.class_weights import ClassWeights
from vsda.training.frozen import freeze_others
from vsda.training.objective import Objective
from vsda.training.optimization import build_optimizations
from vsda.training.precision import MixedPrecision
from vsda.training.ramp import unlabelled_weight
from vsda.training.repeatable import step_seeds
from vsda.training.reversal import reversal_strength
from vsda.training.step import StepControl, Stepper, StepResult
from vsda.training.terms import Guidance


class Learner:
    """The part of a run that a step changes, on one rank.

    Args:
        recipe: The run's.
        weights: Of the cross-entropy, one per class, background included.
        fabric: The devices, launched.
    """

    def __init__(self, recipe: TrainRecipe, weights: ClassWeights, fabric: Fabric) -> None:
        self._recipe, self._fabric = recipe, fabric
        network = build_network(recipe, len(weights.values))
        freeze_others(network, recipe.trainable)
        self.objective: Objective = build_objective(network, recipe, weights)
        if fabric.world_size > 1 and recipe.sync_batch_norm:
            share_batch_norm(self.objective, fabric.device)
        self.objective.to(fabric.device)
        prepare_for_speed(network, channels_last=recipe.channels_last, compile=recipe.compile)
        self._average = WeightAverage(network, recipe.ema_decay) if recipe.ema_decay else None
        has_teacher = recipe.unlabelled.loss == "teacher"
        self._teacher = WeightAverage(network, recipe.unlabelled.decay) if has_teacher else None
        self._optimizations = build_optimizations(self.objective, recipe)
        self._precision = MixedPrecision(recipe.precision, fabric.device)
        self._stepper = Stepper(fabric, self.objective, self._optimizations, self._precision)

    @property
    def network(self) -> SegmentationNetwork:
        """The network that is trained."""
        return self.objective.network

    @property
    def judged(self) -> SegmentationNetwork:
        """The network that counts: the average of its weights, in a run that keeps one."""
        return self.network if self._average is None else self._average.network

    def begin(self) -> None:
        """Let the averages start from the weights that the network was given."""
        for average in self._averages():
            average.restart(self.network)

    def _averages(self) -> list[WeightAverage]:
        return [each for each in (self._average, self._teacher) if each is not None]

    def step(self, batch: Batch, step: int, *, measure: bool = False) -> StepResult:
        """Do the update after `step` others.

        Every random draw follows from the step's number, so a resumed run repeats them. The
        network's, the adversarial part's and the unlabelled frames' are three streams: equal ones
        would go together.
        """
        recipe = self._recipe
        network, adversarial, unlabelled = step_seeds(recipe.seed, step, self._fabric.global_rank)
        torch.manual_seed(network)
        control = StepControl(
            step=step,
            strength=reversal_strength(recipe, step),
            generator=torch.Generator(self._fabric.device).manual_seed(adversarial),
            pieces=recipe.accumulate,
            measure=measure,
            guidance=self._guidance(step, unlabelled),
        )
        result = self._stepper.step(batch, control)
        if result.was_done:
            for average in self._averages():
                average.update(self.network, step + 1)
        return result

    def _guidance(self, step: int, seed: int) -> Guidance | None:
        weight = unlabelled_weight(self._recipe, step)
        if not weight:  # then nothing may differ from a run without
            return None
        return Guidance(
            weight=weight,
            generator=torch.Generator(self._fabric.device).manual_seed(seed),
            teacher=None if self._teacher is None else self._teacher.network,
        )

    def agree_on_statistics(self) -> None:
        """Give all ranks the batch statistics of the first, where each keeps its own.

        What is judged and what is kept is then the same network everywhere.
        """
        if self._fabric.world_size > 1 and not self._recipe.sync_batch_norm:
            for network in (self.network, *(each.network for each in self._averages())):
                for buffer in network.buffers():
                    distributed.broadcast(buffer, 0)

    @property
    def seeks_scale(self) -> bool:
        """Whether an overflow may only mean that losses are scaled too far up."""
        return self._precision.scales and self._precision.loss_scale > 1

    def settings(self) -> dict[str, float]:
        """Return what the last step was done with, for the log."""
        found = {"learning_rate": self._optimizations[0].optimizer.param_groups[0]["lr"]}
        if self._precision.scales:
            found["loss_scale"] = self._precision.loss_scale
        return found

    def state(self) -> dict[str, Any]:
        """Return the parts of a checkpoint that hold all this."""
        adversarial = self.objective.adversarial
        return {
            "network": self.network.state_dict(),
            "ema": {} if self._average is None else self._average.state_dict(),
            "teacher": {} if self._teacher is None else self._teacher.state_dict(),
            "adversarial": {} if adversarial is None else adversarial.state_dict(),
            "optimizers": [each.optimizer.state_dict() for each in self._optimizations],
            "scaler": self._precision.state_dict(),
        }

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on with the state of a checkpoint of the same recipe."""
        self.network.load_state_dict(checkpoint.network)
        if self._average is not None:
            self._average.load_state_dict(checkpoint.ema)
        if self._teacher is not None:
            self._teacher.load_state_dict(checkpoint.teacher)
        if self.objective.adversarial is not None:
            self.objective.adversarial.load_state_dict(checkpoint.adversarial)
        for optimization, state in zip(self._optimizations, checkpoint.optimizers, strict=True):
            optimization.optimizer.load_state_dict(dict(state))
        self._precision.load_state_dict(dict(checkpoint.scaler))
