"""What each of several processes does with the objective; run by test_ranks."""

from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from tests.training.small import CLUSTERED, DOMAIN, NETWORKS, random_batch, small_objective
from vsda.stream.domains import Batch, Part

LOSSES = {"domain": DOMAIN, "clustered": CLUSTERED}
STEPS = 5


def objective(loss):
    """Return the small objective without anything random in its forward."""
    network = NETWORKS["swin_upernet"] | {"drop_path_rate": 0.0}
    return small_objective(network=network, adversarial=LOSSES[loss])


def batch_of_step(step):
    """Return 4 labelled images and 4 frames; all masks hold each class equally often.

    The cross-entropy divides by the weights of a rank's pixels, so that the mean of two ranks is
    that of the whole batch only where both have the same.
    """
    batch = random_batch(step)
    rows = torch.arange(32)
    mask = ((rows[:, None] + rows) % 3).to(torch.uint8)
    frames = torch.cat([batch.videos.pictures, batch.videos.pictures[:1] // 2])
    return Batch(images=Part(batch.images.pictures, mask.expand(4, 32, 32)), videos=Part(frames))


def half(batch, rank):
    """Return one rank's half of a batch."""
    return Batch(
        images=Part(batch.images.pictures[rank::2], batch.images.masks[rank::2]),
        videos=Part(batch.videos.pictures[rank::2]),
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
    found = {loss: trained(loss, rank) for loss in LOSSES}
    torch.save(found, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def trained(loss, rank):
    """Return the first gradients and the last weights of a few steps on this rank's half."""
    model = objective(loss).eval()  # batch statistics are each rank's own in training
    wrapped = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first = None
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(10 * step + rank)
        optimizer.zero_grad()
        losses = wrapped(half(batch_of_step(step), rank), strength=1.0, generator=generator)
        losses["loss"].backward()
        first = first or {name: p.grad.clone() for name, p in model.named_parameters()}
        optimizer.step()
    return {"first": first, "after": dict(model.named_parameters())}
