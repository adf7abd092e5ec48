"""Statistics of batch normalisation made anew from unlabelled frames, after all steps.

Li, Wang, Shi, Liu and Hou, Revisiting Batch Normalization For Practical Domain Adaptation, 2016
(arXiv:1603.04779): weights stay, and each norm gets the mean and variance that it sees in the
target domain. A network normalises by layers where it has such norms: a Swin Transformer's encoder
stays as it is, and its decoder's norms move. `statistics_share` stops on the way between both:
Schneider et al., Improving robustness against common corruptions by covariate shift adaptation,
2020 (arXiv:2006.16971), who weigh them as if by numbers of pictures. How far is best can be left to
the network: where the frames' statistics mend it, its answers depend less on how a frame is shown.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vsda.errors import RecipeError
from vsda.models.network import SegmentationNetwork
from vsda.recipes.train import TrainRecipe
from vsda.stream.damage import Damage
from vsda.stream.domains import DomainSets, Place, stream_domains
from vsda.stream.transforms import normalise
from vsda.training.devices import summed
from vsda.training.inputs import RunInputs

logger = logging.getLogger(__name__)

SHARES = (0.5, 1.0)
"""Tried where the steadiest is kept: half the way costs little where the whole does harm."""


def check_statistics(network: nn.Module, recipe: TrainRecipe) -> None:
    """Refuse a recipe that wants statistics of a network which has none.

    Raises:
        RecipeError: It has no batch norm with running averages.
    """
    if recipe.statistics == "videos" and not _norms(network):
        raise RecipeError(
            f"statistics: videos gives batch norms new averages, and {recipe.network.name} has "
            "none; set it to own"
        )


def stepwise_sets(recipe: TrainRecipe, sets: DomainSets) -> DomainSets:
    """Return the sets that steps draw from; frames for statistics alone are drawn after them."""
    return sets if recipe.trains_on_videos else replace(sets, videos=None)


def renew_statistics(
    network: SegmentationNetwork, recipe: TrainRecipe, inputs: RunInputs, fabric: Fabric
) -> tuple[Damage, ...]:
    """Move the running averages of `network` to those of frames; return what was damaged.

    The frames are those that further steps of the run would draw. The averages are plain ones over
    all batches, of all ranks; all else is as in prediction, and each norm normalises by the batch
    while it is measured, whatever the share. Norms of an auxiliary head keep theirs:
    it predicts nothing.

    Args:
        network: The one that counts.
        recipe: The run's.
        inputs: Its sets.
        fabric: The devices, launched.
    """
    norms = _norms(network)
    own = [average.clone() for average in _averages(norms)]
    damaged = _measure(network, norms, _frames(recipe, inputs, fabric))
    if not recipe.sync_batch_norm:
        _average_over_ranks(norms, fabric)
    way = _Way(norms, own, [average.clone() for average in _averages(norms)])
    share = recipe.statistics_share
    if share == "steadiest":
        share = _steadiest(network, way, lambda: _frames(recipe, inputs, fabric), fabric)
    way.go(share)
    return tuple(damaged)


@dataclass(frozen=True, slots=True)
class _Way:
    """The way of the running averages of `norms` from one state to another."""

    norms: list[_BatchNorm]
    start: list[Tensor]
    end: list[Tensor]

    def go(self, share: float) -> None:
        """Set the averages to where so large a share of the way is behind them."""
        for average, *ends in zip(_averages(self.norms), self.start, self.end, strict=True):
            average.copy_(ends[0].lerp(ends[1], share))


def _measure(
    network: SegmentationNetwork,
    norms: list[_BatchNorm],
    frames: Iterable[tuple[Tensor, tuple[Damage, ...]]],
) -> list[Damage]:
    """Give `norms` the averages over `frames`; return what was replaced among these."""
    before = network.training, [norm.momentum for norm in norms]
    damaged: list[Damage] = []
    network.eval()
    for norm in norms:
        norm.train()
    try:
        for number, (pictures, replaced) in enumerate(frames, 1):
            for norm in norms:
                norm.momentum = 1 / number  # the first batch leaves nothing of what was there
            with torch.no_grad():
                network(normalise(pictures))
            damaged += replaced
    finally:
        network.train(before[0])
        for norm, momentum in zip(norms, before[1], strict=True):
            norm.momentum = momentum
    return damaged


def _steadiest(
    network: SegmentationNetwork,
    way: _Way,
    frames: Callable[[], Iterable[tuple[Tensor, object]]],
    fabric: Fabric,
) -> float:
    """Return the share with which mirroring `frames`, of all ranks, changes the fewest pixels."""
    changed = {}
    was_training = network.training
    network.eval()
    for share in SHARES:
        way.go(share)
        found = [_changed_by_mirroring(network, normalise(pictures)) for pictures, _ in frames()]
        changed[share] = float(summed(fabric, torch.stack(found).mean())) / fabric.world_size
    network.train(was_training)
    best = min(changed, key=changed.__getitem__)
    told = ", ".join(f"{value:.2%} at {share:g}" for share, value in changed.items())
    logger.info("statistics: pixels of frames that change when mirrored %s; kept: %g", told, best)
    return best


@torch.no_grad()
def _changed_by_mirroring(network: SegmentationNetwork, pictures: Tensor) -> Tensor:
    """Return the share of pixels whose predicted class differs in the mirror image, a scalar."""
    ways = (network(pictures), network(pictures.flip(-1)).flip(-1))
    one, other = (logits.argmax(dim=-3) for logits in ways)
    share: Tensor = one.ne(other).float().mean()
    return share


def _norms(network: nn.Module) -> list[_BatchNorm]:
    return [
        layer
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None
    ]


def _frames(
    recipe: TrainRecipe, inputs: RunInputs, fabric: Fabric
) -> Iterator[tuple[Tensor, tuple[Damage, ...]]]:
    """Yield this rank's frames of the steps after the last, and what was replaced in them."""
    longer = recipe.model_copy(update={"steps": recipe.steps + recipe.statistics_batches})
    place = Place(rank=fabric.global_rank, world_size=fabric.world_size, start_step=recipe.steps)
    sets = DomainSets(videos=inputs.domains().videos)
    for batch in stream_domains(longer, inputs.classes, sets, place):
        if batch.videos is not None:
            yield batch.videos.to(fabric.device).pictures, batch.damaged


def _averages(norms: list[_BatchNorm]) -> list[Tensor]:
    found = (average for norm in norms for average in (norm.running_mean, norm.running_var))
    return [average for average in found if average is not None]


def _average_over_ranks(norms: list[_BatchNorm], fabric: Fabric) -> None:
    for average in _averages(norms):
        average.copy_(summed(fabric, average.clone()) / fabric.world_size)
