"""What an adversarial loss returns, and the cross-entropy that all are made of."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialTerms:
    """An adversarial loss and what to watch beside it.

    All diagnostics are detached and stay on the device; None where the loss has no such thing, nan
    where there was nothing to measure. A loss near ln 2 (of the mean) and accuracies near 0.5 mean
    that the discriminator is at chance, which alone does not show that the features are alike.

    Attributes:
        loss: Scalar, at least float32, with a graph; already reversed, to be added to the others.
        accuracy_source: Scalar, share of image tokens taken for an image.
        accuracy_target: Scalar, share of frame tokens taken for a frame.
        accuracy_same: Scalar, share of same-domain pairs recognised.
        accuracy_cross: Scalar, share of cross-domain pairs recognised.
        cluster_source_share: (k,), share of image tokens in each cluster; nan for an empty one.
        num_valid_clusters: Scalar int64, clusters that gave pairs.
    """

    loss: Tensor
    accuracy_source: Tensor | None = None
    accuracy_target: Tensor | None = None
    accuracy_same: Tensor | None = None
    accuracy_cross: Tensor | None = None
    cluster_source_share: Tensor | None = None
    num_valid_clusters: Tensor | None = None

    def scalars(self) -> dict[str, Tensor]:
        """Return all values by name for a log, detached scalars that stay on the device.

        `loss` becomes `loss_adversarial`, `cluster_source_share` one entry per cluster
        (`cluster_source_share_0`, ...). What is None is left out; what was not measured is nan.
        """
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        named["loss_adversarial"] = named.pop("loss").detach()
        return {
            name: value
            for key, tensor in named.items()
            if tensor is not None
            for name, value in _flat(key, tensor).items()
        }


def cross_entropy(logits: Tensor, truth: Tensor | int) -> Tensor:
    """Return the binary cross-entropy of each logit, in at least 32 bits.

    Args:
        logits: Any floating shape and type.
        truth: 0 or 1, or a tensor of them that broadcasts to `logits`.
    """
    # In 16 bits a sum over 131,072 tokens at chance, 90,852, would be infinite.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    with torch.autocast(logits.device.type, enabled=False):
        return functional.binary_cross_entropy_with_logits(
            logits, torch.ones_like(logits) * truth, reduction="none"
        )


def known_reduction(reduction: Reduction) -> Reduction:
    """Return `reduction`; ValueError if there is none of this name."""
    if reduction not in get_args(Reduction):
        raise ValueError(f"reduction: got {reduction!r}, expected one of {get_args(Reduction)}")
    return reduction


def _flat(name: str, tensor: Tensor) -> dict[str, Tensor]:
    if tensor.dim() == 0:
        return {name: tensor}
    return {f"{name}_{index}": value for index, value in enumerate(tensor.unbind())}
