"""Being asked to stop: all ranks stop after the same step."""

import signal
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, distributed

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Ctrl-C, the end of a job, and the warning before it (`--signal=USR1@120` of Slurm)."""


class StopVote:
    """Lets all ranks know, one step later, that one of them was asked to stop.

    A rank that stopped by itself would leave the others waiting for its gradients. The votes of a
    step travel while the next one computes, on the CPU, so that no device waits for them.

    Args:
        caught: Gets the signals that this rank is sent, see `stop_signals`.
    """

    def __init__(self, caught: Sequence[signal.Signals]) -> None:
        self._caught = caught
        self._group: Any = None
        self._pending: tuple[Any, Tensor] | None = None
        if distributed.is_initialized() and distributed.get_world_size() > 1:
            self._group = distributed.new_group(backend="gloo")

    def agreed(self) -> signal.Signals | None:
        """Return the signal after which to stop now, the same on all ranks; None to go on."""
        own = self._caught[0] if self._caught else 0
        if self._group is None:
            return signal.Signals(own) if own else None
        agreed = self._last()
        votes = torch.tensor(int(own))
        work = distributed.all_reduce(
            votes, op=distributed.ReduceOp.MAX, group=self._group, async_op=True
        )
        self._pending = (work, votes)
        return signal.Signals(agreed) if agreed else None

    def _last(self) -> int:
        """Return what the votes of the step before came to, 0 for none."""
        if self._pending is None:
            return 0
        work, votes = self._pending
        work.wait()
        return int(votes)
