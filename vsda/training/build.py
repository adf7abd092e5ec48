"""The only place where a recipe becomes networks, losses and what they look at."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import nn

from vsda.adversarial.discriminators import (
    ClipPatchDiscriminator,
    ConvDiscriminator,
    FrameDiscriminator,
    PairDiscriminator,
    PatchDiscriminator,
    TokenDiscriminator,
    check_patch_map,
)
from vsda.adversarial.losses import ClusteredLoss, Clustering, DomainLoss
from vsda.errors import RecipeError
from vsda.models import get_model
from vsda.models.network import SegmentationNetwork, Tap, check_tap
from vsda.recipes.adversarial import AdversarialSettings
from vsda.recipes.train import TrainRecipe
from vsda.recipes.unlabelled import UnlabelledSettings
from vsda.training.class_weights import ClassWeights
from vsda.training.objective import Objective
from vsda.training.terms import Weights
from vsda.training.view import View
from vsda.unlabelled import Consistency, EntropyLoss, Photometric, TeacherLoss


def build_network(recipe: TrainRecipe, num_classes: int) -> SegmentationNetwork:
    """Return the recipe's network with `num_classes` outputs, background included.

    Its initial weights depend on the recipe's seed alone.
    """
    arguments: dict[str, Any] = dict(recipe.network)
    torch.manual_seed(recipe.seed)
    return get_model(arguments.pop("name"))(num_classes=num_classes, **arguments)


def build_objective(
    network: SegmentationNetwork, recipe: TrainRecipe, weights: ClassWeights
) -> Objective:
    """Return the network with the weighted cross-entropy and what else the recipe has it learn.

    Raises:
        UsageError: The network has no such placement.
        RecipeError: The adversarial settings contradict each other.
    """
    settings = recipe.adversarial
    terms = Weights(
        classes=torch.tensor(weights.values),
        adversarial=settings.mu if settings.mu_on == "loss" else 1.0,
        auxiliary=recipe.auxiliary_weight,
    )
    unlabelled = _unlabelled_loss(recipe.unlabelled)
    if not recipe.is_adversarial:
        return Objective(network, terms, unlabelled=unlabelled)
    view = _view(settings, network)
    torch.manual_seed(recipe.seed + 1)
    adversarial = _adversarial(recipe, network, view, len(weights.values))
    return Objective(network, terms, adversarial, view, unlabelled)


def _adversarial(
    recipe: TrainRecipe, network: SegmentationNetwork, view: View, num_classes: int
) -> DomainLoss | ClusteredLoss:
    settings, side_px = recipe.adversarial, recipe.size_px
    tap = network.taps[view.tap].on(view.side)
    if settings.discriminator == "patchgan3d" and network.clip_frames is None:
        raise RecipeError(
            f"adversarial.discriminator: patchgan3d judges clips, and {recipe.network.name} takes "
            "single pictures; set it to patchgan"
        )
    height, width = tap.map_size((side_px, side_px))
    if settings.shuffle_domains and network.clip_frames is not None:
        raise RecipeError(
            f"adversarial.shuffle_domains: deals single pictures, and {recipe.network.name} takes "
            "clips; set it to false"
        )
    if settings.loss == "domain":
        return _domain_loss(settings, tap, (height, width))
    channels = tap.channels * (height * width if view.frames_as_tokens else 1)
    return _clustered_loss(settings, channels, num_classes)


def _unlabelled_loss(settings: UnlabelledSettings) -> EntropyLoss | TeacherLoss | None:
    consistency = (
        Consistency(weight=settings.consistency, confidence=settings.confidence)
        if settings.consistency
        else None
    )
    if settings.loss == "entropy":
        return EntropyLoss(statistics=settings.statistics, consistency=consistency)
    if settings.loss == "teacher":
        return TeacherLoss(
            confidence=settings.confidence,
            weighting=settings.weighting,
            mixes=settings.mix == "classes",
            view=Photometric(
                **settings.model_dump(include={each.name for each in fields(Photometric)})
            ),
            statistics=settings.statistics,
            consistency=consistency,
        )
    return None


def _view(settings: AdversarialSettings, network: SegmentationNetwork) -> View:
    """Return where the adversarial loss looks: `global` is the last tap, whole frames at once."""
    is_global = settings.placement == "global"
    if not is_global:
        check_tap(network.taps, settings.placement)
    return View(
        tap=list(network.taps)[-1] if is_global else settings.placement,
        side=settings.tap,
        frames_as_tokens=is_global and settings.loss == "clustered",
        statistics=settings.video_statistics,
        shuffles=settings.shuffle_domains,
    )


def _domain_loss(settings: AdversarialSettings, tap: Tap, map_size: tuple[int, int]) -> DomainLoss:
    def linear() -> nn.Module:
        if settings.placement == "global":
            return FrameDiscriminator(tap.channels, map_size, settings.hidden)
        return TokenDiscriminator(tap.channels, settings.hidden)

    def conv() -> nn.Module:
        return ConvDiscriminator(
            tap.channels,
            map_size,
            conv_channels=settings.conv_channels,
            hidden=settings.hidden,
            dropout=settings.dropout,
        )

    if settings.discriminator.startswith("patchgan"):
        check_patch_map(*map_size)
    widths = tuple(settings.conv_channels * 2**layer for layer in range(3))
    kinds: dict[str, Callable[[], nn.Module]] = {
        "linear": linear,
        "conv": conv,
        "patchgan": lambda: PatchDiscriminator(tap.channels, widths),
        "patchgan3d": lambda: ClipPatchDiscriminator(tap.channels, widths),
    }
    return DomainLoss(kinds[settings.discriminator](), reduction=settings.reduction)


def _clustered_loss(
    settings: AdversarialSettings, channels: int, num_classes: int
) -> ClusteredLoss:
    if settings.discriminator != "linear":
        raise RecipeError(
            f"adversarial.discriminator: {settings.discriminator!r} judges maps, and the clustered "
            "loss compares pairs of tokens; set it to linear"
        )
    clustering = Clustering(
        num_clusters=num_clusters(settings, num_classes),
        iterations=settings.kmeans_iterations,
        fit_tokens=settings.fit_tokens,
        num_pairs=settings.pairs,
        balance=settings.balance,
    )
    return ClusteredLoss(
        PairDiscriminator(channels, settings.hidden, pair_input=settings.pair_input),
        clustering,
        in_features=channels,
        reduction=settings.reduction,
    )


def num_clusters(settings: AdversarialSettings, num_classes: int) -> int:
    """Return k, given the number of classes with the background."""
    if settings.clusters == "classes+background":
        return num_classes
    if settings.clusters == "classes":
        return num_classes - 1
    return settings.clusters
