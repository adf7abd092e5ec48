"""Optimisers and their schedules, by timm's names."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.poly_lr import PolyLRScheduler
from timm.scheduler.scheduler import Scheduler
from torch import Tensor, nn
from torch.optim import Optimizer

from vsda.errors import RecipeError
from vsda.recipes.optimizers import OptimizerSettings
from vsda.recipes.train import TrainRecipe
from vsda.training.objective import Objective


@dataclass(frozen=True, slots=True)
class Optimization:
    """An optimiser with its schedule; the schedule is a pure function of the step."""

    optimizer: Optimizer
    scheduler: Scheduler | None
    clip_norm: float
    parameters: tuple[nn.Parameter, ...]
    norm_name: str
    """What the norm of its gradients is called in the log."""

    def set_learning_rate(self, step: int) -> None:
        """Give the optimiser the learning rate of `step`."""
        if self.scheduler is not None:
            self.scheduler.step_update(step)

    def gradient_norm(self) -> Tensor:
        """Return the norm of all gradients together, a scalar on their device."""
        gradients = [each.grad for each in self.parameters if each.grad is not None]
        return nn.utils.get_total_norm(gradients)

    def clip(self, norm: Tensor) -> None:
        """Scale the gradients, whose norm is known, down to `clip_norm`, if the recipe sets one."""
        if self.clip_norm:
            nn.utils.clip_grads_with_norm_(self.parameters, self.clip_norm, norm)


def build_optimizations(objective: Objective, recipe: TrainRecipe) -> list[Optimization]:
    """Return the network's optimiser and, in an adversarial run, the discriminator's."""
    built = [build_optimization(objective.network, recipe.optimizer, recipe.steps)]
    if objective.adversarial is not None:
        settings = recipe.discriminator_optimizer
        table = "discriminator_optimizer"
        built.append(build_optimization(objective.adversarial, settings, recipe.steps, table))
    return built


def build_optimization(
    module: nn.Module, settings: OptimizerSettings, steps: int, table: str = "optimizer"
) -> Optimization:
    """Return timm's optimiser over `module` with a schedule that ends at `steps`.

    Raises:
        RecipeError: timm has no such optimiser, or it refuses the settings of `table`.
    """
    family: dict[str, Any] = {"betas": settings.betas} if "adam" in settings.name else {}
    try:
        optimizer = create_optimizer_v2(
            module,
            opt=settings.name,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            momentum=settings.momentum,
            **family,
        )
    except (ValueError, AssertionError, TypeError) as error:
        raise RecipeError(f"{table}.name: {settings.name!r} of timm: {error}") from error
    if getattr(optimizer, "is_second_order", False):
        raise RecipeError(
            f"{table}.name: {settings.name!r} of timm needs second derivatives, which training "
            "does not take; choose another, such as adamw"
        )
    return Optimization(
        optimizer,
        _scheduler(optimizer, settings, steps),
        settings.clip_norm,
        _trainable(module.parameters()),
        "gradient_norm" if table == "optimizer" else "discriminator_gradient_norm",
    )


def _trainable(parameters: Iterable[nn.Parameter]) -> tuple[nn.Parameter, ...]:
    return tuple(parameter for parameter in parameters if parameter.requires_grad)


def _scheduler(optimizer: Optimizer, settings: OptimizerSettings, steps: int) -> Scheduler | None:
    is_constant = settings.schedule == "constant" and not settings.warmup_steps
    if is_constant or not steps:
        return None
    common: dict[str, Any] = {
        "t_initial": steps,
        # A constant rate after a warm-up is a schedule that falls to where it began.
        "lr_min": settings.learning_rate if settings.schedule == "constant" else 0.0,
        "warmup_t": settings.warmup_steps,
        "warmup_lr_init": 0.0,
        "t_in_epochs": False,
    }
    # They warn of a run of one step, whose learning rate is as it should be.
    logging.getLogger("timm.scheduler").setLevel(logging.ERROR)
    if settings.schedule == "poly":
        return PolyLRScheduler(optimizer, power=0.9, **common)
    return CosineLRScheduler(optimizer, **common)
