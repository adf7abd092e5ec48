"""The only place where a recipe becomes networks, losses and optimisers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.poly_lr import PolyLRScheduler
from timm.scheduler.scheduler import Scheduler
from torch import nn
from torch.optim import Optimizer

from vsda.adversarial.discriminators import PairDiscriminator, TokenDiscriminator
from vsda.adversarial.losses import ClusteredLoss, DomainLoss
from vsda.errors import RecipeError
from vsda.models import get_model
from vsda.models.network import SegmentationNetwork
from vsda.recipes.train import AdversarialSettings, OptimizerSettings, TrainRecipe
from vsda.training.class_weights import ClassWeights
from vsda.training.objective import Objective


@dataclass(frozen=True, slots=True)
class Optimization:
    """An optimiser with its schedule; the schedule is a pure function of the step."""

    optimizer: Optimizer
    scheduler: Scheduler | None
    clip_norm: float
    parameters: tuple[nn.Parameter, ...]

    def set_learning_rate(self, step: int) -> None:
        """Give the optimiser the learning rate of `step`."""
        if self.scheduler is not None:
            self.scheduler.step_update(step)

    def clip(self) -> None:
        """Scale the gradients down to `clip_norm`, if the recipe sets one."""
        if self.clip_norm:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)


def build_network(recipe: TrainRecipe, num_classes: int) -> SegmentationNetwork:
    """Return the recipe's network with `num_classes` outputs, background included.

    Its initial weights depend on the recipe's seed alone.
    """
    settings = recipe.network
    torch.manual_seed(recipe.seed)
    return get_model(settings.name)(
        num_classes=num_classes,
        embed_dim=settings.embed_dim,
        depths=settings.depths,
        num_heads=settings.num_heads,
        window_size=settings.window_size,
        patch_size=settings.patch_size,
        drop_path_rate=settings.drop_path_rate,
        decoder_channels=settings.decoder_channels,
    )


def build_objective(
    network: SegmentationNetwork, recipe: TrainRecipe, weights: ClassWeights
) -> Objective:
    """Return the network with the recipe's adversarial loss and the weighted cross-entropy."""
    torch.manual_seed(recipe.seed + 1)
    num_classes = len(weights.values)
    adversarial = build_adversarial(recipe.adversarial, network.embed_dim, num_classes)
    return Objective(network, adversarial, torch.tensor(weights.values))


def build_adversarial(
    settings: AdversarialSettings, features: int, num_classes: int
) -> DomainLoss | ClusteredLoss | None:
    """Return the adversarial loss over tokens of width `features`, None for a source-only run."""
    if settings.loss == "none":
        return None
    if settings.loss == "domain":
        discriminator = TokenDiscriminator(features, hidden=settings.hidden)
        return DomainLoss(discriminator, reduction=settings.reduction)
    try:
        return ClusteredLoss(
            PairDiscriminator(features, hidden=settings.hidden),
            num_clusters=settings.clusters or num_classes,
            in_features=features,
            num_pairs=settings.pairs,
            iterations=settings.kmeans_iterations,
            reduction=settings.reduction,
        )
    except ValueError as error:
        raise RecipeError(f"adversarial: {error}") from error


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
    return Optimization(
        optimizer,
        _scheduler(optimizer, settings, steps),
        settings.clip_norm,
        _trainable(module.parameters()),
    )


def _trainable(parameters: Iterable[nn.Parameter]) -> tuple[nn.Parameter, ...]:
    return tuple(parameter for parameter in parameters if parameter.requires_grad)


def _scheduler(optimizer: Optimizer, settings: OptimizerSettings, steps: int) -> Scheduler | None:
    if settings.schedule == "constant" and not settings.warmup_steps:
        return None
    common: dict[str, Any] = {
        "t_initial": steps,
        # A constant rate after a warm-up is a schedule that falls to where it began.
        "lr_min": settings.learning_rate if settings.schedule == "constant" else 0.0,
        "warmup_t": settings.warmup_steps,
        "warmup_lr_init": 0.0,
        "t_in_epochs": False,
    }
    if settings.schedule == "poly":
        return PolyLRScheduler(optimizer, power=0.9, **common)
    return CosineLRScheduler(optimizer, **common)
