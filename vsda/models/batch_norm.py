"""How batch normalisation treats frames that must leave no trace in a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Statistics = Literal["running", "batch", "tracked"]


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
