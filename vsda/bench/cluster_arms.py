"""The arms of the comparison: one recipe with each adversarial loss, on the same batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from vsda.adversarial.losses import ClusteredLoss, DomainLoss
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.stream.domains import Batch
from vsda.taxonomy import class_set
from vsda.training.build import build_network, build_objective
from vsda.training.class_weights import ClassWeights
from vsda.training.optimization import build_optimizations
from vsda.training.precision import MixedPrecision
from vsda.training.reversal import reversal_strength
from vsda.training.step import StepControl, Stepper

Loss = Literal["none", "domain", "clustered"]
LOSSES: tuple[Loss, ...] = get_args(Loss)

Calls = list[tuple[Tensor, ...]]
"""The tensors of each call of a module, detached."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the adversarial loss of one step was given, and what it gave its discriminator."""

    features: tuple[Tensor, ...]
    discriminator: Calls


class Arm:
    """A network in training with one of the losses; its steps are those of `vsda train`.

    Args:
        recipe: Where `loss` is laid over.
        loss: Of the arm.
        batches: The steps take turns with them.
        fabric: The device.
    """

    def __init__(
        self, recipe: TrainRecipe, loss: Loss, batches: Sequence[Batch], fabric: Fabric
    ) -> None:
        self.recipe = with_loss(recipe, loss)
        self._batches = [batch.to(fabric.device) for batch in batches]
        num_classes = num_classes_of(recipe)
        ones = ClassWeights(
            values=(1.0,) * num_classes, source="none", sets=(), uses_target_labels=False
        )
        self.network = build_network(self.recipe, num_classes)
        self.objective = build_objective(self.network, self.recipe, ones).to(fabric.device)
        self._stepper = Stepper(
            fabric,
            self.objective,
            build_optimizations(self.objective, self.recipe),
            MixedPrecision("32", fabric.device),
        )
        self.generator = torch.Generator(fabric.device).manual_seed(recipe.seed)
        self._step = 0

    def step(self) -> None:
        """Do one update: forward, backward, the network's optimiser and the discriminator's."""
        # The strength is that of the steps after the recipe's start_step.
        strength = reversal_strength(self.recipe, self.recipe.adversarial.start_step)
        control = StepControl(step=self._step, strength=strength, generator=self.generator)
        self._stepper.step(self._batches[self._step % len(self._batches)], control)
        self._step += 1

    @property
    def adversarial(self) -> DomainLoss | ClusteredLoss:
        """The arm's adversarial loss; ValueError without one."""
        loss = self.objective.adversarial
        if loss is None:
            raise ValueError("this arm's loss is 'none', expected an adversarial one")
        return loss

    @property
    def clustered(self) -> ClusteredLoss:
        """The arm's clustered loss; ValueError without one."""
        if not isinstance(self.adversarial, ClusteredLoss):
            raise ValueError("this arm's loss is 'domain', expected 'clustered'")
        return self.adversarial

    def seen(self) -> Seen:
        """Do one update and return what its adversarial loss saw."""
        loss = self.adversarial
        given: Calls = []
        discriminated: Calls = []
        with _recorded(loss, given), _recorded(loss.discriminator, discriminated):
            self.step()
        return Seen(features=given[0], discriminator=discriminated)


def with_loss(recipe: TrainRecipe, loss: Loss) -> TrainRecipe:
    """Return `recipe` with another adversarial loss, on images and unlabelled videos.

    Raises:
        RecipeError: Its other settings do not go with that loss.
    """
    values = recipe.model_dump()
    values["adversarial"]["loss"] = loss
    values |= {"images": ("made-up",), "videos": ("made-up",), "labelled_videos": ()}
    return check(TrainRecipe, values | {"image_labels": True}, f"recipe with the loss {loss}")


def num_classes_of(recipe: TrainRecipe) -> int:
    """Return K of a recipe's classes, background included."""
    return len(class_set(recipe.classes)) + 1


def _recorded(module: nn.Module, calls: Calls) -> torch.utils.hooks.RemovableHandle:
    def record(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls.append(tuple(each.detach().clone() for each in inputs))

    return module.register_forward_pre_hook(record)
