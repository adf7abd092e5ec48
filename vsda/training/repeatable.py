"""What lets a run repeat bit for bit: seeds that follow from the step, sums in one order."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils import deterministic


def step_seeds(seed: int, step: int, rank: int) -> tuple[int, int, int]:
    """Return the seeds of one step's random draws.

    They are the network's, the adversarial part's, and those of the unlabelled frames' loss.
    """
    states = np.random.SeedSequence([seed, step, rank]).generate_state(3, np.uint64)
    network, adversarial, unlabelled = (int(state >> 1) for state in states)
    return network, adversarial, unlabelled


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Let a CPU's kernels add up in one order inside the block, so that a run repeats bit for bit.

    Without, threads share the gradient of an indexed table, such as attention's position biases,
    and add to it in the order in which they come. A GPU is left as it is.
    """
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or device.type == "cpu")
    filled = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    # Overwriting what is computed anyway costs time and decides nothing.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
