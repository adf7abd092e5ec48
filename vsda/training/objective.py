"""One step: batches of both domains in, losses out. The only place where streams become losses."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsda.adversarial.losses import AdversarialTerms, ClusteredLoss, DomainLoss
from vsda.models.network import SegmentationNetwork
from vsda.stream.domains import Batch
from vsda.stream.transforms import normalise
from vsda.taxonomy import IGNORE_INDEX


@dataclass(frozen=True, kw_only=True, slots=True)
class StepLosses:
    """The losses of one step; `total` carries the graph, the rest is detached.

    Attributes:
        total: Scalar to descend on. The network meets the adversarial term behind the gradient
            reversal, so that it climbs what the discriminator descends.
        segmentation: Weighted cross-entropy of the labelled images.
        adversarial: Loss and diagnostics of the discriminator; None in a source-only run.
    """

    total: Tensor
    segmentation: Tensor
    adversarial: AdversarialTerms | None

    def scalars(self) -> dict[str, Tensor]:
        """Return every number to log by name, detached and on the device."""
        own = {"loss": self.total.detach(), "loss_segmentation": self.segmentation}
        return own if self.adversarial is None else own | self.adversarial.scalars()


class Objective(nn.Module):
    """L = L_seg - mu L_dc (the paper's eq. for the minimax game), with mu in the reversal.

    The network and the discriminator live in one module, so that one wrapped forward serves both.
    Frames pass the patch embedding alone: never the encoder, the decoder or the cross-entropy.

    Args:
        network: The segmentation network.
        adversarial: The loss over both domains' tokens; None for a source-only run.
        class_weights: (K + 1,) of the cross-entropy.
    """

    class_weights: Tensor

    def __init__(
        self,
        network: SegmentationNetwork,
        adversarial: DomainLoss | ClusteredLoss | None,
        class_weights: Tensor,
    ) -> None:
        super().__init__()
        self.network = network
        self.adversarial = adversarial
        self.register_buffer("class_weights", class_weights)

    def forward(self, batch: Batch, *, strength: float, generator: torch.Generator) -> StepLosses:
        """Return the losses of `batch`.

        Args:
            batch: Images, masks and frames.
            strength: Of the gradient reversal: the paper's mu.
            generator: Source of the adversarial part's random draws.
        """
        # Each domain is embedded by a call of its own: a joint batch may round the images' features
        # otherwise, and mu = 0 shall equal a source-only run bit for bit.
        source_tokens = self.network.patch_embed(normalise(batch.images))
        height_px, width_px = batch.masks.shape[-2:]
        logits = self.network.decode(self.network.encode(source_tokens), (height_px, width_px))
        # Masks travel as bytes; the loss wants int64.
        segmentation = segmentation_loss(logits, batch.masks.long(), self.class_weights)
        if self.adversarial is None or batch.frames is None:
            detached = segmentation.detach()
            return StepLosses(total=segmentation, segmentation=detached, adversarial=None)
        target_tokens = self.network.patch_embed(normalise(batch.frames))
        terms = self.adversarial(
            source_tokens, target_tokens, strength=strength, generator=generator
        )
        return StepLosses(
            total=segmentation + terms.loss, segmentation=segmentation.detach(), adversarial=terms
        )


def segmentation_loss(logits: Tensor, masks: Tensor, class_weights: Tensor) -> Tensor:
    """Return the weighted mean cross-entropy over the pixels that carry a label.

    Args:
        logits: (N, K + 1, H, W).
        masks: (N, H, W) int64 in [0, K] or `IGNORE_INDEX`.
        class_weights: (K + 1,); the mean divides by the sum of the labelled pixels' weights.

    Returns:
        Scalar in the dtype of `class_weights`. It is 0, not nan, when no pixel carries a label.
    """
    logits = logits.to(class_weights.dtype)  # never sum thousands of pixels in 16 bits
    total = functional.cross_entropy(
        logits, masks, weight=class_weights, ignore_index=IGNORE_INDEX, reduction="sum"
    )
    labelled = masks != IGNORE_INDEX
    weight = class_weights[masks.where(labelled, 0)] * labelled
    return total / weight.sum().clamp_min(torch.finfo(class_weights.dtype).tiny)
