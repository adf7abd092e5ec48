"""Statistics of batch normalisation made anew from unlabelled frames, after all steps.

Li, Wang, Shi, Liu and Hou, Revisiting Batch Normalization For Practical Domain Adaptation, 2016
(arXiv:1603.04779): weights stay, and each norm gets the mean and variance that it sees in the
target domain. A network normalises by layers where it has such norms: a Swin Transformer's encoder
stays as it is, and its decoder's norms move. `statistics_share` stops on the way between both:
Schneider et al., Improving robustness against common corruptions by covariate shift adaptation,
2020 (arXiv:2006.16971), who weigh them as if by numbers of pictures.

Frames differ from images in how they look and in what they show, and plain statistics follow both:
where videos show more background, norms move for that alone. `balanced` takes what is shown out:
each pixel of a frame counts by the class that the network sees there, so that all classes have the
shares that the network sees in images. What it takes too often for a class, it does so in both.
Su, Xu and Jia, Towards Real-World Test-Time Adaptation, 2023 (arXiv:2309.14949), balance norms of
whole pictures, towards equal classes.

Neither knows labels of frames. Those of images tell at least whether a network still does what it
was trained for: balanced statistics that spoil this are given up.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vsda.errors import RecipeError
from vsda.models.network import SegmentationNetwork
from vsda.recipes.train import TrainRecipe
from vsda.stream.damage import Damage
from vsda.stream.domains import Batch, DomainSets, Part, Place, stream_domains
from vsda.stream.transforms import normalise
from vsda.training.devices import summed
from vsda.training.inputs import RunInputs
from vsda.training.measures import batch_mean_iou
from vsda.training.norm_averages import NormAverages

logger = logging.getLogger(__name__)

_KEPT = 0.9
"""Share of its mean IoU on labelled images that a network must keep. Where frames differed from
images in how they look alone, in the study's worlds, balanced statistics cost 9.4 % of it at most;
where real frames showed other things than photographs they cost 13 to 22 %, and harmed on video."""

_MOST = 5.0
"""No pixel counts for more than this, or for less than one part in so many: what a network takes
for a class that it sees nearly nowhere in the frames is not worth more."""


def check_statistics(network: nn.Module, recipe: TrainRecipe) -> None:
    """Refuse a recipe that wants statistics of a network which has none.

    Raises:
        RecipeError: It has no batch norm with running averages.
    """
    if recipe.renews_statistics and not _norms(network):
        raise RecipeError(
            f"statistics: {recipe.statistics} gives batch norms new averages, and "
            f"{recipe.network.name} has none; set it to own"
        )


def stepwise_sets(recipe: TrainRecipe, sets: DomainSets) -> DomainSets:
    """Return the sets that steps draw from; frames for statistics alone are drawn after them."""
    return sets if recipe.trains_on_videos else replace(sets, videos=None)


@torch.no_grad()
def renew_statistics(
    network: SegmentationNetwork, recipe: TrainRecipe, inputs: RunInputs, fabric: Fabric
) -> tuple[Damage, ...]:
    """Move the running averages of `network` to those of frames; return what was damaged.

    The frames, and the images that they are balanced by, are those that further steps of the run
    would draw. The averages are plain ones over all batches, of all ranks; all else is as in
    prediction, and each norm normalises by the batch while it is measured, whatever the share.
    Norms of an auxiliary head keep theirs: it predicts nothing. Balanced averages with which the
    network loses much on labelled images are not kept at all.

    Args:
        network: The one that counts.
        recipe: The run's.
        inputs: Its sets.
        fabric: The devices, launched.
    """
    was_training = network.training
    network.eval()
    norms = _norms(network)
    own = [average.clone() for average in _averages(norms)]
    miou = _image_miou(network, recipe, inputs, fabric)
    weights, damaged = _balance(network, recipe, inputs, fabric)
    together = partial(summed, fabric) if recipe.sync_batch_norm else nn.Identity()
    found = NormAverages(norms, together)
    videos = DomainSets(videos=inputs.domains().videos)
    for batch in _batches(recipe, inputs, videos, fabric):
        with found.measured(next(weights)):
            _logits(network, batch.videos)
        damaged += batch.damaged
    found.apply()
    if not recipe.sync_batch_norm:
        _average_over_ranks(norms, fabric)
    for average, before in zip(_averages(norms), own, strict=True):
        average.copy_(before.lerp(average, recipe.statistics_share))
    if not _is_harmless(recipe, miou, _image_miou(network, recipe, inputs, fabric)):
        for average, before in zip(_averages(norms), own, strict=True):
            average.copy_(before)
    network.train(was_training)
    return damaged


def _is_harmless(recipe: TrainRecipe, before: float, after: float) -> bool:
    """Say what new statistics do to labelled images; return whether they may stay.

    Args:
        recipe: The run's. Those of `videos` stay in any case: they were asked for as they are.
        before: Mean IoU on labelled images by the network's own; nan where nothing is labelled.
        after: The same by those of the frames.
    """
    found = f"mean IoU on labelled images {before:.1%} by its own, {after:.1%} by the frames'"
    if not after < _KEPT * before:
        if math.isfinite(after):
            logger.info("statistics: %s", found)
        return True
    stay = recipe.statistics != "balanced"
    logger.warning(
        "statistics: %s: frames show other things than images, or look so different that this is "
        "no measure; %s",
        found,
        "judge the network on some labelled frames before you use it"
        if stay
        else "the network keeps its own; statistics = videos would take the frames' in any case",
    )
    return stay


def _image_miou(
    network: SegmentationNetwork, recipe: TrainRecipe, inputs: RunInputs, fabric: Fabric
) -> float:
    """Return the mean over batches of images, of all ranks, of the mean IoU; nan without labels."""
    images = DomainSets(images=inputs.domains().images)
    if images.images is None or not recipe.image_labels:
        return float("nan")
    found = [
        batch_mean_iou(_logits(network, batch.images), batch.images.masks.flatten(0, -3).long())
        for batch in _batches(recipe, inputs, images, fabric)
        if batch.images is not None and batch.images.masks is not None
    ]
    return float(summed(fabric, torch.stack(found).nanmean()) / fabric.world_size)


def _balance(
    network: SegmentationNetwork, recipe: TrainRecipe, inputs: RunInputs, fabric: Fabric
) -> tuple[Iterator[Tensor | None], tuple[Damage, ...]]:
    """Return what the pixels of each batch of frames count, and what was damaged.

    Returns:
        (N, 1, H, W) for each batch, None where all count the same.
    """
    if recipe.statistics != "balanced":
        return repeat(None), ()
    sets = replace(inputs.domains(), labelled_videos=None)
    seen: list[Tensor] = []
    pixels = torch.zeros(2, len(inputs.classes) + 1, device=fabric.device)
    damaged: tuple[Damage, ...] = ()
    for batch in _batches(recipe, inputs, sets, fabric):
        both = [_classes(network, part) for part in (batch.images, batch.videos)]
        pixels += torch.stack([each.flatten().bincount(minlength=pixels.shape[1]) for each in both])
        seen.append(both[1].byte())  # of large frames it is much
        damaged += batch.damaged
    images, frames = summed(fabric, pixels)
    share = (images / images.sum()) / (frames / frames.sum()).clamp_min(torch.finfo().tiny)
    counts = share.clamp(1 / _MOST, _MOST)
    return (counts[classes.int()][:, None] for classes in seen), damaged


def _classes(network: SegmentationNetwork, part: Part | None) -> Tensor:
    """Return the best classes (F, H, W) of a part's F pictures, see `_logits`."""
    return _logits(network, part).argmax(dim=1)


