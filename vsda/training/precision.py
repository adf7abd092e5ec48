"""Mixed precision: what may take 16 bits, and the scale that keeps gradients above 0."""

from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

Precision = Literal["32", "bf16-mixed", "16-mixed"]

_TYPES = {"32": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


class MixedPrecision:
    """The precision of a run on a device.

    The weights stay in 32 bits. With 16 bits of floating point (`16-mixed`) the loss is scaled up,
    since the gradient of a mean over thousands of pixels is too small for them; the scale is
    halved when a gradient overflows and doubled after a while without. One scale serves all
    optimisers, and is updated once per step: whoever divides by it divides by the same.

    Args:
        precision: As in the recipe.
        device: Where the run computes.
    """

    def __init__(self, precision: Precision, device: torch.device) -> None:
        self._type = _TYPES[precision]
        self._device_type = device.type
        self._scaler = GradScaler(device.type, enabled=precision == "16-mixed")

    @property
    def scales(self) -> bool:
        """Whether losses are scaled."""
        return self._scaler.is_enabled()

    @property
    def loss_scale(self) -> float:
        """What losses are multiplied by; 1 where they are not scaled."""
        return float(self._scaler.get_scale())

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context of a forward pass."""
        is_mixed = self._type != torch.float32
        kind = self._type if is_mixed else None
        return torch.autocast(self._device_type, dtype=kind, enabled=is_mixed)

    def scaled(self, loss: Tensor) -> Tensor:
        """Return what to take the gradient of."""
        scaled: Tensor = self._scaler.scale(loss)
        return scaled

    def unscale(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimiser's parameters by the scale."""
        self._scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        """Let an optimiser whose gradients are unscaled do its update."""
        self._scaler.step(optimizer)

    def update(self) -> None:
        """Adapt the scale; once per step, after all optimisers or in place of them."""
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Return the scale and what moves it; empty without."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the scale of a checkpoint."""
        if state and self.scales:
            self._scaler.load_state_dict(state)
