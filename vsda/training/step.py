"""One update of the network and the discriminator, in pieces and over ranks."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from vsda.adversarial.losses import ClusteredLoss, DomainLoss
from vsda.stream.domains import Batch
from vsda.training.devices import summed
from vsda.training.objective import Objective
from vsda.training.optimization import Optimization
from vsda.training.precision import MixedPrecision
from vsda.training.terms import Guidance, Scale

Numbers = dict[str, Tensor]
"""Scalars by name, detached."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepControl:
    """What a step depends on besides its batch.

    Attributes:
        step: Steps done before it.
        strength: Of the gradient reversal.
        generator: Source of the adversarial part's random draws.
        pieces: Parts that the batch is cut into, whose gradients add up.
        measure: Also measure what costs time, see `Objective`.
        guidance: Of the unlabelled frames' loss; None where they are not learnt from.
    """

    step: int
    strength: float
    generator: torch.Generator
    pieces: int = 1
    measure: bool = False
    guidance: Guidance | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step came to.

    Attributes:
        numbers: Losses, diagnostics and gradient norms; means over the ranks, the same on all.
        was_done: False if a loss or a gradient was not finite, so that nothing was changed.
    """

    numbers: Numbers
    was_done: bool


class Stepper:
    """Does the steps of a run: the objective, its optimisers, the precision.

    Args:
        fabric: The devices.
        objective: On the device, bare; it is wrapped here.
        optimizations: Of the network, and of the discriminator if there is one.
        precision: Of the forward passes.
    """

    def __init__(
        self,
        fabric: Fabric,
        objective: Objective,
        optimizations: Sequence[Optimization],
        precision: MixedPrecision,
    ) -> None:
        self._fabric, self._objective = fabric, objective
        self._optimizations, self._precision = optimizations, precision
        # The strategy's own wrapper: Fabric's would cast everything that goes in and comes out.
        self._wrapped = fabric.strategy.setup_module(objective)
        self._buffers = list(objective.buffers())
        self._kept = [buffer.clone() for buffer in self._buffers]

    def step(self, batch: Batch, control: StepControl) -> StepResult:
        """Do one update, unless a loss or a gradient is not finite: then nothing changes.

        One backward pass serves both players: the reversal turns the discriminator's gradient round
        for the network, which is the saddle-point step of the paper with both moving at once.
        """
        self._objective.train()
        for buffer, kept in zip(self._buffers, self._kept, strict=True):
            kept.copy_(buffer)
        for optimization in self._optimizations:
            optimization.set_learning_rate(control.step)
            optimization.optimizer.zero_grad(set_to_none=True)
        numbers = self._gradients(batch, control)
        numbers |= self._gradient_norms()
        numbers, is_finite = self._over_ranks(numbers)
        if is_finite:
            for optimization in self._optimizations:
                optimization.clip(numbers[optimization.norm_name])
                self._precision.step(optimization.optimizer)
        else:  # what batch normalisation and centroids took from the batch goes, too
            for buffer, kept in zip(self._buffers, self._kept, strict=True):
                buffer.copy_(kept)
            if isinstance(self._objective.adversarial, ClusteredLoss):
                self._objective.adversarial.notice_restored()
        self._precision.update()
        return StepResult(numbers, is_finite)

    def _gradients(self, batch: Batch, control: StepControl) -> Numbers:
        """Accumulate the gradients of all pieces and return what the losses add up to."""
        pieces = batch.pieces(control.pieces)
        scale = self._scale(pieces)
        found: list[Numbers] = []
        for piece in pieces:
            with self._synchronised(piece is pieces[-1]):
                with self._precision.autocast():
                    losses = self._wrapped(
                        piece,
                        strength=control.strength,
                        generator=control.generator,
                        scale=scale,
                        measure=self._precision.loss_scale if control.measure else 0.0,
                        guidance=control.guidance,
                    )
                torch.autograd.backward(self._precision.scaled(losses["loss"]))
            found.append({name: value.detach() for name, value in losses.items()})
        return joined(found)

    def _synchronised(self, is_last: bool) -> AbstractContextManager[None]:
        """Return the context of a piece: the ranks' gradients are averaged with the last one's."""
        if isinstance(self._wrapped, DistributedDataParallel) and not is_last:
            return self._wrapped.no_sync()
        return nullcontext()

    def _scale(self, pieces: Sequence[Batch]) -> Scale:
        """Return what makes the losses of all pieces on all ranks add up to those of one batch.

        The gradients of the ranks are averaged, those of the pieces added.
        """
        weights = torch.stack([self._objective.label_weight(piece) for piece in pieces])
        world_size = self._fabric.world_size
        label_weight = summed(self._fabric, weights.sum()) / world_size
        loss, mean = self._objective.adversarial, 1 / len(pieces)
        sums = isinstance(loss, DomainLoss) and loss.reduction == "sum"
        adversarial = float(world_size) if sums else mean
        return Scale(label_weight, adversarial=adversarial, unlabelled=mean)

    def _gradient_norms(self) -> Numbers:
        for optimization in self._optimizations:
            self._precision.unscale(optimization.optimizer)
        return {each.norm_name: each.gradient_norm() for each in self._optimizations}

    def _over_ranks(self, numbers: Numbers) -> tuple[Numbers, bool]:
        """Return the means over the ranks, and whether what decides is finite on all of them.

        Diagnostics that a rank has not measured (nan) are means over the others.
        """
        deciding = ["loss", *(each.norm_name for each in self._optimizations)]
        values = torch.stack([value.float() for value in numbers.values()])
        is_known = values.isfinite()
        packed = torch.stack([values.where(is_known, 0), is_known.float()])
        sums, counts = summed(self._fabric, packed)
        means = dict(zip(numbers, (sums / counts).unbind(), strict=True))
        known = dict(zip(numbers, (counts == self._fabric.world_size).tolist(), strict=True))
        return means, all(known[name] for name in deciding)


def joined(found: Sequence[Mapping[str, Tensor]]) -> Numbers:
    """Return the numbers of several pieces as one's: losses are added, all else averaged."""
    if len(found) == 1:
        return dict(found[0])
    stacked = {name: torch.stack([piece[name].float() for piece in found]) for name in found[0]}
    return {
        name: values.sum() if name.startswith("loss") else values.nanmean()
        for name, values in stacked.items()
    }
