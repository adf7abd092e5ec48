"""One step: batches of both domains in, losses out. The only place where streams become losses."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsda.adversarial.losses import AdversarialTerms, ClusteredLoss, DomainLoss
from vsda.models.batch_norm import batch_norm_statistics
from vsda.models.network import Levels, SegmentationNetwork
from vsda.stream.domains import Batch, Part
from vsda.stream.transforms import normalise
from vsda.taxonomy import IGNORE_INDEX
from vsda.training.encoding import Encoded, encode_groups
from vsda.training.frozen import still_norms
from vsda.training.measures import batch_mean_iou, gradient_ratio
from vsda.training.terms import Guidance, Scale, Weights
from vsda.training.view import View
from vsda.unlabelled import EntropyLoss, Frames, TeacherLoss, UnlabelledTerms

SOURCE = ("images",)
TARGET = ("videos", "labelled_videos")
"""The fields of a batch by domain."""


class Objective(nn.Module):
    """L = L_seg - mu L_dc (the paper's minimax game), with the sign and mu in the reversal.

    The network and the discriminator live in one module, so that one wrapped forward serves both.
    To a discriminator pictures without labels are encoded as deep as it looks: they never reach
    the decoder or the cross-entropy. Only `unlabelled` sends them there.

    Args:
        network: The segmentation network.
        weights: Of the terms.
        adversarial: The loss over both domains' features; None for a run without.
        view: Where it looks; needed with `adversarial`.
        unlabelled: The loss of unlabelled frames by themselves; None for a run without.
    """

    class_weights: Tensor

    def __init__(
        self,
        network: SegmentationNetwork,
        weights: Weights,
        adversarial: DomainLoss | ClusteredLoss | None = None,
        view: View | None = None,
        unlabelled: EntropyLoss | TeacherLoss | None = None,
    ) -> None:
        super().__init__()
        self.network, self.adversarial, self.view = network, adversarial, view
        self.unlabelled = unlabelled
        self.adversarial_weight, self.auxiliary_weight = weights.adversarial, weights.auxiliary
        self.register_buffer("class_weights", weights.classes)

    def train(self, mode: bool = True) -> Self:
        """Switch to training, but for batch norms that do not learn."""
        super().train(mode)
        for norm in still_norms(self.network):
            norm.eval()
        return self

    def forward(
        self,
        batch: Batch,
        *,
        strength: float,
        generator: torch.Generator,
        scale: Scale | None = None,
        measure: float = 0.0,
        guidance: Guidance | None = None,
    ) -> dict[str, Tensor]:
        """Return the losses and diagnostics of `batch` by name, all scalars on its device.

        `loss` carries the graph and is what to descend on; the network meets its adversarial term
        behind the gradient reversal. All else is detached.

        Args:
            batch: Labelled pictures and, for the adversarial loss, both domains.
            strength: Of the gradient reversal.
            generator: Source of the adversarial part's random draws.
            scale: What makes the losses of the parts of a larger batch add up; None for a batch
                that stands by itself.
            measure: Unless it is 0, add what costs time: `train_miou`, the mean IoU on the labelled
                pictures, and, with an adversarial loss, `gradient_ratio`. It is what losses are
                multiplied by, so that their gradients fit into 16 bits.
            guidance: Of the unlabelled frames' loss; None leaves it out.
        """
        scale = scale or Scale(label_weight=self.label_weight(batch))
        # Labelled pictures go first and by themselves: a batch joined with unlabelled ones may
        # round otherwise and draws other random numbers, and mu = 0 shall equal a source-only run
        # bit for bit.
        labelled = _labelled(batch)
        pictures = {name: normalise(part.pictures) for name, (part, _) in labelled.items()}
        encoded = encode_groups(self.network, pictures)
        # Masks travel as bytes; the loss wants int64.
        masks = torch.cat([masks.flatten(0, -3) for _, masks in labelled.values()]).long()
        logits, terms = self._segmentation(encoded, masks, scale.label_weight)
        loss = total = torch.stack(list(terms.values())).sum()
        losses = {name: term.detach() for name, term in terms.items()}
        if measure:
            losses["train_miou"] = batch_mean_iou(logits.detach(), masks)
        # Frames come last, so that their random draws shift nobody else's.
        shared = {} if guidance is None else self._shared(batch)
        if self.adversarial is not None and self.view is not None:
            groups = {**encoded.groups, **shared}
            domains = self._domains(self.view, batch, groups, generator)
            found: AdversarialTerms = self.adversarial(
                *domains, strength=strength, generator=generator
            )
            term = scale.adversarial * self.adversarial_weight * found.loss
            if measure:
                through = [levels[self.view.tap].raw for levels in encoded.origins]
                losses["gradient_ratio"] = gradient_ratio(measure * term, measure * total, through)
            scalars = found.scalars()
            scalars["loss_adversarial"] = scale.adversarial * scalars["loss_adversarial"]
            loss, losses = loss + term, losses | scalars
        if guidance is not None and (learnt := self._learnt(batch, guidance, shared)) is not None:
            loss = loss + scale.unlabelled * guidance.weight * learnt.loss
            losses |= learnt.scaled(scale.unlabelled)
        return {"loss": loss, **losses}

    def label_weight(self, batch: Batch) -> Tensor:
        """Return the sum of the class weights of all labelled pixels of `batch`, a scalar.

        The cross-entropy's weighted mean divides by it.
        """
        found = [
            _pixel_weights(masks.long(), self.class_weights).sum()
            for _, masks in _labelled(batch).values()
        ]
        return torch.stack(found).sum()

    def _domains(
        self, view: View, batch: Batch, groups: Mapping[str, Levels], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the features of source and target, as the view deals them."""
        source, target = (
            torch.cat(self._features(view, batch, groups, names)) for names in (SOURCE, TARGET)
        )
        return view.domains(source, target, generator)

    def _features(
        self, view: View, batch: Batch, groups: Mapping[str, Levels], names: tuple[str, ...]
    ) -> list[Tensor]:
        """Return the features of a domain's parts, encoding those that `groups` lacks."""
        parts: dict[str, Part] = {
            name: part for name in names if (part := getattr(batch, name)) is not None
        }
        return [
            view.features(groups[name])
            if name in groups
            else view.unlabelled(self.network, normalise(part.pictures))
            for name, part in parts.items()
        ]

    def _shared(self, batch: Batch) -> dict[str, Levels]:
        """Return the levels of unlabelled frames where both losses look at the same ones."""
        view, loss, frames = self.view, self.unlabelled, batch.videos
        if view is None or loss is None or frames is None:
            return {}
        if not loss.takes_frames_as_they_are or view.statistics != loss.statistics:
            return {}
        with batch_norm_statistics(self.network, loss.statistics):
            return {"videos": self.network.encode(normalise(frames.pictures))}

    def _learnt(
        self, batch: Batch, guidance: Guidance, shared: Mapping[str, Levels]
    ) -> UnlabelledTerms | None:
        """Return the loss of the unlabelled frames by themselves, None where there are none."""
        if self.unlabelled is None or batch.videos is None:
            return None
        labelled, _ = next(iter(_labelled(batch).values()))
        frames = Frames(
            pictures=batch.videos.pictures,
            levels=shared.get("videos"),
            teacher=guidance.teacher,
            class_weights=self.class_weights,
            generator=guidance.generator,
            labelled=labelled,
        )
        return self.unlabelled(self.network, frames)

    def _segmentation(
        self, encoded: Encoded, masks: Tensor, label_weight: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits, and the cross-entropies of both heads over all labelled frames."""
        height_px, width_px = masks.shape[-2:]
        logits = self.network.decode(encoded.joined, (height_px, width_px))
        loss = segmentation_loss(logits, masks, self.class_weights, label_weight)
        terms = {"loss_segmentation": loss}
        auxiliary = self.network.decode_auxiliary(encoded.joined, (height_px, width_px))
        if auxiliary is not None:
            loss = segmentation_loss(auxiliary, masks, self.class_weights, label_weight)
            terms["loss_auxiliary"] = self.auxiliary_weight * loss
        return logits, terms


def segmentation_loss(
    logits: Tensor, masks: Tensor, class_weights: Tensor, label_weight: Tensor | None = None
) -> Tensor:
    """Return the weighted mean cross-entropy over the pixels that carry a label.

    Args:
        logits: (N, K, H, W).
        masks: (N, H, W) int64 in [0, K) or `IGNORE_INDEX`.
        class_weights: (K,).
        label_weight: What the sum is divided by; None for the sum of the labelled pixels' weights,
            which makes it a mean.

    Returns:
        Scalar in the dtype of `class_weights`. It is 0, not nan, when no pixel carries a label.
    """
    if label_weight is None:
        label_weight = _pixel_weights(masks, class_weights).sum()
    logits = logits.to(class_weights.dtype)  # never sum thousands of pixels in 16 bits
    with torch.autocast(logits.device.type, enabled=False):
        total = functional.cross_entropy(
            logits, masks, weight=class_weights, ignore_index=IGNORE_INDEX, reduction="sum"
        )
    return total / label_weight.clamp_min(torch.finfo(class_weights.dtype).tiny)


def _pixel_weights(masks: Tensor, class_weights: Tensor) -> Tensor:
    labelled = masks != IGNORE_INDEX
    return class_weights[masks.where(labelled, 0)] * labelled


def _labelled(batch: Batch) -> dict[str, tuple[Part, Tensor]]:
    """Return the parts that carry labels, with their masks, by the fields of the batch."""
    parts = {"images": batch.images, "labelled_videos": batch.labelled_videos}
    return {
        name: (part, part.masks)
        for name, part in parts.items()
        if part is not None and part.masks is not None
    }
