"""How much memory training has taken."""

import torch

from vsda.memory import peak_bytes


def peak_memory_bytes(device: torch.device) -> int:
    """Return the peak of what was allocated on a GPU, elsewhere of this process's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_bytes()
