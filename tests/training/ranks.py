"""What each of several processes does with the objective; run by test_ranks."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from tests.training.small import (
    CLUSTERED,
    DOMAIN,
    NETWORKS,
    WEIGHTS,
    random_batch,
    small_recipe,
)
from vsda.models.shared_batch_norm import share_batch_norm
from vsda.stream.domains import Batch, Part
from vsda.training.average import WeightAverage
from vsda.training.build import build_network, build_objective
from vsda.training.optimization import build_optimizations
from vsda.training.precision import MixedPrecision
from vsda.training.step import StepControl, Stepper
from vsda.training.terms import Guidance

LOSSES = {"domain": DOMAIN, "clustered": CLUSTERED, "summed": DOMAIN | {"reduction": "sum"}}
FRAMES = {
    "entropy": {"loss": "entropy"},
    "teacher": {"loss": "teacher", "confidence": 0.35, "mix": "classes"},
}
"""Losses of unlabelled frames by themselves."""
STEPS = 5
_SGD = {"name": "momentum", "learning_rate": 0.01, "momentum": 0.0, "schedule": "constant"}


class _Wrapping:
    """Stands in for Fabric where the processes are started by hand."""

    def __init__(self):
        self.world_size = distributed.get_world_size() if distributed.is_initialized() else 1
        self.strategy = SimpleNamespace(
            setup_module=DistributedDataParallel if self.world_size > 1 else lambda module: module
        )


def batch_of_step(step):
    """Return 4 labelled images, of which the first half has almost no labels, and 4 frames."""
    batch = random_batch(step)
    masks = batch.images.masks.clone()
    masks[:2, 4:] = 255
    frames = torch.cat([batch.videos.pictures, batch.videos.pictures[:1] // 2])
    return Batch(images=Part(batch.images.pictures, masks), videos=Part(frames))


def half(batch, rank):
    """Return one rank's half of a batch."""
    part = slice(2 * rank, 2 * rank + 2)
    return Batch(
        images=Part(batch.images.pictures[part], batch.images.masks[part]),
        videos=Part(batch.videos.pictures[part]),
    )


def work(rank, world_size, folder):
    """Train with each loss as one of `world_size` processes; leave the results in `folder`."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/rendezvous",
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=120),
    )
    found = {
        loss: trained(loss, lambda step: half(batch_of_step(step), rank))
        for loss in (*LOSSES, *FRAMES)
    }
    found["non-finite"] = with_a_bad_batch(rank)
    torch.save(found, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def made(loss):
    """Return an objective without anything random in its forward, and what does its steps."""
    network = NETWORKS["swin_upernet"] | {"drop_path_rate": 0.0}
    losses = {"unlabelled": FRAMES[loss]} if loss in FRAMES else {"adversarial": LOSSES[loss]}
    recipe = small_recipe(network=network, optimizer=_SGD, discriminator_optimizer=_SGD, **losses)
    model = build_objective(build_network(recipe, 3), recipe, WEIGHTS)
    model.network.decoder.dropout.p = 0.0
    wrapping = _Wrapping()
    if wrapping.world_size > 1:
        share_batch_norm(model, torch.device("cpu"))
    optimizations = build_optimizations(model, recipe)
    precision = MixedPrecision("32", torch.device("cpu"))
    return model, Stepper(wrapping, model, optimizations, precision)


def control(step, pieces=1, guidance=None):
    generator = torch.Generator().manual_seed(step)
    return StepControl(
        step=step, strength=1.0, generator=generator, pieces=pieces, guidance=guidance
    )


def trained(loss, batches, pieces=1):
    """Return the first step's gradients and numbers, and the states after a few steps."""
    model, stepper = made(loss)
    teacher = WeightAverage(model.network, 0.9)
    first = numbers = guidance = None
    for step in range(STEPS):
        if loss in FRAMES:
            draws = torch.Generator().manual_seed(step)
            guidance = Guidance(weight=1.0, generator=draws, teacher=teacher.network)
        result = stepper.step(batches(step), control(step, pieces, guidance))
        teacher.update(model.network, step + 1)
        first = first or {name: p.grad.clone() for name, p in model.named_parameters()}
        numbers = numbers or result.numbers
    after = model.state_dict()
    return {"first": first, "numbers": numbers, "after": after, "teacher": teacher.state_dict()}


def with_a_bad_batch(rank):
    """Return the states round a step for which the second rank alone has weights of nan."""
    model, stepper = made("domain")
    stepper.step(half(batch_of_step(0), rank), control(0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    if rank == 1:
        model.class_weights.fill_(torch.nan)
    result = stepper.step(half(batch_of_step(1), rank), control(1))
    return {"before": before, "after": model.state_dict(), "was_done": result.was_done}
