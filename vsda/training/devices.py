"""On how many devices a run computes, and how its processes stay together."""

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed

from vsda.errors import ExitCode, RunError, UsageError, VsdaError

T = TypeVar("T")

_TIMEOUT = timedelta(minutes=30)
_PR_SET_PDEATHSIG = 1  # of prctl


@dataclass(frozen=True, kw_only=True, slots=True)
class Devices:
    """The devices of a run.

    Attributes:
        per_node: On each machine; None takes as many as there are processes where torchrun or Slurm
            started them, and one elsewhere.
        nodes: Machines; None as above.
    """

    per_node: int | None = None
    nodes: int | None = None

    @contextmanager
    def running(self) -> Iterator[Fabric]:
        """Give Fabric with all processes running and connected, and part them in the end.

        A process that ends while threads of its connections run may be aborted, or hang. Errors
        that are not ours go on at once: parting could wait for ranks that know nothing of them.

        Raises:
            UsageError: This machine has fewer devices, or see `numbers`.
        """
        fabric = self._start()
        try:
            yield fabric
        except (VsdaError, SystemExit):
            _part()
            raise
        _part()

    def _start(self) -> Fabric:
        """Return Fabric with all processes running and connected.

        On one machine the others are started as copies of this one's command; everything before
        this call is done by each of them, too.
        """
        per_node, nodes = self.numbers()
        has_gpu = torch.cuda.is_available()
        if has_gpu and per_node > torch.cuda.device_count():
            raise UsageError(
                f"--devices {per_node}: this process sees {torch.cuda.device_count()} GPUs; lower "
                "it, or let each see all (Slurm: --gpus-per-node in place of --gpus-per-task)"
            )
        is_alone = per_node * nodes == 1
        fabric = Fabric(
            accelerator="cuda" if has_gpu else "cpu",
            devices=per_node,
            num_nodes=nodes,
            strategy="auto" if is_alone else DDPStrategy(timeout=_TIMEOUT),
        )
        fabric.launch()
        if fabric.local_rank and _started("LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE") is None:
            _end_with_parent()
        if fabric.global_rank:  # what befalls this rank alone is still to be heard
            logging.getLogger("vsda").setLevel(logging.WARNING)
        return fabric

    def numbers(self) -> tuple[int, int]:
        """Return the devices of each machine and the machines.

        Raises:
            UsageError: They are not those that the launcher has processes for.
        """
        local = _started("LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE")  # what torchrun, Slurm say
        everywhere = _started("WORLD_SIZE", "SLURM_NTASKS") or local
        per_node = self.per_node or local or 1
        nodes = self.nodes or (max(everywhere // local, 1) if local and everywhere else 1)
        if local and per_node != local:
            raise UsageError(
                f"--devices {per_node}: the launcher has started {local} processes on this "
                "machine, one for each device; leave the option out, or make both the same"
            )
        return per_node, nodes


def _part() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _started(*names: str) -> int | None:
    """Return the first of these variables that is a number."""
    found = (os.environ.get(name, "") for name in names)
    return next((int(value) for value in found if value.isdecimal()), None)


def quieten_other_ranks() -> None:
    """Let only one process say what all of them do before they are connected."""
    ranks = (os.environ.get(name, "0") for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))
    if any(rank != "0" for rank in ranks):
        logging.getLogger("vsda").setLevel(logging.ERROR)


def on_rank_zero(fabric: Fabric, work: Callable[[], T]) -> T:
    """Let rank 0 do `work` and return what it gives on every rank; it must be picklable.

    An error ends all ranks; rank 0 tells it.
    """
    if fabric.world_size == 1:
        return work()
    done: T | VsdaError | None = None
    if fabric.global_rank == 0:
        try:
            done = work()
        except OSError as error:
            done = RunError(f"{error.filename or 'the run folder'}: {error.strerror or error}")
        except VsdaError as error:
            done = error
    done = fabric.broadcast(done)
    if not isinstance(done, VsdaError):
        return done  # type: ignore[return-value]
    if fabric.global_rank == 0:
        raise done
    sys.exit(ExitCode.DONE)  # rank 0 tells how it ended


def gathered(fabric: Fabric, keys: set[str]) -> set[str]:
    """Return the keys of all ranks together."""
    if fabric.world_size == 1:
        return keys
    found: list[set[str]] = [set()] * fabric.world_size
    distributed.all_gather_object(found, keys)
    return set().union(*found)


def _end_with_parent() -> None:
    """Let this process, which another one has started, not outlive it on a GPU, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def summed(fabric: Fabric, values: Tensor) -> Tensor:
    """Return the sum of `values` over all ranks."""
    if fabric.world_size > 1:
        distributed.all_reduce(values)
    return values
