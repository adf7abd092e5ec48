"""What batch normalisation needs, and how it treats frames that must leave no trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vsda.errors import UsageError

Statistics = Literal["running", "batch", "tracked"]


def check_batch(module: nn.Module, num_images: int, where: str) -> None:
    """Raise UsageError if `module` is to normalise over a batch that has one value per channel.

    Args:
        module: With batch norms after a pooling to maps of one pixel.
        num_images: Of the batch.
        where: What the message calls the module.
    """
    # SyncBatchNorm is another class: it sees the images of all processes.
    norms = (layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d))
    # A length that is not a plain number, as in an export, is looked at in training alone.
    if any(norm.training for norm in norms) and num_images == 1:
        raise UsageError(
            f"{where} got a batch of 1 image in training mode, expected at least 2: its batch"
            " normalisation has one value per channel there; raise the batch size, or call"
            " eval() to predict"
        )


@contextmanager
def batch_norm_statistics(module: nn.Module, statistics: Statistics) -> Iterator[None]:
    """Let the batch norms of `module` use, inside the block, the given statistics.

    `running`: the running averages, as in prediction; nothing is updated. `batch`: those of the
    batch, without updating the averages. `tracked`: whatever the module does anyway.

    A network in evaluation mode uses its running averages in any case.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    try:
        for norm in norms:
            if statistics == "running":
                norm.training = False
            elif statistics == "batch" and norm.training:
                norm.track_running_stats = False
        yield
    finally:
        for norm, (training, tracked) in zip(norms, before, strict=True):
            norm.training, norm.track_running_stats = training, tracked