def _logits(network: SegmentationNetwork, part: Part | None) -> Tensor:
    """Return the logits (F, K, H, W) of a part's F pictures; the frames of clips count singly."""
    if part is None:
        raise ValueError("a batch lacks a part that its sets have")
    logits: Tensor = network(normalise(part.pictures))
    return logits.flatten(0, -4)


def _batches(
    recipe: TrainRecipe, inputs: RunInputs, sets: DomainSets, fabric: Fabric
) -> Iterator[Batch]:
    """Yield this rank's batches of the steps after the last."""
    longer = recipe.model_copy(update={"steps": recipe.steps + recipe.statistics_batches})
    place = Place(rank=fabric.global_rank, world_size=fabric.world_size, start_step=recipe.steps)
    for batch in stream_domains(longer, inputs.classes, sets, place):
        yield batch.to(fabric.device)


def _norms(network: nn.Module) -> list[_BatchNorm]:
    return [
        layer
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None
    ]


def _averages(norms: list[_BatchNorm]) -> list[Tensor]:
    found = (average for norm in norms for average in (norm.running_mean, norm.running_var))
    return [average for average in found if average is not None]


def _average_over_ranks(norms: list[_BatchNorm], fabric: Fabric) -> None:
    for average in _averages(norms):
        average.copy_(summed(fabric, average.clone()) / fabric.world_size)
